/* NTP packets, RFC 5905, section 7.3, 48 bytes, big endian:
 *
 *   0 leap (2 bits), version (3), mode (3)   1 stratum   2 poll   3 precision   4 root delay (16.16)
 *   8 root dispersion (16.16)   12 reference id   16 reference   24 origin   32 receive   40 transmit (32.32, since 1900)
 *
 * Pure functions over bytes. */
#ifndef PROBE_NTP_WIRE_H
#define PROBE_NTP_WIRE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define NTP_PACKET 48

struct ntp_answer {
    int leap, version, stratum;
    double root_delay_s, root_dispersion_s;
    char reference[16]; /* "GPS", "10.0.0.1"; of a kiss of death its code, "RATE" */
    double receive,
        transmit; /* Unix time, s, of the server's clock; near `now` (the era is guessed by it) */
};

/* A client's packet. The transmit time is a random number: the answer brings it back, and nothing is told of our clock
 * (draft-ietf-ntp-data-minimization). */
void ntp_write(uint8_t out[NTP_PACKET], uint64_t cookie);
/* 1: an answer to cookie; 0: something else; -1: an answer, but malformed. now: Unix time, s. */
int ntp_read(const uint8_t *p, size_t n, uint64_t cookie, double now, struct ntp_answer *out,
             struct err *err);

#endif
