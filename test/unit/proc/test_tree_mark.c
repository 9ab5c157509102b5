/* tree_mark.c: who belongs to which unit, on machines that are written down here: escapes,
 * numbers used again, strangers that look alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "proc/tree_priv.h"

#define WARDEN 50
enum { A, B, NO };

/* One process of a made-up machine, and the unit it belongs to. */
struct row {
    pid_t pid, ppid, session;
    uint64_t start;
    const char *unit, *instance;
    int want;
    char state;
};

struct machine {
    const struct row *rows;
    size_t n;
    const char *group; /* "A 10 11": numbers in the cgroup "/cg" */
};

static bool cookie_of(void *arg, pid_t pid, char *unit, char *instance)
{
    const struct machine *m = arg;
    for (size_t i = 0; i < m->n; i++)
        if (m->rows[i].pid == pid && m->rows[i].unit) {
            const char *of = m->rows[i].instance ? m->rows[i].instance : "";
            memcpy(unit, m->rows[i].unit, strlen(m->rows[i].unit) + 1);
            memcpy(instance, of, strlen(of) + 1);
            return true;
        }
    return false;
}

static bool pids_of(void *arg, const char *path, void (*each)(void *to, pid_t pid), void *to)
{
    const struct machine *m = arg;
    if (!m->group)
        return false;
    struct str rest = str_of(m->group), part;
    uint64_t pid;
    while (str_next(&rest, ' ', &part))
        if (str_to_u64(part, &pid, NULL) == 0)
            each(to, (pid_t)pid);
    return true;
}

static void check(const char *name, const struct machine *m, const struct tree trees[2])
{
    struct proc_list list = {0};
    struct tree_source source = {cookie_of, pids_of, WARDEN, (void *)m};
    uint32_t owner[32];
    for (size_t i = 0; i < m->n; i++) {
        const struct row *r = &m->rows[i];
        vec_push(&list.all, ((struct proc_stat){.pid = r->pid,
                                                .ppid = r->ppid,
                                                .session = r->session,
                                                .start_time = r->start,
                                                .state = r->state ? r->state : 'S'}));
    }
    tree__mark(trees, 2, &list, &source, owner);
    for (size_t i = 0; i < m->n; i++) {
        uint32_t want = m->rows[i].want == NO ? TREE_NONE : (uint32_t)m->rows[i].want;
        if (owner[i] != want)
            fail_msg("%s: process %d: unit %d, not %d", name, (int)m->rows[i].pid, (int)owner[i],
                     (int)want);
    }
    proc__list_done(&list);
}

#define OURS "/run/b"
static const struct tree two[2] = {
    {.cookie = "a", .instance = OURS, .main = {100, 1000}},
    {.cookie = "b", .instance = OURS, .main = {200, 2000}},
};

static void without_cgroups(void **state)
{
    static const struct row rows[] = {
        {1, 0, 1, 1, NULL, NULL, NO},
        {WARDEN, 1, WARDEN, 900, NULL, NULL, NO},
        {60, 1, 60, 950, "a", OURS, NO},          /* began before any unit of ours */
        {100, WARDEN, 100, 1000, "a", OURS, A},   /* main */
        {101, 100, 100, 1001, "a", OURS, A},      /* its child */
        {102, 1, 100, 1002, NULL, NULL, A},       /* orphan in its session */
        {103, 100, 103, 1003, NULL, NULL, A},     /* own session, no environment: by descent */
        {104, 103, 104, 1004, NULL, NULL, A},     /* and its child */
        {105, WARDEN, 105, 1005, "a", OURS, A},   /* daemonised: by its cookie */
        {106, 105, 106, 1006, NULL, NULL, A},     /* child of that */
        {107, WARDEN, 107, 1007, NULL, NULL, NO}, /* escaped: nobody can tell */
        {108, 1, 108, 1008, "a", "/other", NO},   /* another Belfry's unit a */
        {109, 1, 109, 1009, "c", OURS, NO},
        {110, 100, 100, 1010, NULL, NULL, A, 'Z'},
        {111, 110, 111, 1011, NULL, NULL, A}, /* below a zombie */
        {200, WARDEN, 200, 2000, "b", OURS, B},
        {201, 200, 201, 2001, "a", OURS, B}, /* descent comes before the cookie */
        {300, 1, 300, 3000, NULL, NULL, NO},
    };
    check("plain", &(struct machine){rows, array_len(rows), NULL}, two);
}

