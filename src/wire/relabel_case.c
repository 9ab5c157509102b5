/* Upper and lower case for relabelling (wire/relabel_priv.h): the alphabets whose letters lie in two bytes of UTF-8 and in
 * parallel rows. Whatever else there is stays as it is. */
#include "wire/relabel_priv.h"

#include "base/must.h"

/* Rows of capitals and how far below their small letters stand. */
static const struct {
    uint16_t first, last;
    uint8_t distance;
} rows[] = {
    {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},   /* À … Þ without × */
    {0x391, 0x3a1, 32}, {0x3a3, 0x3a9, 32}, /* Α … Ω */
    {0x410, 0x42f, 32}, {0x400, 0x40f, 80}, /* А … Я, Ѐ … Џ */
};

static unsigned turn(unsigned c, bool upper)
{
    for (size_t i = 0; i < array_len(rows); i++) {
        unsigned from = rows[i].first, to = rows[i].last, d = rows[i].distance;
        if (upper && c >= from + d && c <= to + d)
            return c - d;
        if (!upper && c >= from && c <= to)
            return c + d;
    }
    return c;
}

struct str relabel__case(struct str s, bool upper, struct arena *a)
{
    char *text = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        text[i] = (char)(letter ? c ^ 0x20 : c);
        if (c < 0xc3 || c > 0xd1 || i + 1 == s.n || ((unsigned char)s.p[i + 1] & 0xc0) != 0x80)
            continue;
        unsigned two = turn((c & 0x1fu) << 6 | ((unsigned char)s.p[i + 1] & 0x3fu), upper);
        must(two >= 0x80 && two < 0x800);
        text[i++] = (char)(0xc0 | two >> 6);
        text[i] = (char)(0x80 | (two & 0x3f));
    }
    return (struct str){text, s.n};
}
