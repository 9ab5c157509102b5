/* Sealed texts: what was sealed opens, and nothing else does; keys change without a moment at which a text is lost. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/seal.h"

struct bed {
    char dir[64], path[96];
};

static void bed_init(struct bed *b)
{
    snprintf(b->dir, sizeof(b->dir), "/tmp/belfry-seal-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->path, sizeof(b->path), "%s/secret.key", b->dir);
}

static void bed_done(struct bed *b)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
    assert_int_equal(system(command), 0);
}

static char *sealed(struct seal *s, const char *plain)
{
    struct buf out = BUF_INIT(65536);
    seal_put(s, "target", str_of(plain), &out);
    assert_false(out.failed);
    assert_true(seal_is_sealed((struct str){out.data, out.len}));
    assert_null(*plain ? strstr(out.data, plain) : NULL);
    return buf_take(&out, NULL);
}

/* 0, or the error's code. */
static int opens(struct seal *s, const char *context, const char *text, const char *want, bool *old)
{
    struct buf out = BUF_INIT(65536);
    struct err err = {0};
    int rc = seal_take(s, context, str_of(text), &out, old, &err);
    if (rc == 0)
        assert_string_equal(out.data ? out.data : "", want);
    else
        assert_int_equal(out.len, 0);
    buf_done(&out);
    return rc == 0 ? 0 : (int)err.code;
}

static void what_was_sealed_opens_and_nothing_else(void **state)
{
    struct bed b;
    struct err err = {0};
    bool made, old;
    bed_init(&b);
    struct seal *s = seal_open(b.path, &made, &err);
    assert_non_null(s);
    assert_true(made);
    struct stat st;
    assert_int_equal(stat(b.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    static const char *const plains[] = {"geheim", "", "密码", "a\nb\"c"};
    for (size_t i = 0; i < array_len(plains); i++) {
        char *text = sealed(s, plains[i]);
        assert_int_equal(opens(s, "target", text, plains[i], &old), 0);
        assert_false(old);
        assert_int_equal(opens(s, "channel", text, "", &old), ERR_DAMAGED);
        for (size_t at = strlen(SEAL_PREFIX); text[at]; at++) { /* every character matters */
            char was = text[at];
            text[at] = was == 'A' ? 'B' : 'A';
            assert_int_not_equal(opens(s, "target", text, "", &old), 0);
            text[at] = '\0';
            assert_int_not_equal(opens(s, "target", text, "", &old), 0);
            text[at] = was;
        }
        free(text);
    }
    seal_close(&s);
    bed_done(&b);
}

static void a_key_changes_and_both_open_until_the_old_one_is_forgotten(void **state)
{
    struct bed b;
    struct err err = {0};
    bool made, old;
    bed_init(&b);
    struct seal *s = seal_open(b.path, NULL, &err);
    char *first = sealed(s, "one"), id[SEAL_KEY_ID_SIZE];
    snprintf(id, sizeof(id), "%s", seal_key_id(s));
    assert_int_equal(seal_renew(s, &err), 0);
    assert_string_not_equal(seal_key_id(s), id);
    seal_close(&s); /* a kill in the middle */
    s = seal_open(b.path, &made, &err);
    assert_false(made);
    assert_true(seal_has_old_keys(s));
    assert_int_equal(opens(s, "target", first, "one", &old), 0);
    assert_true(old);
    char *second = sealed(s, "two");
    assert_int_equal(seal_forget_old(s, &err), 0);
    assert_int_equal(opens(s, "target", first, "", &old), ERR_NOT_FOUND);
    seal_close(&s);
    s = seal_open(b.path, NULL, &err);
    assert_false(seal_has_old_keys(s));
    assert_int_equal(opens(s, "target", second, "two", &old), 0);
    assert_int_equal(opens(s, "target", first, "", &old), ERR_NOT_FOUND);
    seal_close(&s);
    free(first);
    free(second);
    bed_done(&b);
}

static void a_key_file_that_makes_no_sense_is_set_aside(void **state)
{
    static const char *const texts[] = {"", "nonsense\n", "01234567 AAAA\n",
                                        "01234567 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"};
    for (size_t i = 0; i < array_len(texts); i++) {
        struct bed b;
        struct err err = {0};
        bool made = false;
        char command[200];
        bed_init(&b);
        assert_int_equal(fs_write_atomic(b.path, texts[i], strlen(texts[i]), 0600, false, &err), 0);
        struct seal *s = seal_open(b.path, &made, &err);
        assert_non_null(s);
        assert_true(made);
        seal_close(&s);
        snprintf(command, sizeof(command), "ls %s.damaged-* >/dev/null", b.path);
        assert_int_equal(system(command), 0);
        bed_done(&b);
    }
}

static void a_key_file_that_cannot_be_read_is_an_error(void **state)
{
    struct bed b;
    struct err err = {0};
    bed_init(&b);
    assert_int_equal(mkdir(b.path, 0700), 0);
    assert_null(seal_open(b.path, NULL, &err));
    assert_int_not_equal(err.code, ERR_OK);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_and_nothing_else),
        cmocka_unit_test(a_key_changes_and_both_open_until_the_old_one_is_forgotten),
        cmocka_unit_test(a_key_file_that_makes_no_sense_is_set_aside),
        cmocka_unit_test(a_key_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
