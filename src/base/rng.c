/* Randomness (rng.h): the system's for ids and tokens, and xoshiro256** (Blackman and Vigna, 2018,
 * seeded by splitmix64) for jitter and simulations. Any thread; no state of its own. */
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"

/* Before Linux 3.17, and wherever getrandom is forbidden. 0 at the end of the file never comes. */
static ssize_t from_device(void *p, size_t n)
{
    cleanup(fd_closep) int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : read(fd, p, n);
}

void rng_secure(void *p, size_t n)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            got = from_device(at, n);
        must(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

uint64_t rng_secure_u64(void)
{
    uint64_t v;
    rng_secure(&v, sizeof(v));
    return v;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < array_len(r->s); i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t v, int by)
{
    return (v << by) | (v >> (64 - by));
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    must((s[0] | s[1] | s[2] | s[3]) != 0); /* never seeded: it would give 0 for ever */
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    must(n > 0);
    /* Lemire's multiplication; the few low products that would favour some results are redrawn. */
    unsigned __int128 product = (unsigned __int128)rng_next(r) * n;
    if ((uint64_t)product < n) {
        uint64_t unfair = (0 - n) % n;
        while ((uint64_t)product < unfair)
            product = (unsigned __int128)rng_next(r) * n;
    }
    return (uint64_t)(product >> 64);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}
