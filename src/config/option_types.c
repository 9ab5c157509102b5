/* The parser of each option type: from a node to the C value at its offset (config/option.h). Text
 * and typed values are both taken, since YAML's plain scalars and environment variables are text.
 * Pure functions. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/seal.h"
#include "config/option_priv.h"

static bool is_blank_bound(const struct option *o)
{
    return o->min == 0 && o->max == 0;
}

bool option_has_min(const struct option *o)
{
    return !is_blank_bound(o);
}

/* A table may give only a lower bound. */
bool option_has_max(const struct option *o)
{
    return !is_blank_bound(o) && o->max >= o->min;
}

const char *option_bound_text(const struct option *o, double v, char *buf)
{
    if (o->type == OPT_DURATION)
        return duration_format((int64_t)v, buf);
    if (o->type == OPT_SIZE)
        return size_format((int64_t)v, buf);
    snprintf(buf, SIZE_TEXT, "%.15g", v);
    return buf;
}

static bool check_bounds(struct bind *b, const struct option_path *path, const struct option *o,
                         const struct node *n, double v)
{
    char got[OPTION_GOT_SIZE], bound[SIZE_TEXT];
    if (option_has_min(o) && v < o->min)
        return bind_fail(b, path, n, "got %s; want at least %s", option_got(o, n, got),
                         option_bound_text(o, o->min, bound));
    if (option_has_max(o) && v > o->max)
        return bind_fail(b, path, n, "got %s; want at most %s", option_got(o, n, got),
                         option_bound_text(o, o->max, bound));
    return true;
}

/* Lengths of texts and lists. */
static bool check_length(struct bind *b, const struct option_path *path, const struct option *o,
                         const struct node *n, size_t length, const char *things)
{
    if (option_has_min(o) && (double)length < o->min)
        return bind_fail(b, path, n, "got %zu %s; want at least %.0f", length, things, o->min);
    if (option_has_max(o) && (double)length > o->max)
        return bind_fail(b, path, n, "got %zu %s; want at most %.0f", length, things, o->max);
    return true;
}

static bool wrong_type(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, const char *want)
{
    char got[OPTION_GOT_SIZE];
    return bind_fail(b, path, n, "got %s; want %s", option_got(o, n, got), want);
}

bool scalar_i64(const struct node *n, int64_t *out)
{
    if (n->kind == NODE_TEXT)
        return str_to_i64(n->text, out, NULL) == 0;
    if (n->kind == NODE_F64 && floor(n->f64) == n->f64 && fabs(n->f64) < 9e15) {
        *out = (int64_t)n->f64;
        return true;
    }
    if (n->kind != NODE_INT)
        return false;
    *out = n->num;
    return true;
}

bool scalar_f64(const struct node *n, double *out)
{
    double v;
    if (n->kind == NODE_INT)
        v = (double)n->num;
    else if (n->kind == NODE_F64)
        v = n->f64;
    else if (n->kind != NODE_TEXT || str_to_f64(n->text, &v, NULL) != 0)
        return false;
    if (!isfinite(v))
        return false;
    *out = v;
    return true;
}

static bool word_in(struct str s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (s.n == strlen(*words) && strncasecmp(s.p, *words, s.n) == 0)
            return true;
    return false;
}

bool scalar_bool(const struct node *n, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", NULL};
    static const char *const no[] = {"false", "no", "off", NULL};
    if (n->kind == NODE_BOOL)
        *out = n->flag;
    else if (n->kind == NODE_TEXT && word_in(n->text, yes))
        *out = true;
    else if (n->kind == NODE_TEXT && word_in(n->text, no))
        *out = false;
    else
        return false;
    return true;
}

/* --- sizes ---------------------------------------------------------------------------------------
 */

/* The first name of a factor is the one that size_format writes. */
static const struct {
    const char *name;
    int64_t factor;
} size_units[] = {
    {"TB", 1000000000000},
    {"TiB", INT64_C(1) << 40},
    {"GB", 1000000000},
    {"GiB", 1 << 30},
    {"MB", 1000000},
    {"MiB", 1 << 20},
    {"kB", 1000},
    {"KiB", 1 << 10},
    {"B", 1},
    {"KB", 1000},
    {"T", INT64_C(1) << 40},
    {"G", 1 << 30},
    {"M", 1 << 20},
    {"K", 1 << 10},
    {"", 1},
};

