/* spawn_child.c and birth_linux.c: what a unit's process is when its program begins: user,
 * rights, limits, priority, descriptors, directory, record, cgroup. Much of it needs root; the
 * rest runs as anyone. */
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/proc_priv.h"
#include "proc/spawn.h"
#include "run_shell.h"

#define SOME_USER  12345
#define SOME_GROUP 12346
static const struct spawn_user some_user = {
    .uid = SOME_USER,
    .gid = SOME_GROUP,
    .n_groups = 3,
    .groups = {SOME_GROUP, 777, 888},
};

static void need_root(void)
{
    if (geteuid() != 0)
        skip();
}

/* Each setting alone, by what a shell sees of it. */
static void settings(void **state)
{
    static const struct {
        struct spawn s;
        const char *line, *want;
    } cases[] = {
        {{.has_umask = true, .umask = 0027}, "umask", "0027\n"},
        {{.limits = {.open_files = 99}}, "ulimit -Sn; ulimit -Hn", "99\n99\n"},
        {{.limits = {.open_files_soft = 99}},
         "ulimit -Sn; test $(ulimit -Hn) -gt 99 && echo y",
         "99\ny\n"},
        {{.limits = {.processes = 4000}},
         "grep processes /proc/self/limits | tr -s ' '",
         "Max processes 4000 4000 processes \n"},
        {{.limits = {.stack = 1 << 20}}, "ulimit -Ss; ulimit -Hs", "1024\n1024\n"},
        {{.limits = {.file_size = 1 << 20}}, "ulimit -f", "2048\n"},
        {{.limits = {.locked_memory = 1 << 15}}, "ulimit -l", "32\n"},
        {{.limits = {.address_space = 1 << 28}}, "ulimit -v", "262144\n"},
        {{.limits = {.data = 1 << 27}}, "ulimit -d", "131072\n"},
        {{.limits = {.cpu_seconds = 7}}, "ulimit -St; ulimit -Ht", "7\n12\n"},
        {{.limits = {.core_size = 1024}}, "ulimit -c", "2\n"},
        {{.limits = {.core_size = 1024, .no_core = true}}, "ulimit -Hc", "0\n"},
        {{.limits = {.cpu_seconds = SPAWN_UNLIMITED}}, "ulimit -t", "unlimited\n"},
        {{.priority = {.has_nice = true, .nice = 7}}, "nice", "7\n"},
        {{.priority = {.has_oom_score = true, .oom_score = 321}},
         "cat /proc/self/oom_score_adj",
         "321\n"},
        {{.priority = {.has_oom_score = true, .oom_score = 1000}},
         "cat /proc/self/oom_score_adj",
         "1000\n"},
        {{.priority = {.io_class = SPAWN_IO_IDLE}}, "ionice -p $$", "idle\n"},
        {{.priority = {.io_class = SPAWN_IO_BEST_EFFORT, .io_level = 6}},
         "ionice -p $$",
         "best-effort: prio 6\n"},
        {{.no_new_privs = true}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n"},
        {{0}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0\n"},
        {{.in_fd = SPAWN_NULL}, "readlink /proc/$$/fd/0", "/dev/null\n"},
    };
    char out[512];
    for (size_t i = 0; i < array_len(cases); i++) {
        struct spawn s = cases[i].s;
        run_shell(&s, cases[i].line, out, sizeof(out));
        assert_string_equal(out, cases[i].want);
    }
}

/* Ids, groups and capabilities are exactly what was asked for; there is no way back. */
static void nothing_but_its_user(void **state)
{
    need_root();
    char out[1024];
    struct spawn s = {.user = &some_user, .no_new_privs = true};
    run_shell(&s, "grep -E '^(Uid|Gid|Groups|Cap[IPEA])' /proc/self/status | tr -s '\\t ' ' '", out,
              sizeof(out));
    assert_string_equal(out, "Uid: 12345 12345 12345 12345\nGid: 12346 12346 12346 12346\n"
                             "Groups: 777 888 12346 \nCapInh: 0000000000000000\n"
                             "CapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
                             "CapAmb: 0000000000000000\n");
    int status =
        run_shell(&s, "kill -0 1 2>/dev/null || cat /etc/shadow 2>/dev/null", out, sizeof(out));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1); /* ours did not suffer */
}

/* Also what the caller itself inherited or forgot to close. */
static void no_descriptor_is_inherited(void **state)
{
    char out[512];
    int leaked[3] = {open("/dev/null", O_RDWR), open("/", O_RDONLY), dup2(1, 200)};
    struct spawn s = {.in_fd = SPAWN_NULL, .err_fd = SPAWN_NULL};
    run_shell(&s,
              "i=0; while [ $i -lt 256 ]; do [ -e /proc/$$/fd/$i ] && printf '%s ' $i; "
              "i=$((i+1)); done",
              out, sizeof(out));
    assert_string_equal(out, "0 1 2 ");
    for (size_t i = 0; i < array_len(leaked); i++)
        close(leaked[i]);
}

static void ignored_signals_are_not_inherited(void **state)
{
    char out[512];
    struct spawn s = {0};
    signal(SIGUSR1, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
#ifdef SYS_rt_sigaction
    unsigned long ignore[8] = {
        (unsigned long)(uintptr_t)SIG_IGN}; /* 32 is the C library's: not by signal() */
    syscall(SYS_rt_sigaction, 32, ignore, NULL, sizeof(uint64_t));
#endif
    run_shell(&s, "grep -E 'Sig(Blk|Ign)' /proc/self/status", out, sizeof(out));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    assert_string_equal(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static int start(struct spawn *s, const char *path, const char *arg, struct err *err)
{
    const char *argv[] = {path, arg, NULL};
    pid_t pid = 0;
    s->path = path;
    s->argv = argv;
    int rc = spawn_start(s, &pid, err), status = -1;
    s->argv = NULL;
    if (rc < 0)
        return -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

/* A folder and a program that only root may enter are out of its reach, although root starts it. */
static void the_directory_is_entered_as_the_user(void **state)
{
    need_root();
    char dir[] = "/tmp/test-child-XXXXXX", program[64];
    struct err err;
    assert_non_null(mkdtemp(dir)); /* 0700 */
    snprintf(program, sizeof(program), "%s/true", dir);
    assert_int_equal(symlink("/bin/true", program), 0);
    struct spawn s = {.user = &some_user, .dir = dir};
    assert_int_equal(start(&s, "/bin/true", NULL, &err), -1);
    assert_non_null(strstr(err.msg, "change to its directory"));
    s.dir = "/";
    assert_int_equal(start(&s, program, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "execute it: Permission denied"));
    s.user = NULL;
    assert_int_equal(start(&s, program, NULL, &err), 0);
    unlink(program);
    rmdir(dir);
}

static void programs_are_found_in_their_own_path(void **state)
{
    struct err err;
    const char *env[] = {"PATH=/nonexistent::/bin/true:/usr/bin:/bin", NULL};
    const char *elsewhere[] = {"A=1", "PATH=/nonexistent", NULL}, *none[] = {NULL};
    struct spawn s = {.env = env};
    assert_int_equal(start(&s, "true", NULL, &err), 0);
    s.env = none;
    assert_int_equal(start(&s, "true", NULL, &err), 0);
    s.env = NULL;
    assert_int_equal(start(&s, "true", NULL, &err), 0);
    s.env = elsewhere;
    assert_int_equal(start(&s, "true", NULL, &err), -1);
    assert_string_equal(err.msg, "cannot start true: cannot execute it: No such file or directory");
}

/* --- the record ----------------------------------------------------------------------------- */

static struct spawn_id *shared_record(void)
{
    struct spawn_id *id =
        mmap(NULL, sizeof(*id), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(id != MAP_FAILED);
    return id;
}

static void the_child_writes_down_who_it_is(void **state)
{
    struct spawn_id *id = shared_record();
    const char *argv[] = {"sleep", "60", NULL};
    struct spawn s = {.path = "/bin/sleep", .argv = argv, .record = id};
    struct err err;
    pid_t pid;
    assert_int_equal(spawn_start(&s, &pid, &err), 0);
    assert_int_equal(id->pid, pid);
    assert_true(id->start_time == process_start_time(pid) && process_is(pid, id->start_time));
    assert_false(process_is(pid, id->start_time + 1)); /* its number used again */
    kill(pid, SIGKILL);
    while (process_start_time(pid) != 0) /* a zombie is dead */
        usleep(100);
    assert_false(process_is(pid, id->start_time));
    waitpid(pid, NULL, 0);
    s.path = "/nonexistent";
    assert_int_equal(spawn_start(&s, &pid, &err), -1);
    assert_int_equal(id->pid, 0);
    munmap(id, sizeof(*id));
}

static void await_child_of(pid_t parent)
{
    char path[64], text[32];
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
    for (ssize_t n = 0; n <= 0; usleep(1000)) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            skip();
        n = read(fd, text, sizeof(text));
        close(fd);
    }
}

/* The parent is killed while its child is still on the way to exec (it opens a FIFO that nobody
 * writes to yet). */
static void an_orphan_does_not_execute(void **state)
{
    char dir[] = "/tmp/test-child-XXXXXX", fifo[64], proof[64];
    assert_non_null(mkdtemp(dir));
    snprintf(fifo, sizeof(fifo), "%s/cgroup.procs", dir);
    snprintf(proof, sizeof(proof), "%s/proof", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct spawn_id *id = shared_record();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *argv[] = {"touch", proof, NULL};
        struct spawn s = {.path = "/usr/bin/touch", .argv = argv, .cgroup = dir, .record = id};
        pid_t pid;
        spawn_start(&s, &pid, NULL); /* its child waits at the "cgroup" */
        _exit(0);
    }
    await_child_of(parent);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    int reader = open(fifo, O_RDONLY | O_CLOEXEC); /* now it may go on */
    int status = 0;
    pid_t orphan = waitpid(-1, &status, 0);
    assert_true(orphan > 0 && WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
    assert_int_equal(id->pid, orphan);
    assert_int_equal(access(proof, F_OK), -1);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    close(reader);
    unlink(fifo);
    rmdir(dir);
    munmap(id, sizeof(*id));
}

/* --- a lowered root ------------------------------------------------------------------------- */

static int as_lowered(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct spawn_user u = {.uid = 4321, .gid = 4322, .n_groups = 1, .groups = {4322}};
        if (spawn_lower(&u, NULL) == 0)
            fn();
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define demand(cond)                                                   \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            _exit(1);                                                  \
        }                                                              \
    } while (0)

static void lowered_starts_others(void)
{
    char out[512];
    struct spawn s = {.user = &some_user, .priority = {.has_nice = true, .nice = -3}};
    run_shell(&s, "grep -E '^(Uid|CapPrm)' /proc/self/status; nice", out, sizeof(out));
    demand(strcmp(out, "Uid:\t12345\t12345\t12345\t12345\nCapPrm:\t0000000000000000\n-3\n") == 0);
    s = (struct spawn){0};
    run_shell(&s, "grep -E '^(Uid|CapPrm)' /proc/self/status", out, sizeof(out));
    demand(strcmp(out, "Uid:\t4321\t4321\t4321\t4321\nCapPrm:\t0000000000000000\n") == 0);
}

static void lowered_raises(void)
{
    demand(geteuid() == 4321 && kill(1, 0) < 0);
    spawn_raise();
    demand(geteuid() == 0 && kill(1, 0) == 0);
    spawn_unraise();
    demand(geteuid() == 4321 && getuid() == 4321 && kill(1, 0) < 0);
}

static void never_root(void)
{
    demand(proc__become(4321, 4322, NULL, 0) == 0);
    spawn_raise();
    demand(geteuid() == 4321);
    spawn_unraise();
    struct err err;
    struct spawn s = {.user = &some_user};
    demand(start(&s, "/bin/true", NULL, &err) == -1 && strstr(err.msg, "become its user"));
    struct spawn_user own = {.uid = 4321, .gid = 4322, .n_groups = 1, .groups = {4322}};
    s.user = &own;
    demand(start(&s, "/bin/true", NULL, &err) == 0);
    s.priority = (struct spawn_priority){.has_nice = true, .nice = -5};
    demand(start(&s, "/bin/true", NULL, &err) == -1 && strstr(err.msg, "set its priority"));
}

/* The caller's further groups would be more than was asked for. */
static void groups_that_cannot_be_dropped(void)
{
    const gid_t groups[] = {4322, 5555};
    demand(proc__become_root() == 0 && proc__become(4321, 4322, groups, 2) == 0);
    struct spawn_user own = {.uid = 4321, .gid = 4322, .n_groups = 1, .groups = {4322}};
    struct spawn s = {.user = &own};
    demand(start(&s, "/bin/true", NULL, NULL) == -1);
    own.groups[own.n_groups++] = 5555;
    demand(start(&s, "/bin/true", NULL, NULL) == 0);
}

static void a_lowered_root(void **state)
{
    need_root();
    assert_int_equal(as_lowered(lowered_starts_others), 0);
    assert_int_equal(as_lowered(lowered_raises), 0);
    assert_int_equal(as_lowered(never_root), 0);
    assert_int_equal(as_lowered(groups_that_cannot_be_dropped), 0);
}

static void users_and_groups_by_name(void **state)
{
    struct spawn_user u;
    struct err err;
    const char *const groups[] = {"daemon", "4567"}, *const wrong[] = {"nosuchgroup-x"};
    assert_int_equal(spawn_user_resolve(&(struct spawn_user_names){0}, &u, &err), 0);
    assert_true(u.uid == getuid() && u.gid == getgid());
    struct spawn_user_names names = {"nobody", "bin", groups, 2};
    assert_int_equal(spawn_user_resolve(&names, &u, &err), 0);
    assert_true(u.uid == 65534 && u.gid == 2 && u.n_groups == 3);
    assert_true(u.groups[0] == 2 && u.groups[1] == 1 && u.groups[2] == 4567);
    names = (struct spawn_user_names){.user = "nobody", .groups = wrong, .n_groups = 1};
    assert_int_equal(spawn_user_resolve(&names, &u, &err), -1);
    assert_string_equal(err.msg, "there is no group \"nosuchgroup-x\" on this machine");
}

/* --- births --------------------------------------------------------------------------------- */

static void say_127(void *arg)
{
    _exit(*(int *)arg);
}

/* The slow way too, whatever this machine can. */
static void both_ways_of_birth(void **state)
{
    for (int share = 0; share < 2; share++) {
        int code = 40 + share, status = 0;
        pid_t pid = proc__birth(-1, share, say_127, &code);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings),
        cmocka_unit_test(nothing_but_its_user),
        cmocka_unit_test(no_descriptor_is_inherited),
        cmocka_unit_test(ignored_signals_are_not_inherited),
        cmocka_unit_test(the_directory_is_entered_as_the_user),
        cmocka_unit_test(programs_are_found_in_their_own_path),
        cmocka_unit_test(the_child_writes_down_who_it_is),
        cmocka_unit_test(an_orphan_does_not_execute),
        cmocka_unit_test(a_lowered_root),
        cmocka_unit_test(users_and_groups_by_name),
        cmocka_unit_test(both_ways_of_birth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
