/* Golden error texts for configurations (golden.h). */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "config/config.h"

static bool writing(void)
{
    const char *golden = getenv("BELFRY_GOLDEN");
    return golden != NULL && streq(golden, "write");
}

/* BELFRY_TEST_DATA names test/; the files lie in test/config. */
void golden_enter(const char *dir)
{
    const char *data = getenv("BELFRY_TEST_DATA");
    char path[4096];
    snprintf(path, sizeof(path), "%s/config/%s", data != NULL ? data : "test", dir);
    if (chdir(path) != 0)
        fail_msg("cannot enter %s", path);
}

/* What loading the file tells; "" when it is good. */
static void load(const char *path, const struct config_hooks *hooks, struct buf *out)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config *c = config_load(&(struct config_input){.path = path}, hooks, &p);
    assert_int_equal(c == NULL, p.list.n > 0);
    problems_text(&p, out);
    config_unref(&c);
    problems_done(&p);
    arena_free(a);
}

static int check_bad(const char *path, const struct config_hooks *hooks)
{
    struct buf got = BUF_INIT(1 << 16), want = BUF_INIT(1 << 16);
    char golden[256];
    snprintf(golden, sizeof(golden), "%.*s.err", (int)(strlen(path) - 5), path);
    load(path, hooks, &got);
    assert_true(got.len > 0);
    if (writing())
        assert_int_equal(fs_write_atomic(golden, got.data, got.len, 0644, false, NULL), 0);
    fs_read(golden, &want, NULL);
    bool same = want.data != NULL && streq(got.data, want.data);
    if (!same)
        print_error("%s: got\n%swant\n%s", path, got.data,
                    want.data != NULL ? want.data : "(no file)\n");
    buf_done(&got);
    buf_done(&want);
    return same ? 0 : 1;
}

size_t golden_bad(const char *pattern, const struct config_hooks *hooks)
{
    glob_t found = {0};
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    size_t n = found.gl_pathc;
    int wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += check_bad(found.gl_pathv[i], hooks);
    globfree(&found);
    assert_int_equal(wrong, 0);
    return n;
}

size_t golden_good(const char *pattern, const struct config_hooks *hooks)
{
    glob_t found = {0};
    int wrong = 0;
    glob(pattern, 0, NULL, &found);
    size_t n = found.gl_pathc;
    for (size_t i = 0; i < n; i++) {
        struct buf got = BUF_INIT(1 << 16);
        load(found.gl_pathv[i], hooks, &got);
        if (got.len > 0)
            print_error("%s", got.data);
        wrong += got.len > 0;
        buf_done(&got);
    }
    globfree(&found);
    assert_int_equal(wrong, 0);
    return n;
}
