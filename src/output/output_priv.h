/* Inside of output/: the structs of the output process's side, and what its files call of each other. One thread, but for
 * compress.c, which has its own and shares nothing but its queue. */
#ifndef OUTPUT_OUTPUT_PRIV_H
#define OUTPUT_OUTPUT_PRIV_H

#include <sys/queue.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "output/output.h"

#define READ_SIZE \
    ((size_t)128 << 10) /* taken from one pipe in one turn; small enough for the cache */
#define CHUNK_SIZE ((size_t)256 << 10) /* formatted bytes that are written at once */
#define BATCH      64                  /* pipes in one turn */
#define FILE_NAME  "output.log"

/* --- names.c --- */
/* The reading end, non-blocking; makes the FIFO when there is none. */
int output__pipe_read_end(const char *run_dir, const char *unit, int stream, struct err *err);

/* --- watch_linux.c, watch_other.c: which pipes have bytes. Level-triggered, in turns when there are more than fit --- */
struct watch;
struct watch *output__watch_new(struct err *err);
void output__watch_free(struct watch **w);
int output__watch_fd(const struct watch *w);
int output__watch_add(struct watch *w, int fd, void *tag);
void output__watch_del(struct watch *w, int fd);
/* Tags of those that can be read now; never waits. */
size_t output__watch_ready(struct watch *w, void **tags, size_t max);
int output__watch_timeout(
    const struct watch *w); /* where there is nothing to poll: look so often */

/* --- lines.c: bytes of a pipe → bytes of the file. Pure --- */
#define PREFIX_SIZE ((size_t)40) /* "2026-11-21T12:00:00.123456789Z stdout F " */
#define PREFIX_FLAG 38           /* where F or P stands */
#define LINE_ROOM   (PREFIX_SIZE + OUTPUT_LINE_MAX + 16)

struct chunk {
    char *data; /* CHUNK_SIZE bytes */
    size_t n;
    uint64_t lines;
};
struct lines {
    bool raw;
    bool continued; /* the last line put ends in the middle of the program's */
    char *held;     /* the beginning of a line whose end has not come; NULL: none */
    size_t n_held, held_cap;
};
void output__prefix(char prefix[PREFIX_SIZE + 1], int64_t wall_ns, int stream);
/* Puts whole lines to out and holds the rest; returns how many bytes of `in` were taken: fewer than n when out is full. */
size_t output__lines_take(struct lines *l, const char *prefix, const char *in, size_t n,
                          struct chunk *out);
/* What is held goes out: as a part (whole false), or as the end of the program's line. out has LINE_ROOM. */
void output__lines_flush(struct lines *l, const char *prefix, bool whole, struct chunk *out);
void output__lines_done(struct lines *l);
/* How many of the file's bytes p…n the program wrote itself. */
uint64_t output__lines_payload(bool raw, const char *p, size_t n);

/* --- rotate.c: names of rotated files --- */
struct rotated {
    uint64_t stamp; /* decimal YYYYMMDDHHMMSS, UTC */
    uint32_t n;
    bool plain, packed; /* both: the plain one is about to be removed */
};
typedef vec_of(struct rotated) rotated_list;
#define ROTATED_NAME_SIZE 64
void output__rotated_name(char name[ROTATED_NAME_SIZE], const struct rotated *r, bool packed);
bool output__rotated_parse(const char *name, struct rotated *r);
/* Those in dir, oldest first, each once; leftovers of a killed compressor (*.tmp) are counted in *torn, which may be NULL.
 * False: dir cannot be read. */
bool output__rotated_list(const char *dir, rotated_list *out, size_t *torn);
/* The name that comes after `last` when it is `wall_ns` now. */
void output__rotated_next(struct rotated *next, const struct rotated *last, int64_t wall_ns);
int64_t output__rotated_age_days(const struct rotated *r, int64_t wall_ns);

/* --- compress.c: a thread of the lowest priority --- */
struct compressor;
struct compressor *output__compressor_new(int64_t after_ms, struct err *err);
void output__compressor_free(
    struct compressor **c); /* leaves off; what is left is found at the next start */
/* dir has n further rotated files. The thread starts with the first call. */
void output__compressor_add(struct compressor *c, const char *dir, size_t n);
size_t output__compressor_waiting(const struct compressor *c); /* files */
/* Removes a rotated file in all its forms; not when the thread is just about to rename it: call again another time. */
void output__compressor_remove(struct compressor *c, const char *dir, const struct rotated *r);

