/* See imported.h. */
#include "imported.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "core/hooks.h"

struct imported imported_begin(void)
{
    struct imported t = {.arena = arena_new(), .yaml = BUF_INIT(1 << 20)};
    problems_init(&t.problems, t.arena);
    return t;
}

void imported_end(struct imported *t)
{
    config_unref(&t->c);
    buf_done(&t->yaml);
    problems_done(&t->problems);
    arena_free(t->arena);
}

void imported_load(struct imported *t)
{
    struct problems p;
    problems_init(&p, t->arena);
    struct config_input in = {
        .path = "belfry.yaml", .text = t->yaml.data, .size = t->yaml.len, .alone = true};
    t->c = config_load(&in, core_config_hooks(), &p);
    if (t->c == NULL)
        fail_msg("%s: %s\n%s", p.list.at[0].field, p.list.at[0].message, t->yaml.data);
    problems_done(&p);
}

bool imported_told(const struct imported *t, const char *what)
{
    for (size_t i = 0; i < t->problems.list.n; i++)
        if (strstr(t->problems.list.at[i].message, what) != NULL)
            return true;
    return false;
}

void imported_golden(const struct imported *t, const char *path)
{
    const char *write = getenv("BELFRY_GOLDEN");
    struct buf want = BUF_INIT(1 << 20);
    if (write != NULL && streq(write, "write"))
        assert_int_equal(fs_write_atomic(path, t->yaml.data, t->yaml.len, 0644, false, NULL), 0);
    assert_int_equal(fs_read(path, &want, NULL), 0);
    assert_string_equal(t->yaml.data, want.data);
    buf_done(&want);
}
