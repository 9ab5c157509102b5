/* Crash reports: children that die in every way, and what the report says of them. This program is its own
 * child: test_crash --die HOW DIR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "proc/crash.h"
#include "proc/crash_priv.h"
#include "proc/spawn.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

struct fixture {
    char dir[32];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/belfry-crash-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char line[128];
    snprintf(line, sizeof(line), "rm -rf %s", f->dir);
    int rc = system(line);
    free(f);
    return rc;
}

/* Kept out of line, and not the last call, so that the traceback names them. */
__attribute__((noinline)) void test_function_that_dies(const char *how);
volatile int not_optimised_away;

static int recurse(int n)
{
    volatile char block[4096];
    block[0] = (char)n;
    return n > 0 ? recurse(n + 1) + block[0] : 0;
}

static void *overflow(void *arg)
{
    crash_thread();
    crash_thread_end();
    crash_thread();
    crash_thread(); /* nothing more */
    not_optimised_away = recurse(1);
    return NULL;
}

static void overflow_in_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, overflow, NULL);
    pthread_join(t, NULL);
}

void test_function_that_dies(const char *how)
{
    if (strcmp(how, "segv") == 0)
        *(volatile int *)(uintptr_t)(not_optimised_away + 8) = 1;
    if (strcmp(how, "must") == 0)
        must(how == NULL);
    if (strcmp(how, "overflow") == 0)
        not_optimised_away = recurse(1);
    if (strcmp(how, "thread") == 0)
        overflow_in_thread();
    if (strcmp(how, "exit") == 0)
        exit(3);
    if (strcmp(how, "kill") == 0)
        raise(SIGKILL);
    not_optimised_away = 1;
}

static int die(const char *how, const char *dir)
{
    struct err err;
    if (crash_install(dir, &err) < 0)
        return 9;
    signal(SIGPIPE, SIG_IGN);
    test_function_that_dies(how);
    return 8;
}

