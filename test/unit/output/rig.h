/* What the tests of output/ share: a folder of its own, an output with a clock and a disk that the test moves. */
#ifndef TEST_OUTPUT_RIG_H
#define TEST_OUTPUT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "output/output.h"

#define NOON INT64_C(1795262400) /* 2026-11-21T12:00:00Z, in seconds */

struct rig {
    char dir[64], run[96], logs[96];
    struct output *output;
    int64_t wall_ns, mono_ms;
    int64_t room; /* bytes that the disk still takes; -1: any number */
    int full_errno;
    struct arena *arena;
};
int rig_set_up(void **state); /* TZ is UTC */
int rig_tear_down(void **state);
/* Opens the output again, as a successor would: the pipes are drained first. */
void rig_restart(struct rig *r);
void rig_seconds(struct rig *r, int64_t s); /* lets time pass, and turns */
/* Turns until the pipes are empty. */
void rig_settle(struct rig *r);
/* One unit that writes CRI, without compression and bounds, unless changed. */
struct output_spec rig_spec(const char *unit);
void rig_set(struct rig *r, struct output_spec spec);
/* The writing end, as a program has it. */
int rig_open(struct rig *r, const char *unit, int stream);
void rig_print(struct rig *r, int fd, const char *text);

/* Text of a file in the unit's folder, or "" when it is not there. */
struct buf rig_file(const struct rig *r, const char *unit, const char *name);
/* Of all files in the order of rotation, compressed ones not. */
struct buf rig_all(const struct rig *r, const char *unit);
/* Names in the unit's folder, sorted, with a blank between. */
struct buf rig_names(const struct rig *r, const char *unit);
/* Lines without their time: "stdout F text\n". */
void rig_expect(const struct rig *r, const char *unit, const char *name, const char *want);

#endif
