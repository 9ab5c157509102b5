/* HTTP/1.x responses: every case is fed whole, byte by byte and in threes, with the same outcome. */
#include "io_unit.h"

#include "base/must.h"
#include "io/http_parser.h"
#include "io/http_url.h"

struct seen {
    struct buf headers, body;
    size_t enough_after;
};

static int on_header(void *arg, const char *line, size_t n, struct err *err)
{
    struct seen *s = arg;
    if (line == NULL) {
        buf_clear(&s->headers);
        return 0;
    }
    buf_add(&s->headers, line, n);
    buf_putc(&s->headers, '|');
    return 0;
}

static int on_body(void *arg, const char *p, size_t n, struct err *err)
{
    struct seen *s = arg;
    buf_add(&s->body, p, n);
    return s->enough_after != 0 && s->body.len >= s->enough_after ? 0 : 1;
}

struct outcome {
    int rc; /* of the last feed, or of eof */
    int status, version;
    struct err err;
    char headers[512], body[512];
};

static struct outcome feed(const char *text, size_t step, bool head, bool close_after)
{
    struct outcome o = {.rc = 1};
    struct seen s = {.headers = BUF_INIT(500), .body = BUF_INIT(500)};
    struct http_parser p;
    http_parser_init(&p, head, 200);
    p.on_header = on_header;
    p.on_body = on_body;
    p.arg = &s;
    size_t n = strlen(text);
    for (size_t at = 0; at < n && o.rc == 1; at += step) {
        size_t part = n - at < step ? n - at : step;
        char *copy = malloc(part); /* exactly as long: ASan sees reads beyond */
        memcpy(copy, text + at, part);
        o.rc = http_parser_feed(&p, copy, part, &o.err);
        free(copy);
    }
    if (o.rc == 1 && close_after) {
        o.rc = http_parser_eof(&p, &o.err);
    }
    o.status = p.status;
    o.version = p.version;
    snprintf(o.headers, sizeof(o.headers), "%s", s.headers.data ? s.headers.data : "");
    snprintf(o.body, sizeof(o.body), "%s", s.body.data ? s.body.data : "");
    http_parser_done(&p);
    buf_done(&s.headers);
    buf_done(&s.body);
    return o;
}

static void test_good(void **state)
{
    static const struct {
        const char *text;
        bool head;
        int status;
        const char *headers, *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, 200, "Content-Length: 5|",
         "hello"},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 0, 200, "Content-Length: 2|", "hi"},
        {"HTTP/1.0 200\r\n\r\nto the end", 0, 200, "", "to the end"},
        {"HTTP/1.1 204 No\r\nX: y\r\n\r\n", 0, 204, "X: y|", ""},
        {"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 0, 304, "Content-Length: 9|", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 1, 200, "Content-Length: 9|", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 200, "Content-Length: 0|", ""},
        {"HTTP/1.1 200 OK\r\ncontent-length: 3 , 3\r\n\r\nabc", 0, 200, "content-length: 3 , 3|",
         "abc"},
        {"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx", 0,
         201, "Content-Length: 1|", "x"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: r\r\n\r\n",
         0, 200, "Transfer-Encoding: chunked|", "hello!"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
         0, 200, "Transfer-Encoding: chunked|Content-Length: 3|", "0123456789"},
        {"HTTP/1.1 200 OK\r\nrubbish\r\n folded\r\nContent-Length: 1\r\n\r\nx and more", 0, 200,
         "rubbish| folded|Content-Length: 1|", "x"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        for (size_t step = 1; step < 1000; step = step == 1 ? 3 : step * 300) {
            struct outcome o = feed(cases[i].text, step, cases[i].head, true);
            assert_string_equal(o.err.msg, "");
            assert_int_equal(o.rc, 0);
            assert_int_equal(o.status, cases[i].status);
            assert_string_equal(o.headers, cases[i].headers);
            assert_string_equal(o.body, cases[i].body);
        }
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the connection was closed without an answer"},
        {"HTTP/1.1 20", "the connection was closed in the status line"},
        {"HTTP/1.1 200 OK\r\nA: b\r\n", "the connection was closed in the response header"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
         "the connection was closed after 3 of 9 bytes"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
         "the answer has two different Content-Lengths"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the answer has a bad Content-Length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
         "the answer has a bad Content-Length"},
        {"HTTP/1.1 2x0 OK\r\n\r\n", "the answer is not HTTP: it begins with \"HTTP/1.1 2x0 OK\""},
        {"HTTP/2.0 200 OK\r\n\r\n", "the answer is not HTTP"},
        {"SSH-2.0-OpenSSH\r\n", "the answer is not HTTP: it begins with \"SSH"},
        {"\x15\x03\x01", "the answer is not HTTP: it begins with \"."},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         "the answer has a bad chunk size"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
         "the answer has a bad chunk size"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
         "the answer has a chunk without its end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
         "the connection was closed before the last chunk"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        for (size_t step = 1; step < 1000; step = step == 1 ? 3 : step * 300) {
            struct outcome o = feed(cases[i].text, step, false, true);
            assert_int_equal(o.rc, -1);
            assert_memory_equal(o.err.msg, cases[i].message,
                                step > 3 ? strlen(cases[i].message) : 15);
        }
    }
}

