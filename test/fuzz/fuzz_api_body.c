/* Bodies of the API as any client may send them: bound to a target, a channel, a maintenance, a process, or refused with
 * problems; as a new one, over a stored one (PUT) and merged into it (PATCH). What was accepted is sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "api/maintenance_doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char stored_config[] =
    "{\"url\":\"http://h/\",\"username\":\"u\",\"password\":\"secret\",\"expect\":{\"status\":[200]}}";

static void check_target(const struct target *t, const struct node *config)
{
    must(config && config->kind == NODE_MAP && *t->name && *t->group && *t->type);
    must(t->interval_ms > 0 && t->timeout_ms > 0 && t->attempts >= 1 && t->threshold >= 1);
    for (uint32_t i = 0; i < t->channels.n; i++)
        for (uint32_t k = 0; k < i; k++)
            must(t->channels.at[i] != t->channels.at[k]);
    for (uint32_t i = 0; i < t->n_labels; i++)
        must(*t->labels[i].name && t->labels[i].value);
}

static void as_target(struct call *k, const struct node *doc, bool over_old)
{
    struct label labels[] = {{"env", "prod"}};
    uint64_t ids[] = {1, 2};
    struct target stored = {.id = 7,
                            .name = "a",
                            .type = "http",
                            .group = "g",
                            .config_json = stored_config,
                            .interval_ms = 30000,
                            .timeout_ms = 5000,
                            .connect_timeout_ms = 3000,
                            .attempts = 1,
                            .threshold = 3,
                            .enabled = true,
                            .labels = labels,
                            .n_labels = 1,
                            .channels = {ids, 2}};
    struct core_target old = {.target = &stored, .last_message = "", .instance = "", .watcher = ""};
    struct target t = {0};
    struct node *config = NULL;
    if (target_from_doc(k, doc, over_old ? &old : NULL, &t, &config) == 0)
        check_target(&t, config);
    else
        must(k->problems.list.n > 0);
}

static void as_channel(struct call *k, const struct node *doc, bool over_old)
{
    struct channel old = {.id = 3,
                          .name = "ops",
                          .type = "webhook",
                          .webhook_url = "http://h/x",
                          .config_json = "{\"bearer\":\"secret\"}",
                          .enabled = true};
    struct channel ch = {0};
    if (channel_from_doc(k, doc, over_old ? &old : NULL, &ch) != 0)
        return;
    must(*ch.name && *ch.type && ch.config_json && ch.webhook_url);
}

static void as_maintenance(struct call *k, const struct node *doc, bool over_old)
{
    uint64_t ids[] = {1};
    struct maintenance old = {.id = 3, .title = "move", .targets = {ids, 1}, .starts_ms = 1000};
    struct maintenance m;
    maintenance_from_doc(k, doc, over_old ? &old : NULL, &m);
    if (k->problems.list.n > 0)
        return;
    must(m.targets.n + m.n_groups + m.n_matchers > 0 && m.title && *m.title);
}

static const char *text_of(const struct node *n, struct arena *a)
{
    struct buf out = BUF_INIT(64 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

/* Masked and sent back, a document is what it was; and no patch breaks the tree. */
static void as_process(struct call *k, const struct node *doc)
{
    static const char stored[] =
        "{\"id\":\"web\",\"command\":[\"/x\"],\"environment\":{\"KEY\":\"secret\"},"
        "\"health\":{\"url\":\"http://u:secret@h/\",\"config\":{\"password\":\"secret\"}}}";
    struct arena *a = k->arena;
    struct node *old = node_from_json(a, stored, strlen(stored), NULL);
    struct node *back = process_unmask(process_mask(doc, a), doc, a);
    must(strcmp(text_of(back, a), text_of(doc, a)) == 0);
    must(!strstr(text_of(process_mask(old, a), a), "secret"));
    doc_merge(old, doc, a);
    process_unmask(doc_without_nulls(old, a), doc, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    struct arena *a = arena_new();
    struct node *doc = node_from_json(a, (const char *)data, size, NULL);
    for (size_t i = 0; doc && doc->kind == NODE_MAP && i < array_len(methods); i++) {
        for (int what = 0; what < 4; what++) {
            struct http_req req = {.method = methods[i], .path = "/", .arena = a};
            struct call k = {.req = &req, .arena = a, .path = ""};
            problems_init(&k.problems, a);
            if (what == 0)
                as_target(&k, doc, i > 0);
            else if (what == 1)
                as_channel(&k, doc, i > 0);
            else if (what == 2)
                as_maintenance(&k, doc, i > 0);
            else
                as_process(&k, doc);
            problems_done(&k.problems);
        }
    }
    arena_free(a);
    return 0;
}
