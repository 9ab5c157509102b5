/* Chunks: a run of one series' samples as bytes, lossless, each with the cheapest of several codings. Pure; any thread.
 *
 * Times and values are coded apart. Values: constant; integers by delta or delta of delta; decimals scaled to integers when
 * scaling back gives every bit (ALP, Afroozeh and Kuffo 2023); XOR for the rest (Gorilla, Pelkonen 2015). Integers are packed
 * in groups of a fixed width, so decoding is a loop that the compiler vectorises. Times: a regular step costs a few bytes
 * for the whole chunk, jitter is packed likewise. A marker or a NaN of any payload survives bit for bit.
 *
 * The first byte says what kind of samples there are (CHUNK_FLOATS); histograms will be further kinds. */
#ifndef TSDB_CHUNK_H
#define TSDB_CHUNK_H

#include "model/series.h"

#define CHUNK_SAMPLES_MAX 8192

enum chunk_kind { CHUNK_FLOATS = 1 };

/* Appends the coded samples (1 … CHUNK_SAMPLES_MAX, times rising) to out. */
void chunk_encode(const int64_t *t, const double *v, uint32_t n, struct buf *out);
/* Appends all samples to out. DAMAGED when the bytes are not a chunk of exactly this length. */
int chunk_decode(const void *p, size_t n, struct samples *out, struct err *err);
/* The same for samples within [min_ms, max_ms] only: times are decoded first, and of values what is needed. */
int chunk_decode_range(const void *p, size_t n, int64_t min_ms, int64_t max_ms, struct samples *out,
                       struct err *err);
int chunk_count(const void *p, size_t n, uint32_t *samples, struct err *err);

#endif
