/* Places for problems that the checks of higher floors add by field path alone: a prober's
 * validate() knows "groups[0].targets[3].config.expect", not where that stands in the text. Runs
 * while a file is loaded. */
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"

static const struct node *item(const struct node *list, unsigned long index)
{
    const struct node *c = list->kind == NODE_LIST ? list->first : NULL;
    while (c != NULL && index-- > 0)
        c = c->next;
    return c;
}

/* Walks ".expect.json[0].path" down from n as far as it is there. */
static const struct node *descend(const struct node *n, const char *path)
{
    while (*path != '\0') {
        const struct node *next;
        if (*path == '[') {
            char *end;
            next = item(n, strtoul(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : end;
        } else {
            path += *path == '.';
            size_t len = strcspn(path, ".[");
            next = n->kind == NODE_MAP ? n->first : NULL;
            while (next != NULL && !str_eq(next->key, (struct str){path, len}))
                next = next->next;
            path += len;
        }
        if (next == NULL || next->line == 0)
            return n;
        n = next;
    }
    return n;
}

void place_problems(struct problems *p, size_t from, const struct node *doc, const struct node *at,
                    const char *path)
{
    must(from <= p->list.n && at != NULL);
    for (size_t i = from; i < p->list.n; i++) {
        struct problem *one = &p->list.at[i];
        size_t n = strlen(path);
        if (one->line != 0)
            continue;
        const struct node *found = NULL;
        if (doc != NULL && strncmp(one->field, path, n) == 0)
            found = descend(doc, one->field + n);
        if (found == NULL || found->line == 0)
            found = at;
        one->file = found->file != NULL ? arena_strdup(p->arena, found->file) : NULL;
        one->line = found->line;
        one->column = found->column;
    }
}
