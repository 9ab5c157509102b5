/* What a browser sends: forms (application/x-www-form-urlencoded), cookies, languages. Pure. */
#ifndef STATUS_FORM_H
#define STATUS_FORM_H

#include "base/arena.h"
#include "base/str.h"

/* The field's value, decoded, in a; NULL when there is none, or it is not UTF-8. */
const char *form_value(struct str body, const char *name, struct arena *a);
/* A cookie's value of a Cookie header (NULL is fine), in a; NULL. */
const char *cookie_value(const char *header, const char *name, struct arena *a);
/* Does the Accept-Language header (RFC 9110, 12.5.4; NULL is fine) prefer Chinese to English? */
bool prefers_chinese(const char *header);

#endif
