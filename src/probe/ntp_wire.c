/* See ntp_wire.h. */
#include "probe/ntp_wire.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define UNIX_EPOCH  2208988800.0 /* s from 1900 to 1970 */
#define ERA         4294967296.0 /* s */
#define MODE_CLIENT 3
#define MODE_SERVER 4

void ntp_write(uint8_t out[NTP_PACKET], uint64_t cookie)
{
    memset(out, 0, NTP_PACKET);
    out[0] = 4 << 3 | MODE_CLIENT;
    for (int i = 0; i < 8; i++)
        out[40 + i] = (uint8_t)(cookie >> (56 - 8 * i));
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The moment nearest to now that these 8 bytes can mean: an era ends in 2036. */
static double moment(const uint8_t *p, double now)
{
    double t = u32(p) + u32(p + 4) / ERA - UNIX_EPOCH;
    return t + ERA * round((now - t) / ERA);
}

static void read_reference(const uint8_t *p, int stratum, char out[16])
{
    if (stratum > 1) {
        snprintf(out, 16, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        return;
    }
    size_t n = 0;
    for (; n < 4 && isgraph(p[n]); n++)
        out[n] = (char)p[n];
    out[n] = '\0';
}

int ntp_read(const uint8_t *p, size_t n, uint64_t cookie, double now, struct ntp_answer *out,
             struct err *err)
{
    uint64_t origin = n >= NTP_PACKET ? (uint64_t)u32(p + 24) << 32 | u32(p + 28) : 0;
    if (n < NTP_PACKET || (p[0] & 7) != MODE_SERVER || origin != cookie)
        return 0;
    *out = (struct ntp_answer){
        .leap = p[0] >> 6,
        .version = p[0] >> 3 & 7,
        .stratum = p[1],
        .root_delay_s = (int32_t)u32(p + 4) / 65536.0,
        .root_dispersion_s = u32(p + 8) / 65536.0,
        .receive = moment(p + 32, now),
        .transmit = moment(p + 40, now),
    };
    read_reference(p + 12, out->stratum, out->reference);
    if (out->stratum == 0) /* a kiss of death has no times */
        return 1;
    if (out->version < 1 || out->version > 4)
        return err_set(err, ERR_PROTOCOL, "an answer of NTP version %d", out->version);
    if (u32(p + 40) == 0 && u32(p + 44) == 0)
        return err_set(err, ERR_PROTOCOL, "an answer without a time");
    return 1;
}
