/* See tar.h. */
#include "base/tar.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"

enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    NAME_SIZE = 100,
    PREFIX_SIZE = 155,
    NUMBER_SIZE = 12,
};

/* Where the name is cut into prefix and name: at a "/" so that both fit. 0: it fits as a whole; -1: not at all. */
static int cut_of(const char *name, size_t n)
{
    if (n <= NAME_SIZE)
        return 0;
    for (size_t i = 1; i < n && i <= PREFIX_SIZE; i++)
        if (name[i] == '/' && n - i - 1 <= NAME_SIZE && n - i - 1 > 0)
            return (int)i;
    return -1;
}

static void put_number(unsigned char *at, uint64_t v)
{
    char text[NUMBER_SIZE + 12];
    if (v < (UINT64_C(1) << 33)) {
        snprintf(text, sizeof(text), "%011llo", (unsigned long long)v);
        memcpy(at, text, NUMBER_SIZE);
        return;
    }
    at[0] = 0x80;
    for (int i = NUMBER_SIZE - 1; i > 3; i--, v >>= 8)
        at[i] = (unsigned char)v;
}

/* Of all bytes, those of the checksum itself taken as blanks. */
static unsigned sum_of(const unsigned char *block)
{
    unsigned sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : block[i];
    return sum;
}

int tar_put_header(struct buf *out, const struct tar_entry *e)
{
    static const unsigned char magic[8] = {'u', 's', 't', 'a', 'r', 0, '0', '0'};
    unsigned char block[TAR_BLOCK] = {0};
    char text[24];
    size_t n = strlen(e->name);
    int cut = n > 0 && n <= TAR_NAME_MAX ? cut_of(e->name, n) : -1;
    if (cut < 0)
        return -1;
    const char *name = cut ? e->name + cut + 1 : e->name;
    memcpy(block + AT_PREFIX, e->name, (size_t)cut);
    memcpy(block + AT_NAME, name, n - (size_t)(name - e->name));
    snprintf(text, sizeof(text), "%07o", e->mode & 07777);
    memcpy(block + AT_MODE, text, 7);
    memset(block + AT_MODE + 8, '0', 7);  /* uid */
    memset(block + AT_MODE + 16, '0', 7); /* gid */
    put_number(block + AT_SIZE, e->directory ? 0 : e->size);
    put_number(block + AT_MTIME, e->mtime_s > 0 ? (uint64_t)e->mtime_s : 0);
    block[AT_TYPE] = e->directory ? '5' : '0';
    memcpy(block + AT_MAGIC, magic, sizeof(magic));
    snprintf(text, sizeof(text), "%06o", sum_of(block));
    memcpy(block + AT_SUM, text, 7);
    block[AT_SUM + 7] = ' ';
    buf_add(out, block, sizeof(block));
    return 0;
}

size_t tar_padding(uint64_t size)
{
    return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

void tar_put_end(struct buf *out)
{
    const unsigned char zeros[2 * TAR_BLOCK] = {0};
    buf_add(out, zeros, sizeof(zeros));
}

/* --- reading --- */

static bool octal(const unsigned char *at, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0, digits = 0;
    while (i < n && at[i] == ' ')
        i++;
    for (; i < n && at[i] >= '0' && at[i] <= '7'; i++, digits++) {
        if (v >> 60)
            return false;
        v = v << 3 | (uint64_t)(at[i] - '0');
    }
    for (; i < n; i++)
        if (at[i] != ' ' && at[i] != '\0')
            return false;
    *out = v;
    return digits > 0;
}

static bool number(const unsigned char *at, uint64_t *out)
{
    if (at[0] != 0x80)
        return octal(at, NUMBER_SIZE, out);
    uint64_t v = 0;
    for (int i = 1; i < NUMBER_SIZE; i++) {
        if (v >> 55)
            return false;
        v = v << 8 | at[i];
    }
    *out = v;
    return true;
}

static bool part_is_safe(struct str part)
{
    return part.n > 0 && !str_eqz(part, ".") && !str_eqz(part, "..");
}

static bool name_is_safe(const char *name)
{
    struct str rest = str_of(name), part;
    if (rest.n == 0)
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '\\' || *p == 0x7f)
            return false;
    while (str_next(&rest, '/', &part))
        if (!part_is_safe(part))
            return false;
    return true;
}

static void take_name(const unsigned char *block, struct tar_entry *out)
{
    size_t prefix = strnlen((const char *)block + AT_PREFIX, PREFIX_SIZE);
    size_t name = strnlen((const char *)block + AT_NAME, NAME_SIZE);
    must(prefix + name + 1 <= TAR_NAME_MAX + 1);
    snprintf(out->name, sizeof(out->name), "%.*s%s%.*s", (int)prefix,
             (const char *)block + AT_PREFIX, prefix ? "/" : "", (int)name,
             (const char *)block + AT_NAME);
    size_t n = strlen(out->name);
    if (out->directory && n > 1 && out->name[n - 1] == '/')
        out->name[n - 1] = '\0';
}

static bool all_zero(const unsigned char *block)
{
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

int tar_parse_header(const unsigned char block[static TAR_BLOCK], struct tar_entry *out, bool *end,
                     struct err *err)
{
    uint64_t sum, mode, mtime;
    struct tar_entry e = {0};
    *end = all_zero(block);
    if (*end)
        return 0;
    if (memcmp(block + AT_MAGIC, "ustar", 5) != 0 || !octal(block + AT_SUM, 8, &sum) ||
        sum != sum_of(block))
        return err_set(err, ERR_DAMAGED, "a header of the archive is damaged");
    e.directory = block[AT_TYPE] == '5';
    if (!e.directory && block[AT_TYPE] != '0' && block[AT_TYPE] != '\0')
        return err_set(err, ERR_DENIED, "the archive holds something that is no file or directory");
    if (!number(block + AT_SIZE, &e.size) || !number(block + AT_MTIME, &mtime) ||
        !octal(block + AT_MODE, 8, &mode) || (e.directory && e.size) || e.size >> 50)
        return err_set(err, ERR_DAMAGED, "a number in a header of the archive makes no sense");
    take_name(block, &e);
    if (!name_is_safe(e.name))
        return err_set(err, ERR_DENIED, "the archive holds the name \"%.60s\"; want a relative one",
                       e.name);
    e.mode = (uint32_t)(mode & 0777);
    e.mtime_s = (int64_t)(mtime & INT64_MAX);
    *out = e;
    return 0;
}
