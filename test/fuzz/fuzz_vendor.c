/* Vendors' answers, mail addresses, header words and SMTP replies from any bytes. First byte: which; second: HTTP status. */
#include <string.h>

#include "base/must.h"
#include "notify/channels.h"
#include "notify/mail.h"
#include "notify/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(uint8_t which, int status, const char *text, size_t n, struct arena *a)
{
    static const struct vendor *const vendors[] = {&vendor_wecom, &vendor_dingtalk, &vendor_feishu};
    struct post_reply reply = {.status = status, .body = {text, n}};
    struct err err = {0};
    int64_t retry_ms = 0;
    int rc = which == 3 ? slack_judge(&reply, &retry_ms, &err)
                        : vendor_judge(vendors[which], &reply, a, &retry_ms, &err);
    must((rc == 0) == (err.code == ERR_OK));
    must(rc == 0 || err.code == ERR_BUSY || err.code == ERR_DENIED);
    must(retry_ms >= 0);
}

static void mail(const char *text, size_t n, struct arena *a)
{
    struct buf b = BUF_INIT(1 << 20);
    const char *address = mail_address(a, text);
    must(address == NULL || strpbrk(address, " \r\n<>") == NULL);
    mail_words(&b, text);
    struct str rest = {b.data != NULL ? b.data : "", b.len}, line;
    for (bool first = true; str_next(&rest, '\n', &line); first = false)
        must(first || (line.n > 0 && line.p[0] == ' ')); /* never a header of its own */
    bool last;
    int code = smtp_reply_line((struct str){text, n}, &last);
    must(code == -1 || (code >= 200 && code <= 599));
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 70000)
        return 0;
    struct arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data + 2, size - 2);
    if (data[0] % 5 == 4)
        mail(text, strlen(text), a);
    else
        answer(data[0] % 5, data[1] == 0 ? 200 : 100 + data[1] * 2, text, size - 2, a);
    arena_free(a);
    return 0;
}
