/* MD5 (RFC 1321): for hashmod, which Prometheus defines by it. Not for secrets. Pure. */
#ifndef WIRE_MD5_H
#define WIRE_MD5_H

#include <stddef.h>
#include <stdint.h>

void md5(const void *p, size_t n, uint8_t out[16]);

#endif
