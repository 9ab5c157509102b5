/* cgroup_linux.c and cgroup_path.c: where our group is seen, what is written into it (a folder
 * that only looks like one), and the real thing where this machine lets us. */
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
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/cgroup.h"
#include "proc/cgroup_priv.h"
#include "proc/spawn.h"
#include "proc/tree.h"

static void folders(void **state)
{
#define V2   "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
#define ROOT "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
    static const struct {
        const char *mounts, *groups, *want;
    } cases[] = {
        {ROOT V2, "0::/system.slice/b.service\n", "/sys/fs/cgroup/system.slice/b.service"},
        {ROOT V2, "0::/\n", "/sys/fs/cgroup"},
        {ROOT, "0::/\n", NULL},
        {V2, "4:memory:/x\n", NULL},
        {V2, "4:memory:/x\n0::/y\n", "/sys/fs/cgroup/y"},
        {"30 23 0:26 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 none rw\n", "0::/a\n",
         "/sys/fs/cgroup/uni fied/a"},
        {"30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/1\n",
         "/sys/fs/cgroup"},
        {"30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/1/x\n",
         "/sys/fs/cgroup/x"},
        {"30 23 0:26 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/12\n", NULL},
        {V2, "0::/../other\n", NULL}, /* outside of our name space */
        {"30 23 0:26 / /c rw a:1 b:2 - cgroup2 cgroup rw\n", "0::/z", "/c/z"},
        {"30 23 0:26 / /c rw\n30 - cgroup2\n\n-\n", "0::/z", NULL},
        {"30 23 0:26 / /c rw - cgroup2", "0::/z", "/c/z"},
        {"30 23 0:26 / /c\\0 rw - cgroup2", "0::/z", "/c\\0/z"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char *got = cgroup__folder(cases[i].mounts, strlen(cases[i].mounts), cases[i].groups,
                                   strlen(cases[i].groups));
        if (cases[i].want)
            assert_string_equal(got, cases[i].want);
        else
            assert_null(got);
        free(got);
    }
}

/* --- a folder that looks like one ----------------------------------------------------------- */

#define INSTANCE "belfry-test"

struct fake {
    char root[40];
};

static void make(const struct fake *f, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", f->root, name);
    int fd = text ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : mkdir(path, 0755);
    assert_true(fd >= 0);
    if (text) {
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
    }
}

/* Files as the kernel would have made them; what is written over one that is longer leaves its
 * tail, so these are empty. */
static void fake_init(struct fake *f)
{
    *f = (struct fake){"/tmp/test-cgroup-XXXXXX"};
    assert_non_null(mkdtemp(f->root));
    const char *folders[] = {INSTANCE, INSTANCE "/self", INSTANCE "/units",
                             INSTANCE "/units/u-web"};
    for (size_t i = 0; i < array_len(folders); i++) {
        char name[100];
        make(f, folders[i], NULL);
        snprintf(name, sizeof(name), "%s/cgroup.procs", folders[i]);
        make(f, name, "");
    }
    make(f, "cgroup.controllers", "cpuset memory pids\n");
    make(f, "cgroup.subtree_control", "memory pids\n");
    make(f, "cgroup.procs", "");
    make(f, INSTANCE "/cgroup.controllers", "memory pids\n");
    make(f, INSTANCE "/cgroup.subtree_control", "memory pids\n");
    make(f, INSTANCE "/units/cgroup.controllers", "memory pids\n");
    make(f, INSTANCE "/units/cgroup.subtree_control", "pids\n");
    make(f, INSTANCE "/units/u-web/memory.max", "");
    make(f, INSTANCE "/units/u-web/memory.high", "");
    make(f, INSTANCE "/units/u-web/pids.max", "");
    make(f, INSTANCE "/units/u-web/cgroup.kill", "");
    make(f, INSTANCE "/units/u-web/memory.events", "low 0\nhigh 4\nmax 5\noom 3\noom_kill 2\n");
    make(f, INSTANCE "/units/u-web/cpu.stat", "usage_usec 1500000\nuser_usec 1\n");
}

static void fake_done(struct fake *f)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", f->root);
    assert_int_equal(system(line), 0);
}

static void holds(const struct fake *f, const char *name, const char *want)
{
    char path[200], room[200] = "";
    struct buf text = BUF_FIXED(room);
    snprintf(path, sizeof(path), "%s/%s", f->root, name);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    assert_string_equal(room, want);
}

