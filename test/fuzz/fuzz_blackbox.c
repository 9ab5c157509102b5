/* blackbox.yml behind the first line, which is a target: what is read can be asked, masked, and answered for, in metrics that
 * can be read, whatever was learned. */
#include <stdint.h>

#include "base/str.h"
#include "probe/blackbox.h"
#include "wire/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct asked {
    struct arena *a;
    const char *target;
    struct result r;
};

/* Metrics of every family that tells what it has found, with a label of any text. */
static void learn(struct result *r, const char *text)
{
    static const char *const found[] = {
        "probe_expect_info",         "probe_dns_serial",       "probe_http_status_code",
        "probe_ssl_last_chain_info", "probe_tls_version_info", "probe_tls_cipher_info",
        "probe_http_content_length", "probe_ip_protocol",      "probe_ssl_earliest_cert_expiry"};
    for (size_t i = 0; i < array_len(found); i++)
        result_metric_label(r, found[i], "subject", text, 200);
    result_metric_label(r, "probe_http_duration_seconds", "phase", "tls", 0.5);
}

static void check_answer(struct str text, struct arena *a)
{
    struct exposition x;
    struct exposition_entry e;
    struct labels_builder b = {0};
    struct labels l;
    struct err err = {0};
    enum exposition_item item;
    exposition_init(&x, EXPOSITION_TEXT);
    exposition_feed(&x, text, true);
    while ((item = exposition_next(&x, &e, &err)) > EXPOSITION_END)
        if (item == EXPOSITION_SAMPLE)
            must(exposition_labels(&e, EXPOSITION_TEXT, a, &b, &l, &err) == 0);
    must(item == EXPOSITION_END);
    labels_builder_done(&b);
}

static bool ask(void *arg, const char *name, const struct bb_module *b)
{
    struct asked *q = arg;
    struct bb_probe probe;
    struct err err = {0};
    struct buf out = BUF_INIT(4u << 20);
    must(*name && bb_timeout_ms(b, 10) > 0);
    if (bb_translate(b, q->target, "shop.example", false, q->a, &probe, &err) == 0)
        must(probe.type && probe.config->kind == NODE_MAP);
    else
        must(err.msg[0] != '\0');
    bb_answer(b, &q->r, 5000, &out);
    must(out.len > 0 && !out.failed);
    check_answer((struct str){out.data, out.len}, q->a);
    bb_module_yaml(b, &out);
    buf_done(&out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct problems p;
    struct str text = {(const char *)data, size < 65536 ? size : 65536}, first = {0}, rest = {0};
    problems_init(&p, a);
    if (str_cut(text, '\n', &first, &rest) && utf8_valid(first.p, first.n) &&
        !memchr(first.p, '\0', first.n)) {
        struct bb_modules *m = bb_read_good(rest, "blackbox.yml", &p);
        struct asked q = {.a = a, .target = arena_strndup(a, first.p, first.n)};
        result_init(&q.r, a);
        learn(&q.r, q.target);
        result_fail(&q.r, "not asked");
        if (m)
            bb_each(m, ask, &q);
        must(m || p.list.n > 0);
        bb_unref(&m);
    }
    problems_done(&p);
    arena_free(a);
    return 0;
}
