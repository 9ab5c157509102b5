/* Secrets in the store: sealed in every row, plain in memory; sealed afterwards where an older Belfry left them plain; with
 * another key untouched; a change of keys that dies in the middle loses nothing. */
#include "core_unit.h"

#include "base/fs.h"
#include "core/documents.h"
#include "core/seal.h"

#define SECRET "hunter2-geheim"

static void open_with_secrets(struct bed *b)
{
    bed_config(
        b,
        "channels:\n"
        "  - {name: ops, type: webhook, webhook_url: \"http://127.0.0.1:1/\", bearer: %s}\n"
        "groups:\n"
        "  - {name: g, targets: [{name: a, type: http, config: {url: \"http://127.0.0.1:1/\","
        " username: u, password: %s}}]}\n",
        SECRET, SECRET);
    bed_open(b);
}

static bool db_holds(struct bed *b, const char *text)
{
    static const char *const tails[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; i < array_len(tails); i++) {
        char path[128];
        struct buf bytes = BUF_INIT(64u << 20);
        snprintf(path, sizeof(path), "%s%s", b->db, tails[i]);
        if (fs_exists(path) && fs_read(path, &bytes, NULL) == 0)
            found = found || memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
        buf_done(&bytes);
    }
    return found;
}

static void check_plain_in_memory(struct bed *b)
{
    struct core_document d;
    assert_non_null(strstr(bed_target(b, "a")->target->config_json, SECRET));
    assert_non_null(strstr(core__chan_by_name(b->core, "ops")->channel->config_json, SECRET));
    if (core_document_get(b->core, "user", 1, &d))
        assert_non_null(strstr(d.json, SECRET));
}

static void add_user(struct bed *b)
{
    uint64_t id = 0;
    struct err err = {0};
    assert_int_equal(core_document_put(b->core, "user", &id,
                                       "{\"name\":\"alice\",\"totp\":\"" SECRET "\"}", NULL, &err),
                     0);
    assert_int_equal(id, 1);
}

static void secrets_are_sealed_in_the_store_and_plain_in_memory(void **state)
{
    struct bed b;
    bed_init(&b);
    open_with_secrets(&b);
    add_user(&b);
    bed_settle(&b);
    check_plain_in_memory(&b);
    assert_false(db_holds(&b, SECRET));
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM targets WHERE config LIKE '%sealed:1:%'"),
                     1);
    assert_int_equal(
        bed_sql(&b, "SELECT count(*) FROM targets WHERE config LIKE '%username\":\"u%'"), 1);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM documents WHERE document LIKE '%sealed:1:%'"
                                 " AND document LIKE '%alice%'"),
                     1);
    bed_close(&b);
    bed_open(&b);
    check_plain_in_memory(&b);
    bed_done(&b);
}

static void what_was_plain_is_sealed_at_the_next_start(void **state)
{
    struct bed b;
    bed_init(&b);
    open_with_secrets(&b);
    add_user(&b);
    bed_settle(&b);
    bed_close(&b);
    bed_sql(&b, "UPDATE targets SET config=json_set(config,'$.password','" SECRET "')");
    bed_sql(&b, "UPDATE notify_channels SET config=json_set(config,'$.bearer','" SECRET "')");
    bed_sql(&b, "UPDATE documents SET document=json_set(document,'$.totp','" SECRET "')");
    bed_open(&b);
    check_plain_in_memory(&b);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM targets WHERE config LIKE '%" SECRET "%'"),
                     0);
    assert_int_equal(
        bed_sql(&b, "SELECT count(*) FROM notify_channels WHERE config LIKE '%" SECRET "%'"), 0);
    assert_int_equal(
        bed_sql(&b, "SELECT count(*) FROM documents WHERE document LIKE '%" SECRET "%'"), 0);
    assert_false(db_holds(&b, SECRET)); /* nor where the rows were before */
    bed_done(&b);
}

static void key_path(const struct bed *b, char *path, size_t size)
{
    snprintf(path, size, "%s", b->db);
    char *slash = strrchr(path, '/');
    must(slash);
    snprintf(slash, size - (size_t)(slash - path), "/secret.key");
}

