/* Pages that follow: a cursor names the last target told, "primary:id:group:name", so that what changes in between neither repeats nor
 * hides others. */
#include <inttypes.h>
#include <string.h>

#include "core/target_find_priv.h"

struct cursor {
    uint64_t primary, id;
    const char *group, *name;
};

const char *index__cursor_text(struct finding *f, const struct hit *h)
{
    must(h >= f->hits && h < f->hits + f->n);
    const struct cell *c = &f->ix->cells.at[h->slot];
    struct buf out = BUF_INIT(8192);
    bool by_group = f->q->sort == INDEX_BY_GROUP;
    if (f->q->sort == INDEX_BY_ID) {
        buf_add_u64(&out, c->id);
    } else {
        buf_printf(&out, "%" PRIu64 ":%" PRIu64 ":", by_group ? 0 : h->hi, c->id);
        url_encode(&out, by_group ? str_of(f->ix->groups.at.at[c->group]) : STR(""));
        buf_puts(&out, ":");
        url_encode(&out, (struct str){f->ix->text.at + c->text_at, c->name_n});
    }
    const char *text = arena_strndup(f->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static int decode_part(struct finding *f, struct str part, const char **out, struct err *err)
{
    struct buf text = BUF_INIT(4096);
    int rc = url_decode(&text, part, err);
    if (rc == 0)
        *out = arena_strndup(f->arena, text.data ? text.data : "", text.len);
    buf_done(&text);
    return rc;
}

static int cursor_parse(struct finding *f, struct cursor *out, struct err *err)
{
    struct str rest = str_of(f->q->cursor), part;
    *out = (struct cursor){.group = "", .name = ""};
    bool good = str_next(&rest, ':', &part) && str_to_u64(part, &out->primary, NULL) == 0;
    if (good && f->q->sort == INDEX_BY_ID) {
        out->id = out->primary;
        return 0;
    }
    good = good && str_next(&rest, ':', &part) && str_to_u64(part, &out->id, NULL) == 0 &&
           str_next(&rest, ':', &part) && decode_part(f, part, &out->group, NULL) == 0 &&
           str_next(&rest, ':', &part) && decode_part(f, part, &out->name, NULL) == 0;
    return good ? 0 : err_set(err, ERR_MALFORMED, "the cursor is none of this order");
}

/* How many of by_name come before or at (name, id). */
static uint64_t place_after(const struct finding *f, const struct cursor *c)
{
    const struct target_index *ix = f->ix;
    size_t lo = 0, hi = ix->by_name.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct cell *m = &ix->cells.at[ix->by_name.at[mid]];
        int d = index__compare_names((struct str){ix->text.at + m->text_at, m->name_n},
                                     str_of(c->name));
        if (d < 0 || (d == 0 && m->id <= c->id))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Of the groups in the answer: how many have a name before this one; *at: it is there itself. */
static uint64_t group_after(const struct finding *f, const char *name, bool *at)
{
    uint64_t n = 0;
    *at = false;
    for (size_t i = 0; i < f->out->n_groups; i++) {
        int d = index__compare_names(str_of(f->out->groups[i].name), str_of(name));
        n += d < 0;
        *at = *at || d == 0;
    }
    return n;
}

int index__skip_told(struct finding *f, struct err *err)
{
    struct cursor c;
    if (!f->q->cursor || !*f->q->cursor)
        return 0;
    if (cursor_parse(f, &c, err) != 0)
        return -1;
    struct hit from = {.hi = c.primary, .lo = place_after(f, &c)}; /* the first that is told */
    if (f->q->sort == INDEX_BY_ID)
        from = (struct hit){.hi = c.id + 1, .lo = 0};
    if (f->q->sort == INDEX_BY_GROUP) {
        bool there;
        from.hi = group_after(f, c.group, &there) << 40;
        from.lo = there ? from.lo : 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (!before(&f->hits[i], &from))
            f->hits[n++] = f->hits[i];
    must(n <= f->n);
    f->n = n;
    return 0;
}
