/* belfry.yaml: any text is refused with messages or becomes a snapshot that can be shown, and what is shown loads
 * again. Files named in it are not opened (config_input.alone). */
#include <stdint.h>
#include <stdlib.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config *load(const char *text, size_t n, struct problems *p)
{
    struct config_input in = {.path = "fuzz.yaml", .text = text, .size = n, .alone = true};
    return config_load(&in, NULL, p);
}

static void show_again(const char *text, size_t n, struct arena *a)
{
    struct problems p;
    problems_init(&p, a);
    struct buf out = BUF_INIT(64u << 20);
    struct config_input in = {.path = "fuzz.yaml", .text = text, .size = n, .alone = true};
    if (config_show(&in, NULL, &p, &out) == 0) {
        /* "$" in a value would be expanded a second time. */
        struct config *c = memchr(text, '$', n) == NULL ? load(out.data, out.len, &p) : NULL;
        must(c != NULL || memchr(text, '$', n) != NULL);
        config_unref(&c);
    }
    buf_done(&out);
    problems_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config *c = load((const char *)data, size, &p);
    must((c == NULL) == (p.list.n > 0));
    struct buf text = BUF_INIT(1 << 20);
    problems_text(&p, &text);
    must(p.list.n == 0 || text.len > 0);
    if (c != NULL)
        show_again((const char *)data, size, a);
    config_unref(&c);
    buf_done(&text);
    problems_done(&p);
    arena_free(a);
    return 0;
}
