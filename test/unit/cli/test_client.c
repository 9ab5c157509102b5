/* Arguments, tables and words of the client commands, and their exit statuses without a Belfry to talk to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "cli/cli.h"
#include "cli/resource.h"

/* Runs fn(arg) with stdout in a file; returns what was written, in a. */
static const char *captured(struct arena *a, void (*fn)(void *arg), void *arg)
{
    char path[] = "/tmp/belfry-cli-XXXXXX";
    int fd = mkstemp(path), out = dup(STDOUT_FILENO);
    struct buf text = BUF_INIT(1 << 20);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    fn(arg);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(fd);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    unlink(path);
    const char *copy = arena_strndup(a, text.data ? text.data : "", text.len);
    buf_done(&text);
    return copy;
}

/* Words by spaces, writable; NULL after the last. */
static int split(struct arena *a, const char *words, char **argv)
{
    char *rest = arena_strdup(a, words), *word;
    int n = 0;
    while ((word = strsep(&rest, " ")) != NULL)
        argv[n++] = word;
    argv[n] = NULL;
    return n;
}

static void arguments(void **state)
{
    struct arena *a = arena_new();
    char *argv[20];
    struct client_args args;
    unsetenv("BELFRY_SERVER");
    int argc = split(a, "target -c x.yaml ls --json --token=t a=-1 --", argv);
    assert_int_equal(client_args(argc, argv, &args), 0);
    assert_string_equal(args.config, "x.yaml");
    assert_string_equal(args.token, "t");
    assert_null(args.server);
    assert_true(args.json);
    assert_false(args.help);
    assert_int_equal(args.argc, 4);
    assert_string_equal(args.argv[1], "ls");
    assert_string_equal(args.argv[2], "a=-1");
    assert_null(args.argv[4]);

    setenv("BELFRY_SERVER", "http://h:1", 1);
    client_args(split(a, "target ls", argv), argv, &args);
    assert_string_equal(args.server, "http://h:1");
    client_args(split(a, "target -c y", argv), argv, &args); /* a file named by hand is meant */
    assert_null(args.server);
    unsetenv("BELFRY_SERVER");

    client_args(split(a, "target ls --token", argv), argv, &args);
    assert_true(args_unknown(&args));
    arena_free(a);
}

static void print_table(void *arg)
{
    static const char *const columns[] = {"名称", "STATUS", "MESSAGE", NULL};
    struct table *t = table_new(arg, columns);
    table_row(t, (const char *const[]){"订单服务", "healthy", "ok"});
    table_row(t, (const char *const[]){"shop", "unhealthy", "连接被拒绝"});
    table_row(t, (const char *const[]){"broken \xe4", NULL, ""});
    table_print(t);
}

static void a_table_with_chinese(void **state)
{
    struct arena *a = arena_new();
    assert_string_equal(captured(a, print_table, a), "名称      STATUS     MESSAGE\n"
                                                     "订单服务  healthy    ok\n"
                                                     "shop      unhealthy  连接被拒绝\n"
                                                     "broken \xe4             \n");
    arena_free(a);
}

static void words(void **state)
{
    struct session s = {.arena = arena_new()};
    char *argv[20];
    int n = split(s.arena,
                  "name=web interval_seconds=15 enabled=false labels={\"a\":\"b\"} "
                  "url=https://h/?a=b empty= code=007",
                  argv);
    struct node *map = words_to_map(&s, argv, n);
    assert_non_null(map);
    assert_int_equal(node_get(map, "interval_seconds")->kind, NODE_INT);
    assert_int_equal(node_get(map, "enabled")->kind, NODE_BOOL);
    assert_int_equal(node_get(map, "labels")->kind, NODE_MAP);
    assert_string_equal(node_get(map, "url")->text.p, "https://h/?a=b");
    assert_string_equal(node_get(map, "empty")->text.p, "");
    assert_int_equal(node_get(map, "code")->kind, NODE_TEXT);
    split(s.arena, "{\"name\":\"x\"} name {\"name\":", argv);
    assert_non_null(node_get(words_to_map(&s, argv, 1), "name"));
    assert_null(words_to_map(&s, argv + 1, 1));
    assert_null(words_to_map(&s, argv + 2, 1));
    arena_free(s.arena);
}

struct run {
    int (*command)(int argc, char **argv);
    const char *words;
    int status;
};