static void test_endless_header(void **state)
{
    char text[2000] = "HTTP/1.1 200 OK\r\n";
    while (strlen(text) < 1500) {
        memcpy(text + strlen(text), "X-Filler: aaaaaaaaaaaa\r\n", 25);
    }
    for (size_t step = 1; step < 3000; step *= 7) {
        struct outcome o = feed(text, step, false, true);
        assert_int_equal(o.rc, -1);
        assert_int_equal(o.err.code, ERR_TOO_LARGE);
        assert_string_equal(o.err.msg, "the response header is longer than 200 bytes");
    }
}

static void test_urls(void **state)
{
    static const struct {
        const char *text, *host, *target, *authority;
        int port;
    } good[] = {
        {"http://a", "a", "/", "a", 80},
        {"HTTPS://A.Example:443", "a.example", "/", "a.example", 443},
        {"https://a:8443/x?y#z", "a", "/x?y", "a:8443", 8443},
        {"http://a?q=1", "a", "/?q=1", "a", 80},
        {"http://[::1]:8080/", "::1", "/", "[::1]:8080", 8080},
        {"http://a:/", "a", "/", "a", 80},
        {"http://u:p%40w@a/b c", "a", "/b%20c", "a", 80},
        {"http://a/\xc3\xbc", "a", "/%C3%BC", "a", 80},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(good); i++) {
        struct http_url u;
        struct err err = {0};
        assert_int_equal(http_url_parse(good[i].text, a, &u, &err), 0);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.target, good[i].target);
        assert_string_equal(http_url_authority(&u, a), good[i].authority);
        assert_int_equal(u.port, good[i].port);
    }
    static const char *const bad[] = {"",           "a",           "ftp://a",       "http://",
                                      "http:///x",  "http://a:0/", "http://a b/",   "http://::1/",
                                      "http://[a]", "http://a:x",  "http://u:%zz@a"};
    for (size_t i = 0; i < array_len(bad); i++) {
        struct http_url u;
        struct err err = {0};
        assert_int_equal(http_url_parse(bad[i], a, &u, &err), -1);
        assert_true(err.msg[0] != '\0');
    }
    struct err err = {0};
    assert_string_equal(http_url_join("http://a/b/c?d", "../x", a, &err), "http://a/x");
    assert_string_equal(http_url_join("http://a/b", "//c/d", a, &err), "http://c/d");
    assert_string_equal(http_url_join("http://a/b", "https://c/d", a, &err), "https://c/d");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_endless_header),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
