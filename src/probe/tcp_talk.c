/* See tcp_talk.h. Runs in watchers; what the service says is foreign. */
#include "probe/tcp_talk.h"

#include <stdio.h>

#include "base/str.h"
#include "model/labels.h"

#define LINE_MAX_BYTES 65536
#define STEP_MAX_BYTES \
    65536 /* of lines that do not match: a service that never stops must not hold the loop */
#define SENT_MAX 65536 /* bytes of a send with a match put in */

const struct option tcp_step_options[] = {
    {"send", OPT_STRING, offsetof(struct tcp_step, send),
     .help = {"Text to send; \\r \\n \\t \\xNN are understood, nothing is added.",
              "要发送的文本；支持 \\r \\n \\t \\xNN，不自动加换行。"}},
    {"expand", OPT_BOOL, offsetof(struct tcp_step, expand), .def = "false", .advanced = true,
     .help = {"Put groups of the line matched last into send, for ${1}, $2 and so on.",
              "在 send 中把 ${1}、$2 等替换为最近一次匹配的分组。"}},
    {"expect", OPT_STRING, offsetof(struct tcp_step, expect),
     .help = {"Regular expression that a line of the answer must match.",
              "应答中某一行必须匹配的正则表达式。"}},
    {"expect_bytes", OPT_STRING, offsetof(struct tcp_step, expect_bytes), .advanced = true,
     .help = {"Bytes that must come next, with the escapes of send; for what is not lines.",
              "接下来必须收到的字节（转义同 send），用于非文本行协议。"}},
    {"labels", OPT_MAP, offsetof(struct tcp_step, labels), .max = RESULT_LABELS_MAX,
     .advanced = true, .example = "{version: \"${1}\"}",
     .help = {"Labels of the metric probe_expect_info; ${1} is a group of the line matched.",
              "指标 probe_expect_info 的标签；${1} 为匹配行的分组。"}},
    {"starttls", OPT_BOOL, offsetof(struct tcp_step, starttls), .def = "false", .advanced = true,
     .help = {"Speak TLS from here on, as after the service's yes to STARTTLS.",
              "从此处起使用 TLS，如服务同意 STARTTLS 之后。"}},
    OPTION_END,
};

/* --- reading the configuration --- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape behind a backslash stands for, or -1; *s moves behind it. */
static int take_escape(const char **s)
{
    static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    char c = *(*s)++;
    const char *at = c ? strchr(letters, c) : NULL;
    if (at)
        return bytes[at - letters];
    int hi = c == 'x' ? hex_value(**s) : -1, lo = hi >= 0 ? hex_value((*s)[1]) : -1;
    if (lo < 0)
        return -1;
    *s += 2;
    return hi << 4 | lo;
}

struct tcp_bytes tcp_unescape(const char *text, struct arena *a)
{
    size_t n = strlen(text);
    const char *s = text;
    char *out = arena_strndup(a, text, n), *w = out;
    while (*s) {
        int byte = (unsigned char)*s++;
        if (byte == '\\' && (byte = take_escape(&s)) < 0)
            return (struct tcp_bytes){0};
        *w++ = (char)byte;
    }
    must((size_t)(w - out) <= n); /* an escape never grows */
    return (struct tcp_bytes){out, (size_t)(w - out)};
}

static struct tcp_bytes read_bytes(const char *text, const char *name, struct arena *a,
                                   struct problems *p, const char *field)
{
    struct tcp_bytes b = text ? tcp_unescape(text, a) : (struct tcp_bytes){0};
    if (text && !b.p)
        problem_add(p, NULL, field, "unknown escape in %s; want \\r \\n \\t \\0 \\\\ or \\xNN",
                    name);
    return b;
}

static void check_labels(const struct tcp_step *step, struct problems *p, const char *field)
{
    if (step->labels.n && !step->expect)
        problem_add(p, NULL, field, "labels without expect; want the line that they are about");
    for (size_t i = 0; i < step->labels.n; i++)
        if (!label_name_classic(str_of(step->labels.at[i].key)))
            problem_add(p, NULL, field, "labels: got \"%.60s\"; want letters, digits and _",
                        step->labels.at[i].key);
}

static void check_step(struct tcp_step *step, struct arena *a, struct problems *p,
                       const char *field)
{
    struct err err = {0};
    step->out = read_bytes(step->send, "send", a, p, field);
    step->in = read_bytes(step->expect_bytes, "expect_bytes", a, p, field);
    if (step->expect && !(step->pattern = pattern_compile(step->expect, a, &err)))
        problem_add(p, NULL, field, "%s", err.msg);
    if (step->expect && step->expect_bytes)
        problem_add(p, NULL, field, "got both expect and expect_bytes; want one a step");
    if (!step->send && !step->expect && !step->expect_bytes && !step->starttls)
        problem_add(p, NULL, field, "empty step; want send, expect, expect_bytes or starttls");
    check_labels(step, p, field);
}

void tcp_talk_validate(struct section_list *list, bool secured, struct arena *a, struct problems *p,
                       const char *path)
{
    struct tcp_step *steps = list->at;
    for (size_t i = 0; i < list->n; i++) {
        char field[200];
        snprintf(field, sizeof(field), "%s%ssteps[%zu]", path, *path ? "." : "", i);
        check_step(&steps[i], a, p, field);
        if (steps[i].starttls && secured)
            problem_add(p, NULL, field, "starttls: TLS is spoken by then; want it once");
        secured = secured || steps[i].starttls;
    }
}

/* --- the dialogue --- */