/* --- writer.c: the file of one unit --- */
struct writer {
    const char *unit;
    char *dir, *path;
    bool raw, compress, block;
    int64_t max_size, keep, keep_days;
    int fd; /* -1: nothing written yet */
    int64_t size;
    int64_t looked_s;     /* when it was last asked whether somebody removed the file */
    struct rotated last;  /* name of the last rotation */
    int64_t no_rotate_ms; /* a rotation failed: not again before */
    int64_t retry_ms;     /* the disk is full: when to try again; 0: it is not */
    int full_errno;
    uint64_t lost;      /* bytes dropped that no line in the file tells of yet */
    struct buf waiting; /* block: what could not be written */
    struct output_stats stats;
    LIST_ENTRY(writer) full;
};
LIST_HEAD(writer_list, writer);

/* Local midnights around now. */
struct day {
    int64_t begin_ns, end_ns;
};
struct day output__day(int64_t wall_ns);

/* What all writers share. */
struct desk {
    struct output_os os;
    struct compressor *compressor;
    struct day day;
    struct writer_list full;
};
void output__writer_init(struct writer *w, const char *log_dir, const char *unit);
void output__writer_set(struct desk *d, struct writer *w, const struct output_spec *spec);
void output__writer_done(struct writer *w);
/* Whole lines, or raw bytes. Never fails: what there is no room for is dropped, or waits (output__writer_blocked). */
void output__writer_put(struct desk *d, struct writer *w, const char *p, size_t n);
/* Its pipes must not be read: the disk is full and nothing is to be dropped. */
bool output__writer_blocked(const struct writer *w);
/* Tries again where the disk was full. */
void output__writer_retry(struct desk *d, struct writer *w);
void output__writer_midnight(struct desk *d, struct writer *w);
/* From retry_ms on; for the rotation in rotate.c. */
void output__rotate(struct desk *d, struct writer *w, int64_t wall_ns);
void output__prune(struct desk *d, struct writer *w, int64_t wall_ns);
void output__writer_close(struct writer *w);

/* --- pipes.c, output.c --- */
#define PIPE_MAGIC 0x4f504950u
struct unit;
struct pipe {
    uint32_t magic;
    struct unit *unit;
    int stream;
    int fd;
    bool watched;
    bool large; /* it was made larger … */
    bool tight; /* … or cannot be */
    struct lines lines;
    int64_t part_ms; /* when what is held goes out as a part; 0: nothing is held */
    TAILQ_ENTRY(pipe) holding;
};
TAILQ_HEAD(pipe_list, pipe);

struct unit {
    char *id;
    bool leaving; /* no longer configured: goes when its pipes end */
    struct pipe pipes[2];
    struct writer writer;
};

struct output {
    uint32_t magic;
    char *run_dir, *log_dir;
    struct desk desk;
    struct watch *watch;
    struct map_str *units;
    struct pipe_list holding; /* by part_ms */
    char *in;                 /* READ_SIZE */
    struct chunk chunk;
    int64_t last_turn_ns;     /* CLOCK_MONOTONIC */
    bool little;              /* the last turn brought few bytes */
    uint32_t no_nap;          /* turns for which waiting does not pay */
    size_t leaving;           /* units that are */
    struct output_stats gone; /* of units that left */
};

int output__pipe_open(struct output *o, struct pipe *p, struct err *err);
void output__pipe_close(struct output *o, struct pipe *p);
/* Takes at most READ_SIZE. Bytes; 0: none there; -1: nobody writes to it any more. */
ssize_t output__pipe_take(struct output *o, struct pipe *p);
/* What it holds now, at most two pipes full. */
void output__pipe_drain(struct output *o, struct pipe *p);
/* What is held goes out. whole: the program's line ends here. */
void output__pipe_flush(struct output *o, struct pipe *p, bool whole);
/* Watches its unit's pipes or leaves them full, as the writer is. */
void output__pipes_pause(struct output *o, struct unit *u);

/* --- line_parse.c --- */
/* One line of a file without its newline. False: it is none in the CRI format; then it is a raw line. */
bool output__line_parse(const char *p, size_t n, struct output_line *out);
#define CURSOR_SIZE 48
struct cursor {
    uint64_t file; /* hash of the file's first bytes; 0: before everything */
    uint64_t offset;
};
void output__cursor_format(char text[CURSOR_SIZE], const struct cursor *c);
bool output__cursor_parse(struct str text, struct cursor *c);

#endif