static void run_command(void *arg)
{
    struct run *r = arg;
    struct arena *a = arena_new();
    char *argv[20];
    int argc = split(a, r->words, argv);
    r->status = r->command(argc, argv);
    arena_free(a);
}

static void exit_statuses(void **state)
{
    static const struct {
        int (*command)(int argc, char **argv);
        const char *words;
        int status;
    } cases[] = {
        {cmd_target, "target --help", EXIT_GOOD},
        {cmd_target, "target", EXIT_USAGE},
        {cmd_target, "target fly", EXIT_USAGE},
        {cmd_target, "target show", EXIT_USAGE},
        {cmd_target, "target ls --server http://127.0.0.1:1 --colour", EXIT_USAGE},
        {cmd_target, "target ls --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target show x --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target show 7 --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target rm x --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target pause x --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target check x --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target set x y --server http://127.0.0.1:1", EXIT_USAGE},
        {cmd_target, "target set x y=1 --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_channel, "channel test x --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_alert, "alert ls --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_maintenance, "maintenance rm 1 --server http://127.0.0.1:1", EXIT_UNREACHED},
        {cmd_target, "target ls -c /nonexistent/belfry.yaml", EXIT_BAD},
        {cmd_check, "check", EXIT_USAGE},
        {cmd_check, "check tcp://127.0.0.1:1 --times x", EXIT_USAGE},
        {cmd_check, "check tcp://127.0.0.1:1 --timeout 5parsecs", EXIT_USAGE},
        {cmd_check, "check pigeon://x", EXIT_USAGE},
        {cmd_check, "check tcp --config {\"host\":\"h\"}", EXIT_USAGE},
        {cmd_check, "check tcp://127.0.0.1:1", EXIT_BAD},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct run r = {cases[i].command, cases[i].words, -1};
        captured(a, run_command, &r);
        if (r.status != cases[i].status)
            fail_msg("belfry %s: %d", cases[i].words, r.status);
    }
    arena_free(a);
}

static const struct node *answer_of(struct arena *a, const char *words)
{
    struct run r = {cmd_check, words, -1};
    const char *text = captured(a, run_command, &r);
    const struct node *n = node_from_json(a, text, strlen(text), NULL);
    if (!n || strchr(text, '\n') != text + strlen(text) - 1)
        fail_msg("want one line of JSON, got: %s", text);
    return n;
}

static void has(const struct node *n, const char *keys)
{
    char *copy = strdup(keys), *rest = copy, *key;
    while ((key = strsep(&rest, " ")) != NULL)
        if (!node_get(n, key))
            fail_msg("%s is missing", key);
    free(copy);
}

/* The two shapes of seed 003; a failed request has null in what it could not learn. */
static void shapes_of_check(void **state)
{
    struct arena *a = arena_new();
    const struct node *n = answer_of(a, "check tcp://127.0.0.1:1");
    has(n, "timestamp type target success latency_ms message metrics warnings");
    assert_null(node_get(n, "statusCode"));
    n = answer_of(a, "check http://127.0.0.1:1/");
    has(n, "timestamp type target success latency_ms message metrics warnings localhostName "
           "localhostIP hostIP dnsServerList url statusCode requestTime result");
    assert_int_equal(node_get(n, "statusCode")->kind, NODE_NULL);
    assert_int_equal(node_get(n, "requestTime")->kind, NODE_NULL);
    assert_string_equal(node_get(n, "result")->text.p, "failed");
    assert_string_equal(node_get(n, "url")->text.p, "http://127.0.0.1:1/");
    n = answer_of(a, "check http://127.0.0.1:1/ --times 3 --delta 0.05");
    has(n, "timestamp url hostList dnsServerList checkTimes checkDelta requestStatus "
           "requestSpendTime localhostName localhostIP requestSuccessPerc requestTimeMean "
           "requestTimeStd triggerStatus");
    assert_int_equal(node_get(n, "checkTimes")->num, 3);
    assert_int_equal(node_get(n, "requestStatus")->count, 3);
    assert_int_equal(node_get(n, "requestSpendTime")->first->kind, NODE_NULL);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments),       cmocka_unit_test(a_table_with_chinese),
        cmocka_unit_test(words),           cmocka_unit_test(exit_statuses),
        cmocka_unit_test(shapes_of_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