static void with_another_key_nothing_is_lost(void **state)
{
    struct bed b;
    char path[160], kept[180];
    struct core_document d;
    bed_init(&b);
    open_with_secrets(&b);
    add_user(&b);
    bed_settle(&b);
    bed_close(&b);
    key_path(&b, path, sizeof(path));
    snprintf(kept, sizeof(kept), "%s.kept", path);
    assert_int_equal(rename(path, kept), 0);
    bed_config(&b, "groups: []\nchannels: []\n"); /* so that only the store knows them */
    bed_sql(&b, "UPDATE targets SET source='api'");
    bed_sql(&b, "UPDATE notify_channels SET source='api'");
    bed_open(&b);
    assert_int_equal(core_sealed_away(b.core), 4); /* a webhook has its address, too */
    assert_non_null(strstr(bed_target(&b, "a")->target->config_json, "sealed:1:"));
    struct chan *ops = core__chan_by_name(b.core, "ops");
    assert_non_null(ops); /* it is there, and says what is wrong */
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    assert_null(channel_bind(ops->ops, ops->channel, a, &p));
    assert_non_null(strstr(p.list.at[0].message, "sealed with another key"));
    problems_done(&p);
    arena_free(a);
    assert_true(core_document_get(b.core, "user", 1, &d));
    assert_non_null(strstr(d.json, "sealed:1:"));
    bed_settle(&b);
    bed_close(&b);
    assert_int_equal(rename(kept, path), 0); /* the right one is found again */
    bed_open(&b);
    assert_int_equal(core_sealed_away(b.core), 0);
    check_plain_in_memory(&b);
    bed_done(&b);
}

static size_t keys_in_file(const struct bed *b)
{
    char path[160];
    struct buf text = BUF_INIT(4096);
    size_t n = 0;
    key_path(b, path, sizeof(path));
    assert_int_equal(fs_read(path, &text, NULL), 0);
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    buf_done(&text);
    return n;
}

static bool one_key(struct bed *b, void *arg)
{
    return keys_in_file(b) == 1;
}

static void rotate(struct bed *b)
{
    struct err err = {0};
    size_t rows = 0;
    assert_int_equal(core_key_rotate(b->core, &rows, NULL, &err), 0);
    assert_true(rows >= 3);
    assert_int_equal(keys_in_file(b), 2);
}

static int64_t count_sealed(struct bed *b, const char *key)
{
    char sql[300];
    snprintf(sql, sizeof(sql),
             "SELECT (SELECT count(*) FROM targets WHERE config LIKE '%%:%s:%%') +"
             " (SELECT count(*) FROM notify_channels WHERE config LIKE '%%:%s:%%') +"
             " (SELECT count(*) FROM documents WHERE document LIKE '%%:%s:%%')",
             key, key, key);
    return bed_sql(b, sql);
}

static void a_rotated_key_seals_all_and_the_old_one_is_forgotten(void **state)
{
    struct bed b;
    char old[16];
    bed_init(&b);
    open_with_secrets(&b);
    add_user(&b);
    bed_settle(&b);
    snprintf(old, sizeof(old), "%s", core_key_id(b.core));
    assert_int_equal(count_sealed(&b, old), 3);
    rotate(&b);
    assert_true(bed_until(&b, one_key, NULL, 5000));
    assert_int_equal(count_sealed(&b, old), 0);
    assert_int_equal(count_sealed(&b, core_key_id(b.core)), 3);
    check_plain_in_memory(&b);
    bed_close(&b);
    bed_open(&b);
    check_plain_in_memory(&b);
    bed_done(&b);
}

static void a_death_while_keys_change_loses_nothing(void **state)
{
    struct bed b;
    bed_init(&b);
    open_with_secrets(&b);
    add_user(&b);
    bed_settle(&b);
    rotate(&b);
    bed_drop(&b); /* before anything of it is stored */
    assert_int_equal(keys_in_file(&b), 2);
    bed_open(&b);
    assert_int_equal(core_sealed_away(b.core), 0);
    check_plain_in_memory(&b);
    assert_true(bed_until(&b, one_key, NULL, 5000));
    assert_int_equal(count_sealed(&b, core_key_id(b.core)), 3);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_sealed_in_the_store_and_plain_in_memory),
        cmocka_unit_test(what_was_plain_is_sealed_at_the_next_start),
        cmocka_unit_test(with_another_key_nothing_is_lost),
        cmocka_unit_test(a_rotated_key_seals_all_and_the_old_one_is_forgotten),
        cmocka_unit_test(a_death_while_keys_change_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
