/* See nats_wire.h. */
#include "probe/nats_wire.h"

#include <strings.h>

static bool is_word(struct str word, const char *wanted)
{
    return word.n == strlen(wanted) && strncasecmp(word.p, wanted, word.n) == 0;
}

static int bad_line(struct str line, struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "not a line of the NATS protocol: got \"%.*s\"",
                   (int)(line.n < 80 ? line.n : 80), line.p ? line.p : "");
}

/* The next word of a line; empty at its end. */
static struct str next_word(struct str *rest)
{
    struct str s = str_trim(*rest);
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    *rest = (struct str){s.p + n, s.n - n};
    return (struct str){s.p, n};
}

static int parse_msg(struct str line, struct str rest, struct nats_line *out, struct err *err)
{
    struct str words[4];
    size_t n = 0;
    uint64_t size;
    while (n < array_len(words) && (words[n] = next_word(&rest)).n > 0)
        n++;
    if (n < 3 || str_trim(rest).n > 0 || str_to_u64(words[n - 1], &size, NULL) != 0)
        return bad_line(line, err);
    if (size > NATS_PAYLOAD_MAX)
        return err_set(err, ERR_TOO_LARGE, "a message of %llu bytes; want at most %u",
                       (unsigned long long)size, NATS_PAYLOAD_MAX);
    *out = (struct nats_line){.op = NATS_MSG, .subject = words[0], .size = (uint32_t)size};
    return 0;
}

int nats_parse_line(struct str line, struct nats_line *out, struct err *err)
{
    struct str rest = line.p ? line : STR("");
    struct str word = next_word(&rest), text = str_trim(rest);
    if (is_word(word, "MSG"))
        return parse_msg(line, rest, out, err);
    struct nats_line got = {.text = text};
    if (is_word(word, "INFO") && text.n > 0)
        got.op = NATS_INFO;
    else if (is_word(word, "PING"))
        got.op = NATS_PING;
    else if (is_word(word, "PONG"))
        got.op = NATS_PONG;
    else if (is_word(word, "+OK"))
        got.op = NATS_OK;
    else if (is_word(word, "-ERR"))
        got.op = NATS_ERR;
    else
        return bad_line(line, err);
    if (got.op == NATS_ERR && text.n >= 2 && text.p[0] == '\'' && text.p[text.n - 1] == '\'')
        got.text = (struct str){text.p + 1, text.n - 2};
    must(got.text.n <= line.n);
    *out = got;
    return 0;
}