/* Lets a child die and returns the report's text (free). */
static char *report_of(struct fixture *f, const char *how, const char *reason)
{
    const char *argv[] = {"belfry: test", "--die", how, f->dir, "db://u:hidden1@h", NULL};
    const char *env[] = {"PATH=/bin", "PG_PASSWORD=hidden2", "URL=http://u:hidden3@h/", NULL};
    char log[96];
    snprintf(log, sizeof(log), "%s/log", f->dir);
    for (int i = 0; i < 100; i++) {
        FILE *l = fopen(log, i ? "ae" : "we");
        fprintf(l, "line %d of postgres://u:hidden4@h\n", i);
        fclose(l);
    }
    struct spawn s = {.path = "/proc/self/exe",
                      .argv = argv,
                      .env = env,
                      .err_fd = SPAWN_NULL,
                      .limits = {.no_core = true}};
    struct crash_death d = {.dir = f->dir,
                            .name = "payments/0",
                            .title = "belfry: test",
                            .version = "0.1.0",
                            .reason = reason,
                            .log_file = log,
                            .argv = argv,
                            .env = env,
                            .started_ms = 1000,
                            .died_ms = 3500};
    struct err err;
    crash_cpu_now(&d.before);
    if (spawn_start(&s, &d.pid, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(wait4(d.pid, &d.status, 0, &d.usage), d.pid);
    char *path = NULL;
    if (crash_report(&d, &path, &err) < 0)
        fail_msg("%s", err.msg);
    struct stat st;
    assert_non_null(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct buf text = BUF_INIT(1 << 20);
    assert_int_equal(fs_read(path, &text, &err), 0);
    assert_non_null(strstr(path, "-payments-0-"));
    free(path);
    return buf_take(&text, NULL);
}

static void has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void every_report_has_its_fields(void **state)
{
    char *text = report_of(*state, "kill", NULL);
    static const char *const parts[] = {
        "\"timestamp\":\"1970-01-01T00:00:03.500Z\"",
        "\"process_id\":",
        "\"process_name\":\"belfry: test\"",
        "\"platform\":\"Linux-",
        "\"version\":\"0.1.0\"",
        "\"cpu_percent\":",
        "\"memory_percent\":",
        "\"type\":\"SIGKILL\"",
        "killed from outside",
        "\"traceback\":null",
        "\"signal\":9",
        "\"uptime_seconds\":2.5",
        "\"max_rss_bytes\":",
        "\"PATH\":\"/bin\"",
        "\"PG_PASSWORD\":\"********\"",
        "http://u:********@h/",
        "db://u:********@h",
        "line 99 of postgres://u:********@h",
        "line 80 ",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        has(text, parts[i]);
    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, "line 79 "));
    free(text);
}

static void a_broken_invariant(void **state)
{
    char *text = report_of(*state, "must", NULL);
    has(text, "\"type\":\"SIGABRT\"");
    has(text, "must(how == NULL)");
    has(text, "test_function_that_dies+0x");
    has(text, "main+0x");
    assert_null(strstr(text, "on_crash")); /* the handler's own frames are not shown */
    free(text);
}

static void a_wild_pointer(void **state)
{
    if (SANITIZED)
        skip();
    char *text = report_of(*state, "segv", NULL);
    has(text, "\"type\":\"SIGSEGV\"");
    has(text, "invalid memory access at 0x8");
    has(text, "#0 ");
    has(text, "test_function_that_dies+0x");
    free(text);
}

static void a_stack_overflow(void **state)
{
    if (SANITIZED)
        skip();
    char *text = report_of(*state, "overflow", NULL);
    has(text, "\"type\":\"SIGSEGV\"");
    has(text, "recurse+0x");
    free(text);
}

static void a_stack_overflow_in_a_thread(void **state)
{
    if (SANITIZED)
        skip();
    char *text = report_of(*state, "thread", NULL);
    has(text, "\"type\":\"SIGSEGV\"");
    has(text, "recurse+0x");
    free(text);
}

static void an_exit_and_a_reason(void **state)
{
    char *text = report_of(*state, "exit", "hung: its loop had not turned for 10.2 s");
    has(text, "\"type\":\"exit\"");
    has(text, "\"status\":3");
    has(text, "\"reason\":\"hung: its loop had not turned for 10.2 s\"");
    free(text);
}

static void only_the_newest_are_kept(void **state)
{
    struct fixture *f = *state;
    struct crash_death d = {.dir = f->dir, .name = "x", .title = "x", .version = "0", .pid = 99999};
    for (int i = 0; i < CRASH_KEPT + 20; i++) {
        d.died_ms = 1000 * i;
        assert_int_equal(crash_report(&d, NULL, NULL), 0);
    }
    int n = 0;
    DIR *dir = opendir(f->dir);
    for (struct dirent *e; (e = readdir(dir));) {
        n += strstr(e->d_name, ".json") != NULL;
        assert_null(strstr(e->d_name, "T000019."));
    }
    closedir(dir);
    assert_int_equal(n, CRASH_KEPT);
}

static void rubbish_in_the_raw_file(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "belfry-crash 1\n",
        "belfry-crash 1\nsignal 11\nframe zz\nframe 1\nmaps\n1-\n",
        "belfry-crash 1\nsignal 11 code 9 address fffffffffffffffff pc 1\nmaps\n0-ffffffffffffffff r-xp 0 0 0 /usr/../etc\n",
        "belfry-crash 1\nsignal 99999999999999999999\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct crash_raw raw;
        bool ok = crash__raw_parse(str_of(texts[i]), &raw);
        assert_int_equal(ok, i == 3 || i == 4);
        struct buf out = BUF_INIT(4096);
        crash__traceback(&raw, &out);
        buf_done(&out);
    }
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--die") == 0)
        return die(argv[2], argv[3]);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(every_report_has_its_fields),
        T(a_broken_invariant),
        T(a_wild_pointer),
        T(a_stack_overflow),
        T(a_stack_overflow_in_a_thread),
        T(an_exit_and_a_reason),
        T(only_the_newest_are_kept),
        T(rubbish_in_the_raw_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
