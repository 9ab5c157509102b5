/* Any bytes as metrics in text: the first byte chooses the format. Items of pieces are the items of the whole; labels that can
 * be read are written and read again as the same; the checker of OpenMetrics ends. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "wire/exposition_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    struct arena *arena;
    struct labels_builder builder, again;
    uint64_t items, hash;
};

static void written_again(struct reading *r, enum exposition_format f, const struct labels *l)
{
    struct buf out = BUF_INIT(1 << 24);
    struct labels back;
    exposition_write_series(&out, l);
    struct exposition_entry e = {.line = 1, .series = {out.data, out.len}};
    must(!out.failed);
    must(exposition_labels(&e, f, r->arena, &r->again, &back, NULL) == 0);
    must(labels_equal(l, &back));
    buf_done(&out);
}

static void take(struct reading *r, enum exposition_format f, enum exposition_item item,
                 const struct exposition_entry *e)
{
    struct labels l;
    struct err err = {0};
    double v;
    int64_t t;
    r->items++;
    r->hash = r->hash * 31 + (uint64_t)item + (e->has_t ? (uint64_t)e->t_ms : 0);
    if (item != EXPOSITION_SAMPLE) {
        exposition_unescape(e->text, f, r->arena);
        return;
    }
    must(e->series.n > 0);
    if (exposition_labels(e, f, r->arena, &r->builder, &l, &err) == 0)
        written_again(r, f, &l);
    else
        must(err.code == ERR_MALFORMED || err.code == ERR_CONFLICT);
    if (e->exemplar.n > 0)
        exposition_exemplar(e, r->arena, &r->builder, &l, &v, &t, &err);
}

static void read_all(struct reading *r, enum exposition_format f, struct str text, size_t step)
{
    struct exposition x;
    struct exposition_entry e;
    struct err err = {0};
    enum exposition_item item = EXPOSITION_END;
    const char *from = text.p;
    exposition_init(&x, f);
    for (size_t fed = 0; item >= EXPOSITION_END;) {
        fed = text.n - fed > step ? fed + step : text.n;
        exposition_feed(&x, (struct str){from, (size_t)(text.p + fed - from)}, fed == text.n);
        while ((item = exposition_next(&x, &e, &err)) > EXPOSITION_END)
            take(r, f, item, &e);
        from = exposition_left(&x).p;
        if (fed == text.n)
            break;
    }
    must(item != EXPOSITION_FAILED || (err.code == ERR_MALFORMED && err.at_line > 0));
    r->hash += item == EXPOSITION_FAILED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    enum exposition_format f = data[0] & 1 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
    struct str text = {(const char *)data + 1, size - 1};
    struct reading whole = {.arena = arena_new()}, pieces = {.arena = arena_new()};
    read_all(&whole, f, text, text.n + 1);
    read_all(&pieces, f, text, 1 + data[0] / 2u);
    must(whole.items == pieces.items && whole.hash == pieces.hash);
    openmetrics_check(text, NULL);
    labels_builder_done(&whole.builder);
    labels_builder_done(&whole.again);
    labels_builder_done(&pieces.builder);
    labels_builder_done(&pieces.again);
    arena_free(whole.arena);
    arena_free(pieces.arena);
    return 0;
}
