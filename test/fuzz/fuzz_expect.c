/* What a target answers against expectations: "op path\nvalue or expression\nbody". */
#include <string.h>

#include "base/str.h"
#include "probe/http_expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *part(struct arena *a, struct str *rest)
{
    struct str one = *rest, after = {"", 0};
    str_cut(*rest, '\n', &one, &after);
    *rest = after;
    return arena_strndup(a, one.p, one.n);
}

static void judge(const struct http_expect *e, struct str body, struct arena *a)
{
    struct http_response resp = {
        .status = 200, .body = BUF_INIT(1 << 20), .headers = BUF_INIT(1 << 20)};
    struct result *r = arena_new_of(a, struct result);
    buf_add(&resp.body, body.p, body.n);
    buf_add(&resp.headers, body.p, body.n);
    result_init(r, a);
    r->success = true;
    http_expect_judge(e, &resp, r);
    must(r->success || r->message[0]);
    must(utf8_valid(r->message, strlen(r->message)));
    buf_done(&resp.body);
    buf_done(&resp.headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    struct arena *a = arena_new();
    struct problems p;
    struct str rest = {(const char *)data + 1, size - 1};
    struct range ok = {200, 200};
    struct json_check check = {.value.op = data[0] % (VALUE_EXISTS + 1)};
    check.path = part(a, &rest);
    check.value.value = part(a, &rest);
    const char *list[] = {check.value.value};
    struct pair header = {"Content-Type", check.value.value};
    struct header_rule rule = {.name = "Server", .not_matches = check.value.value};
    struct http_expect e = {
        .status = {&ok, 1},
        .json = {&check, 1},
        .body_not_contains = {list, 1},
        .body_matches = {list, data[0] >> 7},
        .headers = {&header, data[0] >> 6 & 1},
        .header_rules = {&rule, data[0] >> 5 & 1},
    };
    problems_init(&p, a);
    http_expect_validate(&e, a, &p, "");
    if (p.list.n == 0)
        judge(&e, rest, a);
    problems_done(&p);
    arena_free(a);
    return 0;
}