bool size_parse(struct str s, int64_t *bytes)
{
    size_t digits = 0;
    while (digits < s.n && (isdigit((unsigned char)s.p[digits]) || s.p[digits] == '.'))
        digits++;
    double v;
    if (digits == 0 || str_to_f64((struct str){s.p, digits}, &v, NULL) != 0)
        return false;
    struct str unit = str_trim((struct str){s.p + digits, s.n - digits});
    for (size_t i = 0; i < array_len(size_units); i++) {
        const char *name = size_units[i].name;
        if (unit.n != strlen(name) || strncasecmp(unit.p, name, unit.n) != 0)
            continue;
        v = round(v * (double)size_units[i].factor);
        if (v > 9e18)
            return false;
        *bytes = (int64_t)v;
        return true;
    }
    return false;
}

const char *size_format(int64_t bytes, char *buf)
{
    must(bytes >= 0);
    size_t i = 0;
    while (bytes > 0 && bytes % size_units[i].factor != 0)
        i++;
    must(i < array_len(size_units));
    if (bytes == 0)
        snprintf(buf, SIZE_TEXT, "0");
    else
        snprintf(buf, SIZE_TEXT, "%lld%s", (long long)(bytes / size_units[i].factor),
                 size_units[i].name);
    return buf;
}

/* --- scalars -------------------------------------------------------------------------------------
 */

/* The node's text as a C string of the result. */
static const char *keep_text(struct bind *b, const struct node *n)
{
    must(n->kind == NODE_TEXT);
    return b->in_place ? n->text.p : arena_strndup(b->arena, n->text.p, n->text.n);
}

static bool parse_text(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    if (n->kind != NODE_TEXT)
        return wrong_type(b, path, o, n, "text");
    if (memchr(n->text.p, '\0', n->text.n) != NULL)
        return bind_fail(b, path, n, "got a NUL character in a text");
    if (!utf8_valid(n->text.p, n->text.n))
        return bind_fail(b, path, n, "got text that is not UTF-8");
    if (!check_length(b, path, o, n, utf8_count(n->text.p, n->text.n), "characters"))
        return false;
    *(const char **)at = keep_text(b, n);
    return true;
}

static bool parse_string(struct bind *b, const struct option_path *path, const struct option *o,
                         const struct node *n, void *at)
{
    if (n->kind == NODE_TEXT && memchr(n->text.p, '\n', n->text.n) != NULL)
        return bind_fail(b, path, n, "got several lines; want one");
    return parse_text(b, path, o, n, at);
}

static bool parse_int(struct bind *b, const struct option_path *path, const struct option *o,
                      const struct node *n, void *at)
{
    int64_t v;
    if (!scalar_i64(n, &v))
        return wrong_type(b, path, o, n, "a whole number");
    if (!check_bounds(b, path, o, n, (double)v))
        return false;
    *(int64_t *)at = v;
    return true;
}

static bool parse_f64(struct bind *b, const struct option_path *path, const struct option *o,
                      const struct node *n, void *at)
{
    double v;
    if (!scalar_f64(n, &v))
        return wrong_type(b, path, o, n, "a number");
    if (!check_bounds(b, path, o, n, v))
        return false;
    *(double *)at = v;
    return true;
}

static bool parse_bool(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    if (!scalar_bool(n, at))
        return wrong_type(b, path, o, n, "true or false");
    return true;
}

static bool duration_of(const struct node *n, int64_t *ms)
{
    if (n->kind == NODE_TEXT)
        return duration_parse(n->text, ms, NULL) == 0;
    double seconds;
    if (!scalar_f64(n, &seconds) || fabs(seconds) > 4e9)
        return false;
    *ms = (int64_t)llround(seconds * 1000);
    return true;
}

static bool parse_duration(struct bind *b, const struct option_path *path, const struct option *o,
                           const struct node *n, void *at)
{
    int64_t ms;
    if (!duration_of(n, &ms))
        return wrong_type(b, path, o, n, "a duration such as 30s, 5m, 1h30m");
    if (ms < 0)
        return wrong_type(b, path, o, n, "at least 0s");
    if (!check_bounds(b, path, o, n, (double)ms))
        return false;
    *(int64_t *)at = ms;
    return true;
}

static bool parse_size(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    int64_t bytes;
    bool good =
        n->kind == NODE_TEXT ? size_parse(n->text, &bytes) : scalar_i64(n, &bytes) && bytes >= 0;
    if (!good)
        return wrong_type(b, path, o, n, "a size such as 500MB, 10GB, 64KiB");
    if (!check_bounds(b, path, o, n, (double)bytes))
        return false;
    *(int64_t *)at = bytes;
    return true;
}

