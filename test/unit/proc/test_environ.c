/* environ.c and environ_parse.c: who wins, what is not handed on, the file's grammar and its
 * errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/must.h"
#include "proc/environ.h"

static void list(void *arg, const char *name, const char *value)
{
    buf_printf(arg, "%s=[%s]", name, value);
}

/* Text of a file, and what it means; an error as "!line:column message". */
static void the_grammar(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"\n\n  \n", ""},
        {"# all\n; of\n  # it\n", ""},
        {"A=1", "A=[1]"},
        {"A=1\nB=2\n", "A=[1]B=[2]"},
        {"A=\nB=", "A=[]B=[]"},
        {"  A = 1 2  \r\nB=3\r\n", "A=[1 2]B=[3]"},
        {"export A=1\nexport\tB=2\nexport=3\nexported=4", "A=[1]B=[2]export=[3]exported=[4]"},
        {"A=a#b\nB=a #b", "A=[a#b]B=[a #b]"},
        {"A='a \\ \"$x'\n", "A=[a \\ \"$x]"},
        {"A=\"a\\\"b\\\\c\\$d\\`e\\nf\"", "A=[a\"b\\c$d`e\\nf]"},
        {"A=\"one\ntwo\"\nB='three\n\nfour'", "A=[one\ntwo]B=[three\n\nfour]"},
        {"A=\"one\\\ntwo\"", "A=[onetwo]"},
        {"A=one\\\ntwo\nB=x", "A=[onetwo]B=[x]"},
        {"A=a\\ b\\\\c\\\"", "A=[a b\\c\"]"},
        {"A='a'\"b\"c 'd' ", "A=[abc d]"},
        {"A=' x '", "A=[ x ]"},
        {"A='x' \t", "A=[x]"},
        {"A=\\", "A=[\\]"},
        {"A==b=c", "A=[=b=c]"},
        {"A=$HOME ${B} `c`", "A=[$HOME ${B} `c`]"},
        {"A=\xc3\xa4", "A=[\xc3\xa4]"},
        {"A=1\nnonsense\n", "!2:9 a line is NAME=VALUE, empty or a comment"},
        {"A B=1", "!1:3 a line is NAME=VALUE, empty or a comment"},
        {"1A=1", "!1:3 a name is of letters, digits and _ and begins with no digit"},
        {"=1", "!1:1 a name is of letters, digits and _ and begins with no digit"},
        {"a.b=1", "!1:4 a name is of letters, digits and _ and begins with no digit"},
        {"A='x\n\nB=1", "!3:4 the ' that begins a value has no end"},
        {"A=\"x\\", "!1:6 the \" that begins a value has no end"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char room[256], error[600];
        struct buf out = BUF_FIXED(room);
        struct err err = {0};
        room[0] = '\0';
        int rc = environ_parse(cases[i].text, strlen(cases[i].text), list, &out, &err);
        const char *what = strrchr(err.msg, ':');
        snprintf(error, sizeof(error), "!%d:%d%s", err.at_line, err.at_column,
                 what ? what + 1 : "");
        assert_string_equal(rc == 0 ? room : error, cases[i].want);
    }
    struct err err;
    assert_int_equal(environ_parse("A=\0b", 4, list, NULL, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
}

static void join(char **env, struct buf *out)
{
    assert_non_null(env);
    for (char **at = env; *at; at++)
        buf_printf(out, "%s|", *at);
    free(env);
}

static const char *const base[] = {
    "PATH=/opt/bin",      "LANG=de_DE.UTF-8", "TZ=UTC", "HOME=/root", "BELFRY_TOKEN=s",
    "NOTIFY_SOCKET=/run", "LISTEN_FDS=3",     "=odd",   "noequals",   "WATCHDOG_PID=7",
    "INVOCATION_ID=",     "EMPTY=",           NULL,
};
static const struct spawn_user nobody = {.uid = 65534, .gid = 65534};
static const struct spawn_user nameless = {.uid = 54321, .gid = 54321};

static void what_is_inherited(void **state)
{
    char room[1024];
    struct buf out = BUF_FIXED(room);
    join(environ_build(&(struct environ_spec){.base = base, .user = &nameless}, NULL), &out);
    assert_string_equal(room, "EMPTY=|HOME=/root|LANG=de_DE.UTF-8|PATH=/opt/bin|TZ=UTC|");
    buf_clear(&out);
    join(
        environ_build(&(struct environ_spec){.base = base, .user = &nameless, .clean = true}, NULL),
        &out);
    assert_string_equal(room, "LANG=de_DE.UTF-8|PATH=/opt/bin|");
    buf_clear(&out);
    const char *const nothing[] = {NULL};
    struct environ_spec s = {.base = nothing,
                             .user = &nobody,
                             .unit = "web",
                             .instance = "/run/b",
                             .notify_socket = "@x",
                             .watchdog_us = 5000000};
    join(environ_build(&s, NULL), &out);
    assert_string_equal(room, "BELFRY_INSTANCE=/run/b|BELFRY_UNIT=web|HOME=/nonexistent|"
                              "LOGNAME=nobody|NOTIFY_SOCKET=@x|PATH=" ENVIRON_PATH
                              "|SHELL=/usr/sbin/nologin|USER=nobody|WATCHDOG_USEC=5000000|");
}

static void the_later_wins(void **state)
{
    char file[] = "/tmp/test-environ-XXXXXX", room[1024];
    struct buf out = BUF_FIXED(room);
    struct err err = {0};
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    static const char text[] = "TZ=file\nF=file\nM=file\nM=again\nBELFRY_UNIT=other\n";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    const struct environ_pair pairs[] = {{"M", "map"}, {"NOTIFY_SOCKET", "mine"}, {"LANG", ""}};
    struct environ_spec s = {.base = base,
                             .clean = true,
                             .user = &nameless,
                             .file = file,
                             .pairs = pairs,
                             .n_pairs = array_len(pairs),
                             .unit = "web"};
    join(environ_build(&s, &err), &out);
    assert_string_equal(
        room, "BELFRY_UNIT=web|F=file|LANG=|M=map|NOTIFY_SOCKET=mine|PATH=/opt/bin|TZ=file|");
    unlink(file);
    assert_null(environ_build(&s, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    s.file = NULL;
    const struct environ_pair bad[] = {{"GOOD", "1"}, {"A B", "2"}};
    s.pairs = bad;
    s.n_pairs = array_len(bad);
    assert_null(environ_build(&s, &err));
    assert_string_equal(err.msg, "\"A B\" is no name of an environment variable");
}

/* The place is told, the text, which may be secret, is not. */
static void an_error_tells_no_secret(void **state)
{
    char file[] = "/tmp/test-environ-XXXXXX";
    struct err err = {0};
    int fd = mkstemp(file);
    assert_int_equal(write(fd, "A=1\nhunter2 secret\n", 19), 19);
    close(fd);
    assert_null(environ_build(&(struct environ_spec){.base = base, .file = file}, &err));
    assert_string_equal(err.where, file);
    assert_int_equal(err.at_line, 2);
    assert_null(strstr(err.msg, "hunter2"));
    unlink(file);
}

static void getting_one(void **state)
{
    assert_string_equal(environ_get(base, "TZ"), "UTC");
    assert_string_equal(environ_get(base, "EMPTY"), "");
    assert_null(environ_get(base, "T"));
    assert_null(environ_get(base, "TZZ"));
    assert_null(environ_get(NULL, "TZ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grammar),    cmocka_unit_test(what_is_inherited),
        cmocka_unit_test(the_later_wins), cmocka_unit_test(an_error_tells_no_secret),
        cmocka_unit_test(getting_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
