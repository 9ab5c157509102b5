/* SCRAM-SHA-256: the exchange of RFC 7677, section 3, and what no server may say. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/scram.h"

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define FIRST "r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static void rfc_7677(void **state)
{
    struct scram s;
    struct err err = {0};
    struct buf out = BUF_INIT(1000);
    scram_init(&s, "user", "pencil", NONCE);
    scram_first(&s, &out);
    assert_string_equal(out.data, "n,,n=user,r=" NONCE);
    buf_clear(&out);
    assert_int_equal(scram_answer(&s, STR(FIRST), &out, &err), 0);
    assert_string_equal(out.data, "c=biws,r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    assert_int_equal(scram_verify(&s, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &err),
                     0);
    assert_int_equal(scram_verify(&s, STR("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &err),
                     -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(scram_verify(&s, STR("e=other-error"), &err), -1);
    buf_done(&out);
}

/* What was remembered gives the same proof, and another password, salt or count of rounds another key. */
static void a_salted_password_is_remembered(void **state)
{
    struct scram s, again, other;
    struct buf out = BUF_INIT(1000), second = BUF_INIT(1000);
    char key[SCRAM_KEY], key_again[SCRAM_KEY], text[SCRAM_KEY];
    scram_init(&s, "user", "pencil", NONCE);
    assert_int_equal(scram_answer(&s, STR(FIRST), &out, NULL), 0);
    assert_int_equal(scram_key(&s, STR(FIRST), key), 0);
    scram_salted_text(&s, text);
    scram_init(&again, "user", "pencil", NONCE);
    assert_int_equal(scram_key(&again, STR(FIRST), key_again), 0);
    assert_string_equal(key, key_again);
    scram_recall(&again, text);
    assert_int_equal(scram_answer(&again, STR(FIRST), &second, NULL), 0);
    assert_string_equal(out.data, second.data);
    scram_init(&other, "user", "pencils", NONCE);
    assert_int_equal(scram_key(&other, STR(FIRST), key_again), 0);
    assert_string_not_equal(key, key_again);
    assert_int_equal(scram_key(&s, STR(FIRST "1"), key_again), 0);
    assert_string_not_equal(key, key_again);
    assert_int_equal(scram_key(&s, STR("r=x,i=4096"), key_again), -1);
    scram_done(&s);
    assert_false(s.is_salted);
    buf_done(&out);
    buf_done(&second);
}

static void names_are_written_without_commas(void **state)
{
    struct scram s;
    struct buf out = BUF_INIT(1000);
    scram_init(&s, "a=b,c", "x", NONCE);
    scram_first(&s, &out);
    assert_string_equal(out.data, "n,,n=a=3Db=2Cc,r=" NONCE);
    buf_done(&out);
    scram_init(&s, "a", "x", NULL);
    assert_int_equal(strlen(s.nonce), SCRAM_NONCE);
}

static void what_no_server_may_say(void **state)
{
    static const char *const bad[] = {
        "",
        "r=other,s=W22Z,i=4096",     /* not our nonce */
        "r=" NONCE ",s=W22Z,i=4096", /* nothing of its own in it */
        "r=" NONCE "x,s=W22Z,i=0",
        "r=" NONCE "x,s=W22Z,i=99999999999999", /* would take minutes */
        "r=" NONCE "x,s=W22Z,i=4096x",
        "r=" NONCE "x,s=,i=4096",
        "r=" NONCE "x,s=!!!!,i=4096",
        "r=" NONCE "x,i=4096",
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct scram s;
        struct err err = {0};
        struct buf out = BUF_INIT(1000);
        scram_init(&s, "user", "pencil", NONCE);
        assert_int_equal(scram_answer(&s, str_of(bad[i]), &out, &err), -1);
        assert_int_equal(err.code, ERR_PROTOCOL);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7677),
        cmocka_unit_test(a_salted_password_is_remembered),
        cmocka_unit_test(names_are_written_without_commas),
        cmocka_unit_test(what_no_server_may_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
