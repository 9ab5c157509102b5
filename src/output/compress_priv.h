/* Between compress.c (queue and thread) and compress_file.c (the work). */
#ifndef OUTPUT_COMPRESS_PRIV_H
#define OUTPUT_COMPRESS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "output/output_priv.h"

struct ZSTD_CCtx_s;
struct packer {
    struct ZSTD_CCtx_s *zstd; /* NULL: no memory held */
    char *in, *out;
    size_t in_size, out_size;
    int64_t after_ms;       /* a file younger than that is left alone */
    pthread_mutex_t *names; /* a file is not removed while its compressed form takes its place */
    const atomic_bool *stop;
};
void output__packer_begin(struct packer *w);
void output__packer_end(struct packer *w);
/* Compresses what is old enough in dir. Returns how many files are left to do; *failed: of them some could not be done. */
size_t output__pack_folder(struct packer *w, const char *dir, bool *failed);
/* "DIR/output.log.… SUFFIX", malloc'ed. */
char *output__rotated_path(const char *dir, const struct rotated *r, const char *suffix);

#endif
