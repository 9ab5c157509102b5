/* Hash maps: open addressing, linear probing, power-of-two, seeded hash. Not thread-safe.
 * map_u64 maps 64-bit ids to pointers, map_str maps byte strings (keys are copied) to pointers.
 * Values are borrowed and not NULL: the map never frees them. Deleting while iterating with *_next is
 * allowed for any element, putting is not. The order is the same for the same history of calls, and
 * for map_str it is that of insertion, so that simulations repeat. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_u64;
struct map_u64 *map_u64_new(void);
void map_u64_free(struct map_u64 *m);
void *map_u64_get(const struct map_u64 *m, uint64_t key);        /* NULL when absent */
void *map_u64_put(struct map_u64 *m, uint64_t key, void *value); /* returns the old value or NULL */
void *map_u64_del(struct map_u64 *m, uint64_t key); /* returns the removed value or NULL */
size_t map_u64_count(const struct map_u64 *m);
/* for (size_t it = 0; map_u64_next(m, &it, &key, &value);) */
bool map_u64_next(const struct map_u64 *m, size_t *it, uint64_t *key, void **value);

struct map_str;
struct map_str *map_str_new(void);
void map_str_free(struct map_str *m);
void *map_str_get(const struct map_str *m, const char *key, size_t len);
void *map_str_put(struct map_str *m, const char *key, size_t len, void *value);
void *map_str_del(struct map_str *m, const char *key, size_t len);
size_t map_str_count(const struct map_str *m);
bool map_str_next(const struct map_str *m, size_t *it, const char **key, size_t *len, void **value);

/* 64-bit hash of bytes (XXH64-class quality, our own or a public-domain algorithm; stable across
 * runs and machines for a given seed: schedules depend on it). */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
uint64_t hash_u64(uint64_t v); /* a strong mixer */
/* CRC-32C (Castagnoli), hardware where available: ring records and files. Begin with crc 0; to go on,
 * pass what the call before returned. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
