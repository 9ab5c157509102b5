/* What the files of the crash report share. */
#ifndef PROC_CRASH_PRIV_H
#define PROC_CRASH_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define CRASH_FRAMES  64
#define CRASH_RAW_MAX ((size_t)512 << 10)

/* A raw file, parsed; text fields borrow from it. signo 0: it was empty. */
struct crash_raw {
    int signo, code;
    uint64_t address, pc;
    struct str must;
    uint64_t frames[CRASH_FRAMES];
    uint32_t n_frames;
    struct str maps;
};
void crash__raw_name(char *out, size_t size, const char *dir, long pid);
bool crash__raw_parse(struct str text, struct crash_raw *out);
/* One line a frame: "#0 0x55f0c0de1234 probe_tcp+0x14 (belfry+0x1234)". */
void crash__traceback(const struct crash_raw *raw, struct buf *out);

/* Name of the function at a file offset of an ELF file, and the distance from its start; false when the file
 * has no symbol there. self: the file is this very program (whatever stands at the path now). */
bool crash__elf_symbol(const char *path, uint64_t offset, char *name, size_t size,
                       uint64_t *distance, uint64_t *vaddr);

/* Whether an environment variable's name says that its value is secret. */
bool mask__secret_name(const char *name, size_t n);
/* Appends text with the password of each URL in it replaced. */
void mask__text(struct buf *out, const char *text, size_t n);

#endif
