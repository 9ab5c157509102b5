/* Between read.c (which lines) and read_file.c (one file, plain or compressed, forwards and backwards). */
#ifndef OUTPUT_READ_PRIV_H
#define OUTPUT_READ_PRIV_H

#include "output/output_priv.h"

/* A file of one unit as it was found. */
struct part {
    struct rotated name;
    bool current; /* output.log */
    int fd;       /* opened when first needed; -1 */
    bool packed;  /* fd is compressed */
};

/* Reads a part forwards, line by line. */
struct ZSTD_DCtx_s;
struct source {
    const struct part *part;
    struct ZSTD_DCtx_s *zstd;
    char *raw; /* compressed bytes */
    size_t raw_size, raw_n, raw_at;
    struct buf text; /* bytes not given out yet */
    size_t text_at;
    uint64_t at;      /* offset in the (uncompressed) file of the next line */
    uint64_t file_at; /* bytes read of the file */
    bool ended, failed;
};
/* At the line that begins at offset. False: it cannot be read. */
bool output__source_open(struct source *s, const struct part *part, uint64_t offset);
/* The next whole line, without its newline; false: there is none (yet). Borrowed until the next call. */
bool output__source_line(struct source *s, const char **p, size_t *n);
void output__source_close(struct source *s);

/* Opens part->fd. False: it is gone. */
bool output__part_open(const char *dir, struct part *part);
/* Hash of its first line (its first 256 bytes, if that is longer); 0: it has none yet. */
uint64_t output__part_id(const struct part *part);
/* Bytes up to the end of the last whole line of a plain part. */
uint64_t output__part_end(const struct part *part);

#endif
