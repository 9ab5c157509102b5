/* What supervised programs print: taken from their pipes, written to files, rotated, compressed, read back.
 *
 * A program's stdout and stderr are FIFOs, data/run/out/UNIT.out and .err, which it holds open for reading too: whoever
 * dies, it never gets SIGPIPE, and what it wrote meanwhile waits in the pipe. One process, `belfry: output`, reads them all
 * in turns of bounded size: a unit that floods waits for its own disk, nobody else does.
 *
 * Files: logs/processes/UNIT/output.log, in the CRI format that every log shipper reads,
 *     2026-11-21T12:00:00.123456789Z stdout F the line
 * (F a whole line, P a part of one that is longer than OUTPUT_LINE_MAX or that paused for a second before its end), or
 * raw as it came. Rotated at max_size and at local midnight to output.log.YYYYMMDD-HHMMSS.NNN (UTC, so that names sort by
 * time; NNN counts within a second), compressed to ….zst in the background some seconds later, `keep` rotated files and
 * keep_days kept. A line is never divided by a rotation. Files are 0640 and folders 0750.
 *
 * What can be lost. Nothing while the output process runs or stops in order, and nothing when a unit dies: its last bytes
 * stay in the pipe, and the end of the pipe ends its last line. kill -9 of the output process: what it had read and not yet
 * written, that is one read of at most 128 KiB of one unit, and of each unit the beginning of a line whose end had not
 * come yet and that was younger than a second. A line that the kill tore in the file is ended there by the successor. A crash of the machine: what the
 * kernel had not yet brought to the disk. A full disk: see block_when_full; what is dropped is counted, and one line in
 * the file says how many bytes once there is room. */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

#define OUTPUT_LINE_MAX ((size_t)16 << 10)

/* --- names --- */
/* "RUN_DIR/out/UNIT.out"; stream 1 stdout, 2 stderr. malloc'ed. */
char *output_pipe_path(const char *run_dir, const char *unit, int stream);
/* "LOG_DIR/processes/UNIT" */
char *output_dir(const char *log_dir, const char *unit);
/* Unit ids are [A-Za-z0-9._-]{1,64}; everything here asserts that. */
bool output_unit_valid(const char *unit);
/* Makes the FIFO when there is none and opens it read-write: what a program gets as its stdout. Its opener closes it after
 * the spawn: when the last of a program's own descriptors is closed, the output process ends its last line.
 * The folder RUN_DIR/out must be there; a FIFO made by root belongs to the folder's owner. It is 0622 (behind a folder that
 * only its owner may search), so that a program under another user can open its own /dev/stdout. */
int output_pipe_open(const char *run_dir, const char *unit, int stream, struct err *err);
/* The reading end, never to be read from: as long as somebody holds it, what a program printed survives the program even
 * while no output process is there. */
int output_pipe_hold(const char *run_dir, const char *unit, int stream, struct err *err);

/* --- writing (the output process) --- */
struct output_spec {
    const char *unit;
    bool raw, compress, block_when_full;
    int64_t max_size, keep, keep_days; /* 0: no bound */
};
/* Clock and disk; tests give others. */
struct output_os {
    int64_t (*wall_ns)(void *arg);
    int64_t (*mono_ms)(void *arg);
    ssize_t (*write)(void *arg, int fd, const void *p, size_t n);
    void *arg;
};
struct output_config {
    const char *run_dir, *log_dir;
    /* A rotated file rests so long before it is compressed; 0: 5 s. By then a flood's files are deleted again. */
    int64_t compress_after_ms;
    const struct output_os *os; /* NULL: the real one */
};
struct output;
struct output *output_new(const struct output_config *c, struct err *err);
void output_free(struct output **o); /* takes what the pipes still hold first */
/* The units there are now. Others' pipes are read until nobody holds them for writing, then closed; their files stay. */
void output_set(struct output *o, const struct output_spec *specs, size_t n);
/* One descriptor to poll for reading, and what to do when it stirs or after output_timeout ms (-1: never). A turn takes at
 * most 128 KiB from each of at most 64 pipes; it waits half a millisecond itself when it is called again and again for
 * little, so that a stream of small writes costs few wake-ups. */
int output_fd(const struct output *o);
int output_timeout(const struct output *o);
void output_turn(struct output *o);

/* Over this process's life; bytes as the unit wrote them. waiting_to_compress: of all units only. */
struct output_stats {
    uint64_t bytes, lines, dropped_bytes, rotations, write_errors;
    size_t open_files, waiting_to_compress;
};
/* unit NULL: the sum of all. */
void output_stats(const struct output *o, const char *unit, struct output_stats *out);
/* The output process keeps these in a table (ipc/table.h) of the run directory, key = unit, for /metrics: brought up to
 * date once a second at most. */
#define OUTPUT_TABLE         "output"
#define OUTPUT_TABLE_VERSION 1u

/* --- reading back (core, API) --- */
struct output_line {
    int64_t at_ns;    /* wall clock; 0: raw */
    int stream;       /* 1 stdout, 2 stderr; a raw line is always 1 */
    bool whole;       /* false: the stream's next line goes on with it */
    const char *text; /* UTF-8 made valid, no newline; borrowed during the callback */
    size_t n;
};
struct output_query {
    const char *log_dir, *unit;
    uint32_t lines;       /* at most so many; ≤ 10000 */
    int64_t since_ms;     /* 0: any */
    const char *cursor;   /* of an earlier read: what came after it; NULL: the last `lines` */
    const char *contains; /* NULL: any */
    int stream;           /* 0: both */
};
/* Oldest first. *cursor (in a) is where to go on: it names a file by its first line, and an offset, and survives rotation
 * and compression; if its file is deleted meanwhile, reading goes on with the oldest there is. NOT_FOUND when the unit
 * never wrote, MALFORMED for a foreign cursor. Any process and thread, beside the writer: what it sees are whole lines.
 * Reads at most 256 MiB; when `contains` matches nothing there, the cursor says where to go on. */
int output_read(const struct output_query *q, void (*fn)(void *arg, const struct output_line *l),
                void *arg, struct arena *a, const char **cursor, struct err *err);

#endif
