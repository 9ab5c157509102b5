/* adopt.c and adopt_linux.c: pid files good, stale and odd; names; systemd's cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/adopt_priv.h"
#include "proc/spawn.h"

static void numbers(void **state)
{
    static const struct {
        const char *text;
        pid_t want;
    } cases[] = {
        {"123", 123},       {" 123\n", 123}, {"123\r\n\n", 123}, {"", 0},
        {"\n", 0},          {"-5", 0},       {"123 456", 0},     {"0x10", 0},
        {"99999999999", 0}, {"12a", 0},      {"1", 1},           {"2147483647", INT32_MAX},
    };
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(adopt__parse_pid(cases[i].text, strlen(cases[i].text)), cases[i].want);
}

static void names(void **state)
{
#define LINE(s) s, sizeof(s)
    static const struct {
        const char *pattern, *line;
        size_t n;
        bool want;
    } cases[] = {
        {"nginx: master*", LINE("nginx: master process /usr/sbin/nginx"), true},
        {"nginx: master*", LINE("nginx: worker process"), false},
        {"sleep",
         LINE("/bin/sleep\0"
              "60"),
         true},
        {"sleep",
         LINE("sleep\0"
              "60"),
         true},
        {"sleep 60",
         LINE("sleep\0"
              "60"),
         true},
        {"*/sleep 6?",
         LINE("/bin/sleep\0"
              "60"),
         true},
        {"60",
         LINE("/bin/sleep\0"
              "60"),
         false},
        {"x", LINE("/bin/sleep\0/x"), false}, /* the last part of argv[0] alone */
        {"java*server.jar*", LINE("java\0-jar\0/srv/server.jar\0-p"), true},
        {"*", LINE(""), false},
        {"sleep", LINE("sleeper"), false},
    };
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(adopt__name_matches(cases[i].pattern, cases[i].line, cases[i].n),
                         cases[i].want);
}

static void units(void **state)
{
    static const char v2[] = "0::/system.slice/nginx.service/worker\n";
    static const char v1[] =
        "4:memory:/x/php.service\n1:name=systemd:/system.slice/nginx.service\n";
    assert_true(adopt__in_unit(v2, sizeof(v2) - 1, "nginx.service"));
    assert_true(adopt__in_unit(v1, sizeof(v1) - 1, "nginx.service"));
    assert_false(adopt__in_unit(v1, sizeof(v1) - 1, "php.service"));
    assert_false(adopt__in_unit(v2, sizeof(v2) - 1, "nginx"));
    assert_false(adopt__in_unit(v2, sizeof(v2) - 1, "inx.service"));
    assert_false(adopt__in_unit("", 0, "nginx.service"));
    assert_false(adopt__in_unit("rubbish", 7, "rubbish"));
}

/* --- with real processes -------------------------------------------------------------------- */

static pid_t sleeper(const char *name)
{
    const char *argv[] = {name, "60", NULL};
    struct spawn s = {.path = "/bin/sleep", .argv = argv};
    struct err err;
    pid_t pid = 0;
    if (spawn_start(&s, &pid, &err) < 0)
        fail_msg("%s", err.msg);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool find_file(const char *path, struct spawn_id *id)
{
    return adopt_find(&(struct unit_adopt){ADOPT_PID_FILE, path}, id);
}

static void pid_files(void **state)
{
    char path[] = "/tmp/test-adopt-XXXXXX", text[32];
    struct spawn_id id = {0};
    close(mkstemp(path));
    assert_false(find_file(path, &id)); /* empty */
    pid_t pid = sleeper("sleep");
    snprintf(text, sizeof(text), " %ld\n", (long)pid);
    write_file(path, text);
    assert_true(find_file(path, &id));
    assert_int_equal(id.pid, pid);
    assert_true(process_is(id.pid, id.start_time));
    /* The file is an hour older than the process: the number was used again. */
    struct timespec old[2] = {{0}, {0}};
    clock_gettime(CLOCK_REALTIME, &old[0]);
    old[0].tv_sec -= 3600;
    old[1] = old[0];
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_false(find_file(path, &id));
    write_file(path, text);
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(find_file(path, &id)); /* a zombie */
    waitpid(pid, NULL, 0);
    assert_false(find_file(path, &id)); /* gone */
    snprintf(text, sizeof(text), "%ld", (long)getpid());
    write_file(path, text);
    assert_false(find_file(path, &id)); /* ourselves */
    write_file(path, "1");
    assert_false(find_file(path, &id));
    unlink(path);
    assert_false(find_file(path, &id));
    assert_false(find_file("/tmp", &id));
    assert_false(adopt_find(&(struct unit_adopt){0}, &id));
}

/* Of several the oldest; a child of one that fits is its worker. */
static void by_name(void **state)
{
    char name[64], pattern[80];
    snprintf(name, sizeof(name), "adopt-me-%ld", (long)getpid());
    snprintf(pattern, sizeof(pattern), "%s 6?", name);
    struct unit_adopt a = {ADOPT_NAME, pattern};
    struct spawn_id id = {0};
    assert_false(adopt_find(&a, &id));
    pid_t first = sleeper(name), second = sleeper(name);
    assert_true(adopt_find(&a, &id));
    assert_true(id.pid == (first < second ? first : second) || id.pid == first);
    end(first);
    assert_true(adopt_find(&a, &id));
    assert_int_equal(id.pid, second);
    end(second);
    assert_false(adopt_find(&a, &id));
}

/* A subshell has its parent's command line. */
static void not_the_worker(void **state)
{
    char line[100], pattern[80];
    snprintf(pattern, sizeof(pattern), "*adopt-worker-%ld*", (long)getpid());
    snprintf(line, sizeof(line), "(read x; :) ; : adopt-worker-%ld", (long)getpid());
    const char *argv[] = {"sh", "-c", line, NULL};
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct spawn s = {.path = "/bin/sh", .argv = argv, .in_fd = fds[0]};
    struct spawn_id id = {0};
    pid_t pid;
    assert_int_equal(spawn_start(&s, &pid, NULL), 0);
    assert_true(adopt_find(&(struct unit_adopt){ADOPT_NAME, pattern}, &id));
    assert_int_equal(id.pid, pid);
    close(fds[1]); /* both end */
    close(fds[0]);
    waitpid(pid, NULL, 0);
}

static void by_systemd(void **state)
{
    struct spawn_id id;
    assert_false(adopt_find(&(struct unit_adopt){ADOPT_SYSTEMD, "no-such-x.service"}, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),    cmocka_unit_test(names),   cmocka_unit_test(units),
        cmocka_unit_test(pid_files),  cmocka_unit_test(by_name), cmocka_unit_test(not_the_worker),
        cmocka_unit_test(by_systemd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
