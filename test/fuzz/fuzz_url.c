/* Any text as a target's URL: parsed, expanded by its prober, bound to its options, described. */
#include <string.h>

#include "base/str.h"
#include "probe/prober.h"
#include "probe/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compile(const char *text, struct arena *a)
{
    struct problems p;
    struct err err = {0};
    struct buf out = BUF_INIT(65536);
    const struct prober_ops *ops = prober_by_url(text, &err);
    must(ops || err.code != ERR_OK);
    if (!ops)
        return;
    struct node *config = node_map(a);
    node_put(config, a, "url", node_text(a, text));
    problems_init(&p, a);
    struct compiled *c = probe_compile(ops, config, &p, "config");
    must((c == NULL) == (p.list.n + p.dropped > 0));
    if (c)
        compiled_describe(c, &out);
    must(!c || (!out.failed && out.len > 0));
    compiled_free(c);
    problems_done(&p);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > URL_MAX + 10)
        return 0;
    struct arena *a = arena_new();
    const char *text = arena_strndup(a, (const char *)data, size);
    struct url u;
    struct err err = {0};
    if (url_parse(text, a, &u, &err) == 0) {
        must(u.scheme[0] && u.host && u.path && streq(u.text, text));
        must(!u.username == !strchr(text, '@') || !u.username);
        must(!u.password || u.username);
        url_query(&u, "a", a);
        url_to_config(&u, a, &err);
    } else {
        must(err.code == ERR_MALFORMED || err.code == ERR_TOO_LARGE);
        must(err.at_offset <= strlen(text));
    }
    compile(text, a);
    arena_free(a);
    return 0;
}