/* "a, b or c" */
static const char *choices_text(const struct option *o, char *buf, size_t size)
{
    struct buf out = {.data = buf, .cap = size, .max = size - 1};
    buf[0] = '\0';
    for (const char *const *c = o->choices; *c != NULL; c++)
        buf_printf(&out, "%s%s", c == o->choices ? "" : c[1] == NULL ? " or " : ", ", *c);
    return buf;
}

static bool parse_enum(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    must(o->choices != NULL);
    size_t n_choices = 0;
    for (; o->choices[n_choices] != NULL; n_choices++) {
        if (n->kind != NODE_TEXT || !str_eqz(n->text, o->choices[n_choices]))
            continue;
        *(int *)at = (int)n_choices;
        return true;
    }
    char got[OPTION_GOT_SIZE], want[300];
    const char *nearest =
        n->kind == NODE_TEXT ? str_nearest(n->text.p, o->choices, n_choices) : NULL;
    return bind_fail(b, path, n, "got %s; want %s%s%s%s", option_got(o, n, got),
                     choices_text(o, want, sizeof(want)),
                     nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "\"?" : "");
}

/* --- lists and maps ------------------------------------------------------------------------------
 */

/* Any scalar as text: JSON's 5 and true may stand where texts are wanted in lists and maps. NULL:
 * not one. */
static const char *scalar_text(struct bind *b, const struct node *n)
{
    switch (n->kind) {
    case NODE_TEXT:
        return memchr(n->text.p, '\0', n->text.n) == NULL ? keep_text(b, n) : NULL;
    case NODE_INT:
        return arena_printf(b->arena, "%lld", (long long)n->num);
    case NODE_F64:
        return arena_printf(b->arena, "%.15g", n->f64);
    case NODE_BOOL:
        return n->flag ? "true" : "false";
    case NODE_NULL:
        return "";
    default:
        return NULL;
    }
}

static bool parse_list(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    if (n->kind == NODE_MAP)
        return wrong_type(b, path, o, n, "a list of texts");
    const struct node *item = n->kind == NODE_LIST ? n->first : n;
    size_t count = n->kind == NODE_LIST ? n->count : 1;
    if (!check_length(b, path, o, n, count, "items"))
        return false;
    struct str_list list = {arena_array_of(b->arena, const char *, count + 1), 0};
    while (list.n < count) {
        struct option_path here = {path, NULL, list.n};
        const char *text = scalar_text(b, item);
        if (text == NULL)
            return wrong_type(b, &here, o, item, "text");
        list.at[list.n++] = text;
        item = item->next;
    }
    *(struct str_list *)at = list;
    return true;
}

/* "200", "200-299" or "2xx". */
static bool range_of(const struct node *n, struct range *out)
{
    int64_t v;
    if (scalar_i64(n, &v)) {
        *out = (struct range){v, v};
        return true;
    }
    if (n->kind != NODE_TEXT)
        return false;
    struct str from, to, s = str_trim(n->text);
    if (s.n == 3 && isdigit((unsigned char)s.p[0]) && strncasecmp(s.p + 1, "xx", 2) == 0) {
        int64_t hundreds = (s.p[0] - '0') * 100;
        *out = (struct range){hundreds, hundreds + 99};
        return true;
    }
    return str_cut(s, '-', &from, &to) && str_to_i64(str_trim(from), &out->from, NULL) == 0 &&
           str_to_i64(str_trim(to), &out->to, NULL) == 0 && out->from <= out->to;
}

static bool parse_ranges(struct bind *b, const struct option_path *path, const struct option *o,
                         const struct node *n, void *at)
{
    if (n->kind == NODE_MAP)
        return wrong_type(b, path, o, n, "a list such as [200-299, 304]");
    const struct node *item = n->kind == NODE_LIST ? n->first : n;
    size_t count = n->kind == NODE_LIST ? n->count : 1;
    struct range_list list = {arena_array_of(b->arena, struct range, count + 1), 0};
    for (; list.n < count; list.n++, item = item->next) {
        struct option_path here = {path, NULL, list.n};
        struct range *r = &list.at[list.n];
        if (!range_of(item, r))
            return wrong_type(b, &here, o, item, "a number or a range such as 200-299");
        if (!check_bounds(b, &here, o, item, (double)r->from) ||
            !check_bounds(b, &here, o, item, (double)r->to))
            return false;
    }
    *(struct range_list *)at = list;
    return true;
}

