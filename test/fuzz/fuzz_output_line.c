/* output__line_parse over any bytes: what it takes for a line in the CRI format can be written again, byte for byte; the rest
 * of it lies within the line. And the cursor: what is accepted reads back the same. */
#include <string.h>

#include "output/output_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *p, size_t n)
{
    struct output_line l;
    char prefix[PREFIX_SIZE + 1];
    bool cri = output__line_parse(p, n, &l);
    must(l.text >= p && l.text + l.n == p + n);
    must(l.stream == 1 || l.stream == 2);
    if (!cri) {
        must(l.at_ns == 0 && l.n == n && l.whole);
        return;
    }
    must(l.n == n - PREFIX_SIZE && l.at_ns >= 0);
    output__prefix(prefix, l.at_ns, l.stream);
    if (!l.whole)
        prefix[PREFIX_FLAG] = 'P';
    bool usual =
        memcmp(p + 17, "60", 2) != 0; /* a leap second and 31 February are read as the next one */
    if (usual && memcmp(p + 8, "29", 2) < 0)
        must(memcmp(prefix, p, PREFIX_SIZE) == 0);
}

static void check_cursor(const char *p, size_t n)
{
    struct cursor c = {1, 2}, again;
    char text[CURSOR_SIZE];
    if (!output__cursor_parse((struct str){p, n}, &c)) {
        must(c.file == 1 && c.offset == 2);
        return;
    }
    output__cursor_format(text, &c);
    must(output__cursor_parse(str_of(text), &again));
    must(again.file == c.file && again.offset == c.offset);
}

/* A program's output, cut into reads, comes out of its lines again. */
static void check_round(const char *p, size_t n)
{
    struct lines l = {0};
    struct chunk c = {.data = malloc(CHUNK_SIZE)};
    char prefix[PREFIX_SIZE + 1];
    must(c.data);
    output__prefix(prefix, 0, 1);
    for (size_t at = 0, step = 1; at < n && c.n + 4 * LINE_ROOM < CHUNK_SIZE; at += step) {
        step = 1 + (unsigned char)p[at] % 97;
        step = step < n - at ? step : n - at;
        must(output__lines_take(&l, prefix, p + at, step, &c) == step);
        must(output__lines_payload(false, c.data, c.n) + l.n_held == at + step);
    }
    output__lines_done(&l);
    free(c.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    check_line(p, size);
    check_cursor(p, size);
    if (size > 0 && size < 65536)
        check_round(p, size);
    return 0;
}
