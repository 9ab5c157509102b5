/* Documents: put, replaced, deleted, told of, and there again after a close and after a crash; the audit log with them. */
#include "core_unit.h"

#include "core/documents.h"

struct heard {
    char text[2000];
};

static void hear(void *arg, const struct core_document *d)
{
    struct heard *h = arg;
    size_t n = strlen(h->text);
    snprintf(h->text + n, sizeof(h->text) - n, "%llu=%s ", (unsigned long long)d->id,
             d->json ? d->json : "gone");
}

static uint64_t put(struct bed *b, uint64_t id, const char *json)
{
    struct err err = {0};
    assert_int_equal(core_document_put(b->core, "silence", &id, json, NULL, &err), 0);
    return id;
}

static void put_replace_delete_are_told_and_stay(void **state)
{
    struct bed b;
    struct err err = {0};
    struct heard first = {0}, second = {0};
    struct core_document d;
    bed_init(&b);
    bed_config(&b, "groups: []\n");
    bed_open(&b);
    core_documents_watch(b.core, "silence", hear, &first);
    uint64_t one = put(&b, 0, "{\"a\":1}"), two = put(&b, 0, "{\"b\":\"中\"}");
    assert_true(two > one);
    put(&b, one, "{\"a\":2}");
    assert_int_equal(core_document_del(b.core, "silence", two, NULL, &err), 0);
    char want[200];
    snprintf(want, sizeof(want), "%llu={\"a\":1} %llu={\"b\":\"中\"} %llu={\"a\":2} %llu=gone ",
             (unsigned long long)one, (unsigned long long)two, (unsigned long long)one,
             (unsigned long long)two);
    assert_string_equal(first.text, want);
    bed_settle(&b);
    bed_drop(&b); /* a crash */
    bed_open(&b);
    assert_false(core_document_get(b.core, "silence", two, &d));
    assert_true(core_document_get(b.core, "silence", one, &d));
    assert_string_equal(d.json, "{\"a\":2}");
    assert_false(core_document_get(b.core, "user", one, &d));
    core_documents_watch(b.core, "silence", hear, &second); /* is told of what there is */
    assert_non_null(strstr(second.text, "{\"a\":2}"));
    assert_true(put(&b, 0, "{}") > two); /* ids are never given out twice */
    bed_done(&b);
}

static void what_is_refused_changes_nothing(void **state)
{
    struct bed b;
    struct err err = {0};
    uint64_t id = 77, fresh = 0;
    char *large = malloc((1 << 20) + 3);
    bed_init(&b);
    bed_config(&b, "groups: []\n");
    bed_open(&b);
    assert_int_equal(core_document_put(b.core, "user", &id, "{}", NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(core_document_del(b.core, "user", 77, NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    memset(large, '{', (1 << 20) + 2);
    large[(1 << 20) + 2] = '\0';
    assert_int_equal(core_document_put(b.core, "user", &fresh, large, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    id = put(&b, 0, "{\"a\":1}");
    assert_int_equal(core_document_put(b.core, "user", &id, "{}", NULL, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND); /* of another kind */
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM documents"), 1);
    free(large);
    bed_done(&b);
}

static void take_entry(void *arg, const struct audit_entry *e)
{
    struct heard *h = arg;
    size_t n = strlen(h->text);
    snprintf(h->text + n, sizeof(h->text) - n, "%s:%s:%s:%s ", e->actor, e->action, e->kind,
             e->after);
}

static void heard_of(struct store_reader *r, const struct audit_query *q, const char *want)
{
    struct heard h = {0};
    struct audit_query limited = *q;
    limited.limit = q->limit ? q->limit : STORE_LISTING_MAX;
    assert_int_equal(store_audit(r, &limited, take_entry, &h, NULL), 0);
    assert_string_equal(h.text, want);
}

static void the_audit_log_is_stored_and_found(void **state)
{
    struct bed b;
    bed_init(&b);
    bed_config(&b, "groups: []\n");
    bed_open(&b);
    const struct audit_entry made = {.actor = "alice",
                                     .origin = "10.0.0.9",
                                     .action = "create",
                                     .kind = "target",
                                     .object = "7 支付",
                                     .before = "",
                                     .after = "{\"name\":\"支付\"}"};
    struct audit_entry gone = made;
    gone.actor = "token:ci";
    gone.action = "delete";
    gone.after = "";
    core_audit(b.core, &made);
    core_audit(b.core, &gone);
    bed_settle(&b);
    struct store_reader *r = store_reader_open(b.core->store, NULL);
    assert_non_null(r);
    heard_of(r, &(struct audit_query){0},
             "token:ci:delete:target: alice:create:target:{\"name\":\"支付\"} ");
    heard_of(r, &(struct audit_query){.limit = 1}, "token:ci:delete:target: ");
    heard_of(r, &(struct audit_query){.actor = "alice"},
             "alice:create:target:{\"name\":\"支付\"} ");
    heard_of(r, &(struct audit_query){.text = "\"支付\""},
             "alice:create:target:{\"name\":\"支付\"} ");
    heard_of(r, &(struct audit_query){.action = "update"}, "");
    heard_of(r, &(struct audit_query){.before_id = 2}, "alice:create:target:{\"name\":\"支付\"} ");
    store_reader_close(&r);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_replace_delete_are_told_and_stay),
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(the_audit_log_is_stored_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