static bool parse_map(struct bind *b, const struct option_path *path, const struct option *o,
                      const struct node *n, void *at)
{
    if (n->kind != NODE_MAP)
        return wrong_type(b, path, o, n, "a map of names to texts");
    if (!check_length(b, path, o, n, n->count, "items"))
        return false;
    struct pair_list list = {arena_array_of(b->arena, struct pair, n->count + 1), 0};
    for (const struct node *c = n->first; c != NULL; c = c->next) {
        struct option_path here = {path, c->key.p, 0};
        const char *value = scalar_text(b, c);
        if (value == NULL)
            return wrong_type(b, &here, o, c, "text");
        const char *key = b->in_place ? c->key.p : arena_strndup(b->arena, c->key.p, c->key.n);
        list.at[list.n++] = (struct pair){key, value};
    }
    *(struct pair_list *)at = list;
    return true;
}

static bool parse_section(struct bind *b, const struct option_path *path, const struct option *o,
                          const struct node *n, void *at)
{
    must(o->sub != NULL);
    return option_bind_map(b, o->sub, n, at, path, true);
}

static bool parse_sections(struct bind *b, const struct option_path *path, const struct option *o,
                           const struct node *n, void *at)
{
    must(o->sub != NULL && o->sub_size > 0);
    if (n->kind != NODE_LIST)
        return wrong_type(b, path, o, n, "a list of maps");
    if (!check_length(b, path, o, n, n->count, "items"))
        return false;
    struct section_list list = {arena_alloc(b->arena, o->sub_size * (n->count + 1)), 0};
    bool good = true;
    for (const struct node *c = n->first; c != NULL; c = c->next, list.n++) {
        struct option_path here = {path, NULL, list.n};
        good &= option_bind_map(b, o->sub, c, (char *)list.at + list.n * o->sub_size, &here, true);
    }
    *(struct section_list *)at = list;
    return good;
}

static bool parse_node(struct bind *b, const struct option_path *path, const struct option *o,
                       const struct node *n, void *at)
{
    *(const struct node **)at = b->in_place ? n : node_copy(b->arena, n);
    return true;
}

/* --- the table -----------------------------------------------------------------------------------
 */

typedef bool parse_fn(struct bind *b, const struct option_path *path, const struct option *o,
                      const struct node *n, void *at);
static parse_fn *const parsers[] = {
    [OPT_STRING] = parse_string, [OPT_TEXT] = parse_text,         [OPT_INT] = parse_int,
    [OPT_F64] = parse_f64,       [OPT_BOOL] = parse_bool,         [OPT_DURATION] = parse_duration,
    [OPT_SIZE] = parse_size,     [OPT_ENUM] = parse_enum,         [OPT_LIST] = parse_list,
    [OPT_RANGES] = parse_ranges, [OPT_MAP] = parse_map,           [OPT_SECTION] = parse_section,
    [OPT_NODE] = parse_node,     [OPT_SECTIONS] = parse_sections,
};

/* A secret of the store whose key is not here: it must never be sent to anybody as if it were the password. */
static const struct node *still_sealed(const struct node *n)
{
    bool parent = n->kind == NODE_MAP || n->kind == NODE_LIST;
    if (n->kind == NODE_TEXT && seal_is_sealed(n->text))
        return n;
    for (const struct node *c = parent ? n->first : NULL; c != NULL; c = c->next)
        if (c->kind == NODE_TEXT && seal_is_sealed(c->text))
            return c;
    return NULL;
}

bool option_parse(struct bind *b, const struct option_path *path, const struct option *o,
                  const struct node *n, void *at)
{
    must(n->kind != NODE_NULL);
    must((size_t)o->type < array_len(parsers));
    const struct node *sealed = o->secret ? still_sealed(n) : NULL;
    if (sealed != NULL)
        return bind_fail(b, path, n,
                         "is sealed with another key (%.8s); want that key in data/secret.key, or "
                         "the secret given again",
                         sealed->text.p + strlen(SEAL_PREFIX));
    return parsers[o->type](b, path, o, n, at);
}

const char *option_type_name(enum option_type t)
{
    static const char *const names[] = {
#define X(name, text, ctype) [OPT_##name] = text,
        OPTION_TYPES(X)
#undef X
    };
    must((size_t)t < array_len(names));
    return names[t];
}
