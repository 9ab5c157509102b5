/* Hiding secrets in what a crash report quotes: environment values and URLs with passwords. Pure. */
#include <ctype.h>
#include <string.h>

#include "base/must.h"
#include "proc/crash_priv.h"

#define MASK "********"

static bool contains(const char *name, size_t n, const char *word)
{
    size_t w = strlen(word);
    for (size_t i = 0; i + w <= n; i++) {
        size_t k = 0;
        while (k < w && toupper((unsigned char)name[i + k]) == word[k])
            k++;
        if (k == w)
            return true;
    }
    return false;
}

bool mask__secret_name(const char *name, size_t n)
{
    static const char *const words[] = {"PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "PRIVATE"};
    for (size_t i = 0; i < array_len(words); i++)
        if (contains(name, n, words[i]))
            return true;
    return contains(name, n, "AUTH") && !contains(name, n, "AUTHOR");
}

/* Bytes of "user:password@" at the start of s: *colon its place; 0 when there is none before the path. */
static size_t credentials(const char *s, size_t n, size_t *colon)
{
    size_t at = 0, found = 0;
    *colon = 0;
    for (size_t i = 0; i < n && s[i] != '/' && s[i] != '?' && s[i] != '#' && s[i] > ' '; i++) {
        if (s[i] == ':' && at == 0 && *colon == 0)
            *colon = i + 1;
        if (s[i] == '@')
            found = at = i + 1; /* the last one: passwords may have an unescaped @ */
    }
    return *colon > 0 && found > *colon ? found : 0;
}

void mask__text(struct buf *out, const char *text, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i + 3 <= n; i++) {
        size_t colon;
        if (memcmp(text + i, "://", 3) != 0)
            continue;
        size_t auth = credentials(text + i + 3, n - i - 3, &colon);
        if (auth == 0)
            continue;
        buf_add(out, text + from, i + 3 + colon - from);
        buf_puts(out, MASK "@");
        from = i + 3 + auth;
        i = from - 1;
    }
    buf_add(out, text + from, n - from);
}
