/* Signed tokens (jwt.h): the example of RFC 7515 A.3, and bytes that must not reach the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "access/jwt.h"

#define HEAD "eyJhbGciOiJFUzI1NiJ9"
#define PAYLOAD \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define SIGNATURE \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define X         "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y         "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define KEY(x, y) "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}]}"

static enum err_code verify(const char *token, const char *keys)
{
    struct arena *a = arena_new();
    struct err err = {0};
    const struct node *set = node_from_json(a, keys, strlen(keys), &err);
    assert_non_null(set);
    const struct node *claims = jwt_verify(str_of(token), set, a, &err);
    if (claims)
        assert_true(str_eqz(node_get(claims, "iss")->text, "joe"));
    enum err_code code = claims ? ERR_OK : err.code;
    arena_free(a);
    return code;
}

static void test_signature(void **state)
{
    assert_int_equal(verify(HEAD "." PAYLOAD "." SIGNATURE, KEY(X, Y)), ERR_OK);
    assert_int_equal(verify(HEAD "." PAYLOAD ".E" SIGNATURE, KEY(X, Y)), ERR_DENIED);
    assert_int_equal(verify(HEAD "." HEAD "." SIGNATURE, KEY(X, Y)), ERR_DENIED);
    assert_int_equal(verify(HEAD "." PAYLOAD "." SIGNATURE, "{\"keys\":[]}"), ERR_NOT_FOUND);
}

/* libcjose asserts that what it decodes is base64url. */
static void test_no_base64url(void **state)
{
    static const char *const parts[] = {
        "", "=", "a=bc", "ab=", "abc+", "abcde", "ab\ncd", "\xe4\xb8\xad"};
    for (size_t i = 0; i < array_len(parts); i++) {
        char token[1000];
        snprintf(token, sizeof(token), HEAD "." PAYLOAD ".%s", parts[i]);
        assert_int_equal(verify(token, KEY(X, Y)), ERR_MALFORMED);
    }
    static const char token[] = HEAD "." PAYLOAD "." SIGNATURE;
    assert_int_equal(verify(token, KEY("a=bc", Y)), ERR_DENIED);
    assert_int_equal(verify(token, KEY(X, "abcde")), ERR_DENIED);
    assert_int_equal(verify(token, KEY("", "")), ERR_DENIED);
    assert_int_equal(verify(token, "{\"keys\":[{\"kty\":\"EC\"}]}"), ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_no_base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
