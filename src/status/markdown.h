/* Markdown (CommonMark 0.30, through libcmark) as HTML that may stand in a page of ours, whoever wrote it: raw HTML is dropped,
 * links lead to http, https and mailto only and pass nothing on, pictures become their description. Any thread; pure. */
#ifndef STATUS_MARKDOWN_H
#define STATUS_MARKDOWN_H

#include "base/buf.h"

#define MARKDOWN_MAX 16384 /* bytes of one text: longer ones are cut */

void markdown_html(struct buf *out, const char *text);
/* The same as plain text, for mails and summaries. */
void markdown_text(struct buf *out, const char *text);

#endif
