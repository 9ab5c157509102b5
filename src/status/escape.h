/* A stranger's text in HTML and XML. Any thread; pure. */
#ifndef STATUS_ESCAPE_H
#define STATUS_ESCAPE_H

#include "base/buf.h"

/* Shows as it is in text and in quoted attributes, in HTML and in XML 1.0: & < > " ' are escaped, control characters and what is
 * not UTF-8 become U+FFFD. */
void put_escaped(struct buf *out, const char *text);
/* Text with %s for one escaped text (once), as words of a table are. The words themselves are not escaped. */
void put_filled(struct buf *out, const char *words, const char *text);

#endif
