/* A page's document, its secrets, logos; an incident's document and updates. */
#include "unit.h"

#include "status/incident.h"
#include "status/page.h"

static struct status_page *read(struct arena *a, const char *json, struct problems *p)
{
    struct node *doc = node_from_json(a, json, strlen(json), NULL);
    assert_non_null(doc);
    problems_init(p, a);
    return page_parse(7, doc, p);
}

static void test_round_trip(void **state)
{
    struct arena *a = arena_new();
    struct problems p;
    struct buf text = BUF_INIT(1 << 16), json = BUF_INIT(1 << 16);
    (void)state;
    struct status_page *page = read(
        a,
        "{\"slug\":\"a-1\",\"title\":\"A\",\"targets\":[3,1],\"names\":{\"3\":\"three\"},\"groups\":[\"g\"],"
        "\"sections\":[{\"title\":\"S\",\"targets\":[9]}],\"allow\":[\"10.0.0.0/8\"],"
        "\"public_url\":\"https://status.example.com/\",\"password_hash\":\"h\",\"created_at\":5}",
        &p);
    assert_non_null(page);
    assert_string_equal(page->domain, "status.example.com");
    assert_true(page_private(page));
    assert_string_equal(page_name_of(page, 3, "x"), "three");
    assert_string_equal(page_name_of(page, 1, "x"), "x");
    assert_true(page_lists(page, 9, "") && page_lists(page, 77, "g") && !page_lists(page, 77, "h"));
    const struct page_secrets s = {"h", page->key, 5, 6};
    static const char editor[] = "{\"slug\":\"a-1\",\"title\":\"A\",\"password\":\"sesame\"}";
    struct node *fields = node_from_json(a, editor, strlen(editor), NULL);
    page_document(fields, &s, &text);
    assert_null(strstr(text.data, "sesame"));
    struct status_page *again = read(a, text.data, &p);
    assert_non_null(again);
    assert_memory_equal(again->key, page->key, PAGE_KEY_SIZE);
    assert_int_equal(again->updated_ms, 6);
    struct json j = json_start(&json);
    page_json_open(page, true, &j);
    json_end(&j);
    assert_null(strstr(json.data, "key_secret"));
    assert_non_null(strstr(json.data, "\"password\":\"********\""));
    page_unref(page);
    page_unref(again);
    buf_done(&text);
    buf_done(&json);
    arena_free(a);
}

static void test_tokens(void **state)
{
    uint8_t key[PAGE_KEY_SIZE], other[PAGE_KEY_SIZE];
    char token[TOKEN_SIZE], pass[TOKEN_SIZE + 24], hash[PASSWORD_HASH_SIZE];
    (void)state;
    page_key_new(key);
    page_key_new(other);
    token_make(key, "confirm", 5, token);
    assert_true(token_good(key, "confirm", 5, token));
    assert_false(token_good(key, "leave", 5, token));
    assert_false(token_good(key, "confirm", 6, token));
    assert_false(token_good(other, "confirm", 5, token));
    assert_false(token_good(key, "confirm", 5, ""));
    assert_false(token_good(key, "confirm", 5, NULL));
    pass_make(key, "hash", 1000, pass);
    assert_true(pass_good(key, "hash", 999, pass));
    assert_false(pass_good(key, "hash", 1000, pass));
    assert_false(pass_good(key, "hush", 999, pass));
    assert_false(pass_good(key, "hash", 999, "99999999.0"));
    assert_false(pass_good(key, "hash", 999, "x"));
    password_hash("sesame", hash);
    assert_true(password_good(hash, "sesame") && !password_good(hash, "Sesame") &&
                !password_good("", "") && !password_good("x", ""));
}

static void test_incident(void **state)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct buf text = BUF_INIT(1 << 20);
    uint64_t pages[] = {4};
    struct incident i = {.title = "T", .pages = {pages, 1}, .started_ms = 10};
    struct incident_update u = {
        .at_ms = 20, .status = INCIDENT_MONITORING, .markdown = "m", .by = "b"};
    (void)state;
    assert_int_equal(incident_add(&i, &u, a, &err), 0);
    u = (struct incident_update){
        .at_ms = 15, .status = INCIDENT_IDENTIFIED, .markdown = "before", .by = ""};
    assert_int_equal(incident_add(&i, &u, a, &err), 0);
    assert_int_equal(i.updates[0].id, 2); /* in order of time */
    assert_int_equal(i.status, INCIDENT_MONITORING);
    u = (struct incident_update){
        .at_ms = 30, .status = INCIDENT_RESOLVED, .markdown = "over", .by = ""};
    assert_int_equal(incident_add(&i, &u, a, &err), 0);
    assert_int_equal(i.resolved_ms, 30);
    incident_document(&i, &text);
    struct incident *again = incident_read(9, node_from_json(a, text.data, text.len, NULL));
    assert_non_null(again);
    assert_true(incident_on(again, 4) && !incident_on(again, 5));
    assert_int_equal(again->n_updates, 3);
    assert_string_equal(again->updates[2].markdown, "over");
    incident_unref(again);
    while (i.n_updates < INCIDENT_UPDATES_MAX)
        assert_int_equal(incident_add(&i, &u, a, &err), 0);
    assert_int_equal(incident_add(&i, &u, a, &err), -1);
    assert_null(incident_read(1, node_from_json(a, "[]", 2, NULL)));
    buf_done(&text);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_tokens),
                                       cmocka_unit_test(test_incident)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
