/* From a bound struct back to a document: what `belfry config show` prints, and what one process
 * writes for another to bind again (option.h, option_priv.h). Pure functions. */
#include "base/clock.h"
#include "config/option_priv.h"

static struct node *show_list(const struct str_list *list, struct arena *a)
{
    struct node *n = node_list(a);
    for (size_t i = 0; i < list->n; i++)
        node_append(n, node_text(a, list->at[i]));
    return n;
}

static struct node *show_ranges(const struct range_list *list, struct arena *a)
{
    struct node *n = node_list(a);
    for (size_t i = 0; i < list->n; i++) {
        const struct range *r = &list->at[i];
        if (r->from == r->to)
            node_append(n, node_int(a, r->from));
        else
            node_append(n, node_text(a, arena_printf(a, "%lld-%lld", (long long)r->from,
                                                     (long long)r->to)));
    }
    return n;
}

static struct node *show_map(const struct pair_list *list, struct arena *a)
{
    struct node *n = node_map(a);
    for (size_t i = 0; i < list->n; i++)
        node_put(n, a, list->at[i].key, node_text(a, list->at[i].value));
    return n;
}

static struct node *show_sections(const struct option *o, const struct section_list *list,
                                  struct arena *a)
{
    struct node *n = node_list(a);
    for (size_t i = 0; i < list->n; i++)
        node_append(n, options_document(o->sub, (const char *)list->at + i * o->sub_size, a));
    return n;
}

static struct node *show_text(const char *text, struct arena *a)
{
    return text != NULL ? node_text(a, text) : NULL;
}

/* NULL: the value is absent. */
static struct node *show_value(const struct option *o, const void *at, struct arena *a)
{
    char text[DURATION_SIZE > SIZE_TEXT ? DURATION_SIZE : SIZE_TEXT];
    struct node *n;
    switch (o->type) {
    case OPT_STRING:
    case OPT_TEXT:
        return show_text(*(const char *const *)at, a);
    case OPT_INT:
        return node_int(a, *(const int64_t *)at);
    case OPT_F64:
        n = node_int(a, 0);
        n->kind = NODE_F64;
        n->f64 = *(const double *)at;
        return n;
    case OPT_BOOL:
        return node_bool(a, *(const bool *)at);
    case OPT_DURATION:
        return node_text(a, duration_format(*(const int64_t *)at, text));
    case OPT_SIZE:
        return node_text(a, size_format(*(const int64_t *)at, text));
    case OPT_ENUM:
        return node_text(a, o->choices[*(const int *)at]);
    case OPT_LIST:
        return ((const struct str_list *)at)->at != NULL ? show_list(at, a) : NULL;
    case OPT_RANGES:
        return show_ranges(at, a);
    case OPT_MAP:
        return ((const struct pair_list *)at)->n > 0 ? show_map(at, a) : NULL;
    case OPT_SECTION:
        return options_document(o->sub, at, a);
    case OPT_SECTIONS:
        return show_sections(o, at, a);
    case OPT_NODE:
        return *(const struct node *const *)at != NULL
                   ? node_copy(a, *(const struct node *const *)at)
                   : NULL;
    }
    must(!"a type of option");
    return NULL;
}

struct node *options_document(const struct option *table, const void *bound, struct arena *a)
{
    must(table != NULL && bound != NULL);
    struct node *map = node_map(a);
    for (const struct option *o = table; o->name != NULL; o++) {
        struct node *n = show_value(o, (const char *)bound + o->offset, a);
        if (n != NULL)
            node_put(map, a, o->name, n);
    }
    return map;
}

struct node *options_show(const struct option *table, const void *bound, struct arena *a)
{
    return options_mask(table, options_document(table, bound, a), a);
}
