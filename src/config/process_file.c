/* data/run/programs: what the core wants the warden to run, as JSON (config/process.h).
 *
 *     {"generation": 7, "units": [{"unit": {"id": "worker-2", "command": […], …}, "template": "worker-%i", "replica": 2}, …]}
 *
 * The warden runs with more rights than the core, so the reader trusts nothing: each unit is bound and checked like one of
 * the configuration file. Pure functions. */
#include <string.h>

#include "config/process_priv.h"

void process_write(const struct process_unit *units, uint32_t n, uint64_t generation,
                   struct buf *out)
{
    must(units != NULL || n == 0);
    struct json j = json_start(out);
    json_obj(&j);
    json_kuint(&j, "generation", generation);
    json_karr(&j, "units");
    for (uint32_t i = 0; i < n; i++) {
        json_obj(&j);
        json_key(&j, "unit");
        node_to_json(units[i].doc, &j);
        if (units[i].replica > 0) {
            json_kstr(&j, "template", units[i].template_id);
            json_kuint(&j, "replica", units[i].replica);
        }
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_DAMAGED, "the list of programs is damaged: %s", what);
}

static int bind_one(struct process_unit *u, const struct node *doc, struct arena *a,
                    struct err *err)
{
    struct problems p;
    problems_init(&p, a);
    u->config = process_bind(NULL, doc, a, &p, "");
    if (u->config == NULL && p.list.n > 0)
        err_set(err, ERR_DAMAGED, "the list of programs is damaged: %s: %s", p.list.at[0].field,
                p.list.at[0].message);
    problems_done(&p);
    if (u->config != NULL && u->config->monitor.check_interval_ms < 0)
        return damaged(err, "a unit without its monitor");
    return u->config != NULL ? 0 : -1;
}

static int read_one(struct process_unit *u, const struct node *item, struct arena *a,
                    struct err *err)
{
    const struct node *doc = node_get(item, "unit"), *number = node_get(item, "replica"),
                      *name = node_get(item, "template");
    if (doc == NULL || doc->kind != NODE_MAP)
        return damaged(err, "an item without unit");
    if (bind_one(u, doc, a, err) != 0)
        return -1;
    *u = (struct process_unit){
        .config = u->config, .doc = doc, .path = "", .template_id = u->config->id};
    if (number == NULL && name == NULL)
        return 0;
    if (number == NULL || number->kind != NODE_INT || number->num < 1 ||
        number->num > PROCESS_REPLICAS_MAX || name == NULL || name->kind != NODE_TEXT)
        return damaged(err, "an item with half a replica");
    u->replica = (uint32_t)number->num;
    u->template_id = name->text.p;
    return 0;
}

static const struct process_unit *read_list(const struct node *list, struct arena *a, uint32_t *n,
                                            struct err *err)
{
    struct process_unit *units = arena_array_of(a, struct process_unit, list->count + 1);
    uint32_t i = 0;
    for (const struct node *c = list->first; c != NULL; c = c->next)
        if (read_one(&units[i++], c, a, err) != 0)
            return NULL;
    must(i == list->count);
    *n = i;
    return units;
}

const struct process_unit *process_read(const char *text, size_t n_text, struct arena *a,
                                        uint32_t *n, uint64_t *generation, struct err *err)
{
    must(text != NULL || n_text == 0);
    const struct node *root = node_from_json(a, text, n_text, err);
    if (root == NULL)
        return NULL;
    const struct node *list = node_get(root, "units"), *number = node_get(root, "generation");
    if (list == NULL || list->kind != NODE_LIST || list->count > PROCESS_UNITS_MAX ||
        number == NULL || number->kind != NODE_INT || number->num < 0) {
        damaged(err, "want generation and units");
        return NULL;
    }
    const struct process_unit *units = read_list(list, a, n, err);
    if (units != NULL)
        *generation = (uint64_t)number->num;
    return units;
}