struct talk {
    struct probe *p;
    const struct service *service;
    struct stream *s;
    struct result *r;
    const struct pattern *matched; /* of the last line that matched; NULL: none yet */
    struct str line;               /* that line, in the probe's arena */
    bool wrong_line, wrong_bytes;
};

/* A line, or what stands before the end of the stream without one. 1 got one, 0 the service closed, -1. */
static int take_line(struct talk *t, struct buf *line, struct err *err)
{
    buf_clear(line);
    if (stream_read_line(t->s, line, t->p->deadline_ns, err) == 0)
        return 1;
    if (err->code != ERR_PROTOCOL)
        return -1;
    return line->len > 0;
}

static int match_line(struct talk *t, const struct tcp_step *step, const struct buf *line,
                      struct err *err)
{
    int rc = pattern_match(step->pattern, line->data, line->len, err);
    if (rc <= 0)
        return rc;
    t->matched = step->pattern;
    t->line = (struct str){arena_strndup(t->p->arena, line->data ? line->data : "", line->len),
                           line->len};
    return 1;
}

static int expect_line(struct talk *t, const struct tcp_step *step, struct err *err)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    char last[120] = "";
    int rc;
    must(step->pattern != NULL);
    for (size_t seen = 0;; seen += line.len + 1) {
        if (seen > STEP_MAX_BYTES) {
            rc = err_set(err, ERR_TOO_LARGE, "none in the first %d bytes", STEP_MAX_BYTES);
            break;
        }
        rc = take_line(t, &line, err);
        t->wrong_line = rc == 0;
        if (rc > 0)
            rc = match_line(t, step, &line, err);
        else
            rc = -1;
        if (rc != 0)
            break;
        snprintf(last, sizeof(last), "%s", line.data ? line.data : "");
    }
    if (rc < 0)
        err_prefix(err, "waiting for a line that matches \"%.80s\"%s%s%s",
                   pattern_text(step->pattern), last[0] ? " (last line: \"" : "", last,
                   last[0] ? "\")" : "");
    buf_done(&line);
    return rc < 0 ? -1 : 0;
}

static int expect_bytes(struct talk *t, const struct tcp_step *step, struct err *err)
{
    char *got = arena_alloc(t->p->arena, step->in.n + 1);
    must(step->in.p != NULL);
    if (step->in.n > 0 && stream_read_full(t->s, got, step->in.n, t->p->deadline_ns, err) != 0)
        return err_prefix(err, "waiting for \"%.80s\"", step->expect_bytes);
    t->wrong_bytes = memcmp(got, step->in.p, step->in.n) != 0;
    if (!t->wrong_bytes)
        return 0;
    struct buf hex = BUF_INIT(256);
    hex_encode(&hex, got, step->in.n < 32 ? step->in.n : 32);
    err_set(err, ERR_PROTOCOL, "got the bytes %s%s; want \"%.80s\"", hex.data,
            step->in.n > 32 ? "…" : "", step->expect_bytes);
    buf_done(&hex);
    return -1;
}

static int send_out(struct talk *t, const struct tcp_step *step, struct err *err)
{
    struct str text = {step->out.p, step->out.n};
    struct buf filled = BUF_INIT(SENT_MAX);
    if (step->expand && t->matched) {
        pattern_expand(t->matched, t->line, text, &filled);
        text = (struct str){filled.data ? filled.data : "", filled.len};
    }
    int rc = filled.failed ? err_set(err, ERR_TOO_LARGE, "cannot send more than %d bytes", SENT_MAX)
             : text.n > 0  ? stream_write(t->s, text.p, text.n, t->p->deadline_ns, err)
                           : 0;
    buf_done(&filled);
    return rc;
}

static void add_labels(struct talk *t, const struct tcp_step *step)
{
    struct label labels[RESULT_LABELS_MAX];
    must(step->labels.n <= RESULT_LABELS_MAX && t->matched);
    for (size_t i = 0; i < step->labels.n; i++) {
        struct buf value = BUF_INIT(RESULT_FACT_MAX);
        pattern_expand(t->matched, t->line, str_of(step->labels.at[i].value), &value);
        labels[i] =
            (struct label){arena_strdup(t->r->arena, step->labels.at[i].key),
                           arena_strndup(t->r->arena, value.data ? value.data : "", value.len)};
        buf_done(&value);
    }
    result_metric_labels(t->r, "probe_expect_info", labels, (uint32_t)step->labels.n, 1);
}

static int run_step(struct talk *t, const struct tcp_step *step, struct err *err)
{
    if (step->out.p && send_out(t, step, err) != 0)
        return -1;
    if (step->pattern && expect_line(t, step, err) != 0)
        return -1;
    if (step->labels.n)
        add_labels(t, step);
    if (step->in.p && expect_bytes(t, step, err) != 0)
        return -1;
    /* its failure is in *r already */
    return step->starttls ? service_start_tls(t->p, t->service, t->s, t->r) : 0;
}

void tcp_talk_run(struct probe *p, const struct service *service, struct stream *s,
                  const struct section_list *list, struct result *r)
{
    struct talk t = {.p = p, .service = service, .s = s, .r = r};
    const struct tcp_step *steps = list->at;
    struct err err = {0};
    must(s != NULL);
    for (size_t i = 0; i < list->n; i++)
        if (run_step(&t, &steps[i], &err) != 0) {
            if (r->success)
                result_fail_err(r, &err);
            break;
        }
    result_metric(r, "probe_failed_due_to_regex", t.wrong_line);
    result_metric(r, "probe_failed_due_to_bytes", t.wrong_bytes);
}