static void main_is_gone(void **state)
{
    static const struct row rows[] = {
        {101, 1, 100, 1001, NULL, NULL, A}, /* session of a leader that is gone */
        {102, WARDEN, 102, 1002, "a", OURS, A},
        {200, WARDEN, 200, 2000, NULL, NULL, B, 'Z'}, /* not reaped yet */
        {201, 1, 200, 2001, NULL, NULL, B},
    };
    check("gone", &(struct machine){rows, array_len(rows), NULL}, two);
}

/* Number 100 is another's now, who leads a session of that number. */
static void numbers_used_again(void **state)
{
    static const struct row rows[] = {
        {99, 1, 99, 1500, "a", OURS, A},       {100, 1, 100, 5000, NULL, NULL, NO},
        {101, 100, 100, 5001, NULL, NULL, NO}, {200, 1, 200, 1999, NULL, NULL, NO},
        {201, 999, 200, 2500, NULL, NULL, NO},
    };
    check("again", &(struct machine){rows, array_len(rows), NULL}, two);
    /* A parent that is younger than its child is no parent: its number was used again. */
    static const struct row young[] = {
        {100, 1, 100, 1000, NULL, NULL, A},
        {150, 100, 100, 4000, NULL, NULL, A},
        {151, 150, 151, 3000, NULL, NULL, NO},
    };
    check("young", &(struct machine){young, array_len(young), NULL}, two);
}

/* A circle, as two reads of a changing machine may give it, ends. */
static void circles(void **state)
{
    static const struct row rows[] = {
        {10, 11, 10, 5000, NULL, NULL, NO},
        {11, 10, 11, 5000, NULL, NULL, NO},
        {12, 12, 12, 5000, NULL, NULL, NO},
    };
    check("circle", &(struct machine){rows, array_len(rows), NULL}, two);
}

/* With a cgroup: its members and main, nobody else; not the caller, whatever the file says. */
static void with_a_cgroup(void **state)
{
    static const struct row rows[] = {
        {WARDEN, 1, WARDEN, 900, NULL, NULL, NO},
        {100, WARDEN, 100, 1000, "a", OURS, A}, /* adopted: not in there */
        {101, 100, 100, 1001, "a", OURS, NO},   /* moved out, as a login is */
        {105, 1, 105, 1005, NULL, NULL, A},     /* in there */
        {106, 105, 106, 1006, NULL, NULL, NO},
        {200, WARDEN, 200, 2000, NULL, NULL, B},
        {201, 105, 200, 2001, NULL, NULL, B},
    };
    struct tree trees[2] = {two[0], two[1]};
    trees[A].cgroup = "/cg";
    check("cgroup", &(struct machine){rows, array_len(rows), "105 50 4242"}, trees);
    /* The folder is gone: as without. */
    static const struct row rest[] = {
        {100, WARDEN, 100, 1000, NULL, NULL, A},
        {101, 1, 101, 1001, "a", OURS, A},
    };
    check("no cgroup", &(struct machine){rest, array_len(rest), NULL}, trees);
}

/* A tree known by nothing but its cookie, of whichever Belfry. */
static void by_cookie_alone(void **state)
{
    static const struct row rows[] = {
        {5, 1, 5, 7, "a", "/x", A},
        {6, 5, 6, 8, NULL, NULL, A},
        {200, 1, 200, 2000, "b", NULL, B},
    };
    struct tree trees[2] = {{.cookie = "a"}, two[1]};
    check("cookie", &(struct machine){rows, array_len(rows), NULL}, trees);
}

static void cookies(void **state)
{
    char unit[TREE_COOKIE_SIZE], instance[TREE_COOKIE_SIZE];
    static const char text[] = "A=1\0BELFRY_UNIT=web\0XBELFRY_UNIT=no\0BELFRY_INSTANCE=/run/b\0";
    assert_true(tree__cookie_parse(text, sizeof(text) - 1, unit, instance));
    assert_string_equal(unit, "web");
    assert_string_equal(instance, "/run/b");
    assert_false(tree__cookie_parse("BELFRY_UNIT=", 12, unit, instance));
    assert_false(tree__cookie_parse("", 0, unit, instance));
    char large[600] = "BELFRY_UNIT=";
    memset(large + 12, 'x', sizeof(large) - 12);
    assert_false(tree__cookie_parse(large, sizeof(large), unit, instance));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_cgroups),
        cmocka_unit_test(main_is_gone),
        cmocka_unit_test(numbers_used_again),
        cmocka_unit_test(circles),
        cmocka_unit_test(with_a_cgroup),
        cmocka_unit_test(by_cookie_alone),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