static void limits_are_written(void **state)
{
    struct fake f;
    struct err err;
    char *path = NULL;
    const char *missing = "";
    fake_init(&f);
    struct cgroup_base *b = cgroup_open(f.root, INSTANCE, &err);
    assert_non_null(b);
    holds(&f, INSTANCE "/self/cgroup.procs", "0");
    assert_true(cgroup_has(b, "pids"));
    assert_false(cgroup_has(b, "io"));
    assert_false(cgroup_has(b, "cpuset")); /* BASE has it, but does not hand it on */
    struct cgroup_limits l = {.memory_max = 1 << 20, .pids_max = 7, .cpu_max = 0.5};
    assert_int_equal(cgroup_unit(b, "web", &l, &path, &missing, &err), 0);
    assert_string_equal(missing, "cpu");
    holds(&f, INSTANCE "/units/u-web/memory.max", "1048576");
    holds(&f, INSTANCE "/units/u-web/memory.high", "max");
    holds(&f, INSTANCE "/units/u-web/pids.max", "7");
    assert_int_equal(cgroup_oom_kills(path), 2);
    assert_true(cgroup_cpu_seconds(path) == 1.5);
    assert_int_equal(cgroup_unit_kill(path), 0);
    holds(&f, INSTANCE "/units/u-web/cgroup.kill", "1");
    assert_true(cgroup_cpu_seconds(f.root) < 0);
    assert_int_equal(cgroup_unit_kill(f.root), -1);
    free(path);
    l = (struct cgroup_limits){0};
    assert_int_equal(cgroup_unit(b, "a/b", &l, &path, &missing, &err), 0);
    assert_null(missing);
    assert_non_null(strstr(path, "/units/u-a_b"));
    cgroup_unit_remove(b, "a/b");
    assert_int_equal(access(path, F_OK), -1);
    cgroup_unit_remove(b, "a/b"); /* again is fine */
    free(path);
    cgroup_close(&b);
    assert_null(b);
    fake_done(&f);
}

static void none_to_be_had(void **state)
{
    struct err err;
    assert_null(cgroup_open("/nonexistent", INSTANCE, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    cgroup_close(&(struct cgroup_base *){NULL});
}

/* --- the real one --------------------------------------------------------------------------- */

static pid_t start(const char *line, const char *cgroup, const struct spawn_user *user)
{
    const char *argv[] = {"sh", "-c", line, NULL};
    struct spawn s = {.path = "/bin/sh",
                      .argv = argv,
                      .cgroup = cgroup,
                      .group = SPAWN_NEW_SESSION,
                      .user = user};
    struct err err;
    pid_t pid = 0;
    if (spawn_start(&s, &pid, &err) < 0)
        fail_msg("%s", err.msg);
    return pid;
}

static bool in_group(pid_t pid, const char *path)
{
    char name[64], room[4096] = "";
    struct buf text = BUF_FIXED(room);
    snprintf(name, sizeof(name), "/proc/%ld/cgroup", (long)pid);
    fs_read(name, &text, NULL);
    const char *mine = strstr(room, "0::"), *tail = strstr(path, "/belfry-test-");
    size_t n = mine ? strcspn(mine, "\n") : 0;
    return mine && tail && n >= strlen(tail) &&
           strncmp(mine + n - strlen(tail), tail, strlen(tail)) == 0;
}

static struct cgroup_base *open_real(void)
{
    char instance[64];
    snprintf(instance, sizeof(instance), "belfry-test-%ld", (long)getpid());
    struct err err;
    struct cgroup_base *b = cgroup_open(NULL, instance, &err);
    if (!b) {
        print_message("%s\n", err.msg);
        skip();
    }
    return b;
}

/* Born there, as its user; all of it is seen and killed, also what left its session and
 * environment. */
static void a_real_unit(void **state)
{
    struct cgroup_base *b = open_real();
    struct err err;
    char *path = NULL;
    assert_int_equal(cgroup_unit(b, "real", &(struct cgroup_limits){0}, &path, NULL, &err), 0);
    pid_t outside = start("exec sleep 60", NULL, NULL);
    struct spawn_user user = {.uid = 12345, .gid = 12345, .n_groups = 1, .groups = {12345}};
    pid_t pid =
        start("(setsid env -i sleep 61 &) ; sleep 62 & wait", path, geteuid() == 0 ? &user : NULL);
    struct tree t = {.cgroup = path, .main = {pid, process_start_time(pid)}};
    assert_true(in_group(pid, path));
    assert_false(in_group(outside, path));
    while (tree_count(&t) < 3)
        usleep(1000);
    struct tree_usage u;
    tree_usage(&t, 1, &u);
    assert_int_equal(u.processes, 3);
    assert_true(u.rss_bytes > 0 && u.cpu_seconds >= 0);
    cgroup_unit_remove(b, "real"); /* not empty: stays */
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(tree_signal(&t, SIGKILL), 3);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    while (tree_count(&t) > 0)
        usleep(1000);
    pid = start("sleep 0.2; exit 7", path, NULL); /* its successor in the folder lives */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_int_equal(kill(outside, SIGKILL), 0);
    assert_int_equal(waitpid(outside, NULL, 0), outside);
    while (access(path, F_OK) == 0) { /* zombies that init has not taken yet hold it */
        cgroup_unit_remove(b, "real");
        usleep(1000);
    }
    free(path);
    cgroup_close(&b);
}

/* A cgroup that is not there is an error with a name, not a program outside of it. */
static void a_cgroup_that_is_gone(void **state)
{
    const char *argv[] = {"true", NULL};
    struct spawn s = {.path = "/bin/true", .argv = argv, .cgroup = "/nonexistent/group"};
    struct err err;
    pid_t pid;
    assert_int_equal(spawn_start(&s, &pid, &err), -1);
    assert_non_null(strstr(err.msg, "cannot enter its cgroup"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),
        cmocka_unit_test(limits_are_written),
        cmocka_unit_test(none_to_be_had),
        cmocka_unit_test(a_real_unit),
        cmocka_unit_test(a_cgroup_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
