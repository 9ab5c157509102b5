/* See sip_wire.h. */
#include "probe/sip_wire.h"

#include <ctype.h>
#include <strings.h>

void sip_write(struct buf *out, const struct sip_request *q)
{
    bool v6 = strchr(q->host, ':') != NULL;
    const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";
    const char *scheme = strcmp(q->transport, "TLS") == 0 ? "sips" : "sip";
    const char *user = q->user ? q->user : "", *at = q->user ? "@" : "";
    must(q->branch[0] && q->tag[0]);
    buf_printf(out, "OPTIONS %s:%s%s%s%s%s:%d SIP/2.0\r\n", scheme, user, at, open, q->host, close,
               q->port);
    buf_printf(out, "Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\n", q->transport, q->local,
               q->branch);
    buf_printf(out, "Max-Forwards: 70\r\nFrom: <sip:belfry@%s>;tag=%s\r\n", q->local, q->tag);
    buf_printf(out, "To: <%s:%s%s%s%s%s:%d>\r\n", scheme, user, at, open, q->host, close, q->port);
    buf_printf(out, "Call-ID: %s@belfry\r\nCSeq: 1 OPTIONS\r\n", q->branch);
    buf_printf(out, "Contact: <sip:belfry@%s>\r\nAccept: application/sdp\r\n", q->local);
    buf_puts(out, "User-Agent: Belfry\r\nContent-Length: 0\r\n\r\n");
}

/* "Name : value", and the short form of some names. */
static bool is_header(struct str line, const char *name, const char *letter, struct str *value)
{
    struct str before, after;
    if (!str_cut(line, ':', &before, &after))
        return false;
    before = str_trim(before);
    if (!((before.n == strlen(name) && strncasecmp(before.p, name, before.n) == 0) ||
          (before.n == strlen(letter) && strncasecmp(before.p, letter, before.n) == 0)))
        return false;
    *value = str_trim(after);
    return true;
}

/* "SIP/2.0 200 OK" */
static bool read_status(struct str line, struct arena *a, struct sip_answer *out)
{
    static const struct str version = STR("SIP/2.0 ");
    if (!str_starts(line, version) || line.n < version.n + 3)
        return false;
    const char *p = line.p + version.n;
    for (int i = 0; i < 3; i++)
        if (!isdigit((unsigned char)p[i]))
            return false;
    out->status = 100 * (p[0] - '0') + 10 * (p[1] - '0') + (p[2] - '0');
    struct str reason = str_trim((struct str){p + 3, line.n - version.n - 3});
    out->reason = arena_strndup(a, reason.p, reason.n < 200 ? reason.n : 200);
    return out->status >= 100 && out->status < 700;
}

int sip_read(struct str head, const struct sip_request *q, struct arena *a, struct sip_answer *out)
{
    struct str line, value;
    bool first = true, ours = false;
    *out = (struct sip_answer){.reason = "", .server = ""};
    while (str_next(&head, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            break;
        if (first && !read_status(line, a, out))
            return 0;
        first = false;
        if (is_header(line, "Call-ID", "i", &value))
            ours = value.n > strlen(q->branch) && str_starts(value, str_of(q->branch));
        else if (is_header(line, "Server", "", &value) || is_header(line, "User-Agent", "", &value))
            out->server = arena_strndup(a, value.p, value.n < 200 ? value.n : 200);
    }
    must(!ours || !first);
    return ours;
}
