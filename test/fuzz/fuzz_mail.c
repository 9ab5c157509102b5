/* The line protocols (SMTP, IMAP, POP3, FTP) and SIP over any lines: judges, capabilities, ports and heads keep their bounds. */
#include <string.h>

#include "probe/dialogue.h"
#include "probe/sip_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole answer, line by line as dialogue_hear keeps it. */
static void judge(const char *text, size_t size, int asked, bool listing,
                  enum dialogue_verdict (*fn)(const struct dialogue *, struct str))
{
    struct dialogue d = {
        .asked = asked, .listing = listing, .answer = BUF_INIT(DIALOGUE_ANSWER_MAX)};
    struct str rest = {text, size}, line;
    enum dialogue_verdict v = DIALOGUE_MORE;
    while (v == DIALOGUE_MORE && str_next(&rest, '\n', &line)) {
        v = fn(&d, line);
        must(v <= DIALOGUE_STRANGE);
        d.last = d.answer.len;
        buf_add(&d.answer, line.p, line.n);
        buf_putc(&d.answer, '\n');
        int port = dialogue_passive_port(line);
        must(port >= 0 && port <= 65535);
    }
    if (!d.answer.failed)
        must(dialogue_last(&d).n <= size);
    buf_done(&d.answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, size);
    struct sip_request q = {.transport = "UDP", .host = "h", .branch = "b7", .tag = "t"};
    struct sip_answer answer;
    for (int listing = 0; listing < 2; listing++) {
        judge(text, size, listing, false, dialogue_digits);
        judge(text, size, listing, false, dialogue_imap);
        judge(text, size, 1, listing, dialogue_pop3);
    }
    struct str all = {text, size}, before, after;
    if (str_cut(all, '\n', &before, &after))
        dialogue_capability(before, after);
    if (sip_read(all, &q, a, &answer))
        must(answer.status >= 100 && answer.status < 700 && strlen(answer.reason) <= 200);
    arena_free(a);
    return 0;
}
