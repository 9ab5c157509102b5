/* See password.h. */
#include "access/password.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define AT_ONCE 2
#define WAITING 6
#define OPS     crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY  crypto_pwhash_MEMLIMIT_INTERACTIVE

/* Of a password that nobody has, so that an unknown account costs what a known one does. */
static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$"
                             "AAAAAAAAAAAAAAAAAAAAAA$"
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* What people choose first when ten characters are asked for. */
static const char *const common[] = {
    "1234567890",    "0123456789",     "12345678910", "123456789a",  "1q2w3e4r5t",
    "1qaz2wsx3edc",  "qwertyuiop",     "qwerty12345", "qwerty1234",  "qwerty123456",
    "asdfghjkl;",    "asdfghjkl1",     "zaq12wsxcde", "password12",  "password123",
    "password1234",  "password12345",  "password1!",  "passw0rd123", "p@ssw0rd123",
    "p@ssword123",   "p@ssw0rd1",      "iloveyou123", "iloveyou12",  "welcome123",
    "welcome1234",   "administrator",  "admin12345",  "admin123456", "admin1234567",
    "adminadmin",    "administrator1", "letmein1234", "letmein123",  "changeme123",
    "changeme12",    "changemenow",    "football123", "baseball123", "superman123",
    "sunshine123",   "princess123",    "dragon1234",  "monkey1234",  "michael123",
    "belfrybelfry",  "belfry1234",     "belfry12345", "monitoring",  "monitoring1",
    "monitoring123", "secret1234",     "secret12345", "default123",  "1234567890a",
    "a123456789",    "abcd123456",     "abc1234567",  "abcdefghij",  "woaini1314",
    "5201314520",    "q1w2e3r4t5",     "test123456",  "testtest123", "root123456",
    "rootroot123",
};

struct password_gate {
    pthread_mutex_t lock; /* guards the two counts */
    pthread_cond_t free;
    int inside, waiting;
};

struct password_gate *password_gate_new(void)
{
    must(sodium_init() >= 0);
    struct password_gate *g = calloc(1, sizeof(*g));
    must(g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->free, NULL);
    return g;
}

void password_gate_free(struct password_gate *g)
{
    if (!g)
        return;
    must(g->inside == 0 && g->waiting == 0);
    pthread_cond_destroy(&g->free);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static bool enter(struct password_gate *g)
{
    pthread_mutex_lock(&g->lock);
    bool room = g->inside < AT_ONCE || g->waiting < WAITING;
    if (room) {
        g->waiting++;
        while (g->inside >= AT_ONCE)
            pthread_cond_wait(&g->free, &g->lock);
        g->waiting--;
        g->inside++;
    }
    pthread_mutex_unlock(&g->lock);
    return room;
}

static void leave(struct password_gate *g)
{
    pthread_mutex_lock(&g->lock);
    must(g->inside > 0 && g->inside <= AT_ONCE);
    g->inside--;
    pthread_cond_signal(&g->free);
    pthread_mutex_unlock(&g->lock);
}

static int crowded(struct err *err)
{
    return err_set(err, ERR_BUSY, "too many are signing in at this moment; try again soon");
}

static bool one_character(const char *s)
{
    return s[strspn(s, (char[]){s[0], '\0'})] == '\0';
}

const char *password_weakness(const char *password, const char *name)
{
    size_t n = utf8_count(password, strlen(password));
    if (n < PASSWORD_MIN)
        return "has fewer than 10 characters; want 10 or more";
    if (strlen(password) > PASSWORD_MAX)
        return "has more than 512 bytes; want fewer";
    if (one_character(password))
        return "is one character again and again; want a better one";
    for (size_t i = 0; i < array_len(common); i++)
        if (strcasecmp(common[i], password) == 0)
            return "is one of the first that is tried; want a better one";
    if (strlen(name) >= 3 && strcasestr(password, name) && n < strlen(name) + 6)
        return "is hardly more than the name; want a better one";
    return NULL;
}

int password_digest(struct password_gate *g, const char *password, char out[PASSWORD_HASH],
                    struct err *err)
{
    _Static_assert(PASSWORD_HASH >= crypto_pwhash_STRBYTES, "libsodium's text fits");
    if (!enter(g))
        return crowded(err);
    int rc = crypto_pwhash_str(out, password, strlen(password), OPS, MEMORY);
    leave(g);
    return rc == 0 ? 0 : err_set(err, ERR_BUSY, "no memory for the password's hash; try again");
}

int password_check(struct password_gate *g, const char *hash, const char *password, bool *good,
                   bool *old, struct err *err)
{
    bool known = hash && *hash;
    if (!enter(g))
        return crowded(err);
    bool same = strlen(password) <= PASSWORD_MAX &&
                crypto_pwhash_str_verify(known ? hash : nobody, password, strlen(password)) == 0;
    leave(g);
    *good = same && known;
    *old = *good && crypto_pwhash_str_needs_rehash(hash, OPS, MEMORY) != 0;
    return 0;
}
