/* Mails as bytes (mail.h). Values never start a header line of their own: control characters are
 * dropped before anything is written. */
#include "notify/mail.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/str.h"

#define WORD_BYTES \
    42 /* of UTF-8 in an encoded word: 56 characters of base64, 68 with the wrapping */
#define LINE_BYTES 57 /* of the body in a line: 76 characters of base64 */

const char *mail_address(struct arena *a, const char *text)
{
    struct str s = str_trim(str_of(text));
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return NULL;
    const char *open = memrchr(s.p, '<', s.n);
    if (open != NULL) {
        if (s.p[s.n - 1] != '>')
            return NULL;
        s = (struct str){open + 1, (size_t)(s.p + s.n - 1 - (open + 1))};
    }
    const char *at = memrchr(s.p, '@', s.n);
    if (at == NULL || at == s.p || at == s.p + s.n - 1 || s.n > 254)
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("<>()[],;:\\\"", s.p[i]) != NULL)
            return NULL;
    return arena_strndup(a, s.p, s.n);
}

static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f)
            return false;
    return n < 600 && memmem(s, n, "=?", 2) == NULL;
}

static void add_words(struct buf *out, const char *s, size_t n)
{
    if (is_plain(s, n)) {
        buf_add(out, s, n);
        return;
    }
    struct buf clean = BUF_INIT(1 << 16);
    utf8_clean(&clean, s, n < 4000 ? n : utf8_cut(s, n, 4000));
    for (size_t i = 0; i < clean.len; i++)
        if ((unsigned char)clean.data[i] < 0x20 || clean.data[i] == 0x7f)
            clean.data[i] = ' ';
    for (size_t i = 0; i < clean.len;) {
        size_t len = utf8_cut(clean.data + i, clean.len - i, WORD_BYTES);
        must(len > 0);
        buf_puts(out, i > 0 ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        base64_encode(out, clean.data + i, len);
        buf_puts(out, "?=");
        i += len;
    }
    buf_done(&clean);
}

void mail_words(struct buf *out, const char *text)
{
    add_words(out, text, strlen(text));
}

/* "Name <addr>" with the name encoded, or the bare address. */
static void add_mailbox(struct buf *out, const char *text)
{
    struct str s = str_trim(str_of(text));
    const char *open = memrchr(s.p, '<', s.n);
    if (open == NULL || open == s.p) {
        buf_add(out, s.p, s.n);
        return;
    }
    struct str name = str_trim((struct str){s.p, (size_t)(open - s.p)});
    if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
        name = (struct str){name.p + 1, name.n - 2};
    if (is_plain(name.p, name.n)) {
        buf_putc(out, '"');
        for (size_t i = 0; i < name.n; i++)
            if (name.p[i] != '"' && name.p[i] != '\\')
                buf_putc(out, name.p[i]);
        buf_putc(out, '"');
    } else {
        add_words(out, name.p, name.n);
    }
    buf_putc(out, ' ');
    buf_add(out, open, (size_t)(s.p + s.n - open));
}

static void add_date(struct buf *out, int64_t wall_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL)
        return;
    buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
               months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void add_part(struct buf *out, const char *boundary, const char *type, const char *text)
{
    size_t n = strlen(text);
    buf_printf(out,
               "--%s\r\nContent-Type: %s; charset=utf-8\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               boundary, type);
    for (size_t i = 0; i < n; i += LINE_BYTES) {
        base64_encode(out, text + i, n - i < LINE_BYTES ? n - i : LINE_BYTES);
        buf_puts(out, "\r\n");
    }
    buf_puts(out, "\r\n");
}

static void add_ids(const struct mail *m, struct buf *out)
{
    const char *at = strrchr(m->from, '@');
    char domain[256];
    size_t n = at != NULL ? strcspn(at + 1, "> \t") : 0;
    snprintf(domain, sizeof(domain), "%.*s", (int)(n < 200 ? n : 200), n > 0 ? at + 1 : "");
    const char *host = n > 0 ? domain : "belfry";
    if (m->thread_id != 0 && m->first_of_thread)
        buf_printf(out, "Message-ID: <alert.%llu@%s>\r\n", (unsigned long long)m->thread_id, host);
    else
        buf_printf(out, "Message-ID: <delivery.%llu@%s>\r\n", (unsigned long long)m->delivery_id,
                   host);
    if (m->thread_id != 0 && !m->first_of_thread)
        buf_printf(out, "In-Reply-To: <alert.%llu@%s>\r\nReferences: <alert.%llu@%s>\r\n",
                   (unsigned long long)m->thread_id, host, (unsigned long long)m->thread_id, host);
}

static void add_leave(const struct mail *m, struct buf *out)
{
    for (const char *p = m->leave_url; p && *p; p++)
        if ((unsigned char)*p <= ' ' || char_in(*p, "<>"))
            return;
    if (m->leave_url)
        buf_printf(out,
                   "List-Unsubscribe: <%s>\r\n"
                   "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
                   m->leave_url);
}

void mail_build(const struct mail *m, struct buf *out)
{
    must(m->from && m->to->n > 0 && m->subject && m->text && m->html);
    char boundary[64];
    snprintf(boundary, sizeof(boundary), "=_belfry_%llu_%llu", (unsigned long long)m->delivery_id,
             (unsigned long long)m->wall_ms);
    add_date(out, m->wall_ms);
    buf_puts(out, "From: ");
    add_mailbox(out, m->from);
    buf_puts(out, "\r\nTo: ");
    for (size_t i = 0; i < m->to->n; i++) {
        buf_puts(out, i > 0 ? ",\r\n " : "");
        add_mailbox(out, m->to->at[i]);
    }
    buf_puts(out, "\r\nSubject: ");
    mail_words(out, m->subject);
    buf_puts(out, "\r\n");
    add_ids(m, out);
    add_leave(m, out);
    buf_printf(out,
               "X-Belfry-Delivery: %llu\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
               "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n",
               (unsigned long long)m->delivery_id, boundary);
    add_part(out, boundary, "text/plain", m->text);
    add_part(out, boundary, "text/html", m->html);
    buf_printf(out, "--%s--\r\n", boundary);
}
