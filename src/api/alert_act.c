/* /api/v1/alerts/{id}/ack and …/silence: what a person does about an alert. */
#include <string.h>

#include "api/alert_routes.h"
#include "api/alerts_priv.h"
#include "api/silences_priv.h"
#include "base/clock.h"
#include "core/audit.h"

struct ack_doc {
    const char *by, *note;
};
const struct option ack_doc_options[] = {
    {"by", OPT_STRING, offsetof(struct ack_doc, by), .max = 200,
     .help = {"Who looks after it; who asks when absent.", "谁在处理；缺省为请求者。"}},
    {"note", OPT_STRING, offsetof(struct ack_doc, note), .max = 1000,
     .help = {"A word about it.", "说明。"}},
    OPTION_END,
};

struct silence_it_doc {
    int64_t duration;
    const char *by, *comment;
};
const struct option silence_it_doc_options[] = {
    {"duration", OPT_DURATION, offsetof(struct silence_it_doc, duration), .required = true,
     .min = 1000, .max = (double)SILENCE_LENGTH_MAX, .example = "2h",
     .help = {"For how long, from now.", "从现在起静默多久。"}},
    {"comment", OPT_STRING, offsetof(struct silence_it_doc, comment), .max = SILENCE_TEXT_MAX,
     .help = {"Why.", "原因。"}},
    {"by", OPT_STRING, offsetof(struct silence_it_doc, by), .max = 200,
     .help = {"Who wants it; who asks when absent.", "谁设置；缺省为请求者。"}},
    OPTION_END,
};

/* --- acknowledging --- */

static bool show(struct call *k, struct json *j, const char **name)
{
    const struct alert *a = core_alert_get(k->api->core, k->id);
    if (a) {
        alert_json(a, j);
        *name = arena_strdup(k->arena, a->target_name);
    }
    return a != NULL;
}

static const struct audited acked = {"alert", show,
                                     "message fail_count suppressed suppressed_by "
                                     "suppressed_by_id",
                                     "acknowledge"};
static const struct audited unacked = {"alert", show,
                                       "message fail_count suppressed suppressed_by "
                                       "suppressed_by_id",
                                       "unacknowledge"};

static void ack_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct ack_doc d = {0};
    const char *by = NULL;
    if (c->doc) {
        options_bind(ack_doc_options, c->doc, &d, k->arena, &k->problems, "");
        by = d.by && *d.by ? d.by : core_actor(k->api->core)->name;
    }
    if (k->problems.list.n)
        c->rc = err_set(&c->err, ERR_INVALID, "the acknowledgement is invalid");
    else
        c->rc = core_alert_ack(k->api->core, k->id, by, d.note, c->waiter, &c->err);
}

static void ack(struct call *k, const struct node *doc)
{
    struct alert *a = alert_of_call(k, ROLE_EDITOR);
    struct change c = {.call = k, .of = doc ? &acked : &unacked, .doc = doc};
    if (a && change_commit(&c, ack_on_core))
        alerts_get(k);
    alert_free(a);
}

void alerts_ack(struct call *k)
{
    const struct node *doc = call_body(k);
    if (doc)
        ack(k, doc);
}

void alerts_unack(struct call *k)
{
    ack(k, NULL);
}

/* --- silencing --- */

static struct label_match *add(struct label_match *m, uint32_t *n, const char *name,
                               const char *value)
{
    m[(*n)++] = (struct label_match){name, value, MATCH_EQ};
    return m;
}

/* What names this alert and no other: a target by name and group, anything else by all of its labels. */
static struct label_match *matchers_of(struct call *k, const struct alert *a, uint32_t *n)
{
    struct label_match *m = arena_array_of(k->arena, struct label_match, a->n_labels + 3);
    struct target as;
    struct subject s = subject_of_alert(a, &as);
    *n = 0;
    struct str group = subject_label(&s, STR("group"));
    add(m, n, a->target_id ? "target" : "alertname", a->target_name);
    add(m, n, "group", arena_strndup(k->arena, group.p, group.n));
    for (uint32_t i = 0; a->target_id == 0 && i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, "group") != 0 && strcmp(a->labels[i].name, "alertname") != 0)
            add(m, n, a->labels[i].name, a->labels[i].value);
    return m;
}

void alerts_silence(struct call *k)
{
    struct silence_it_doc d = {0};
    const struct node *doc = call_body(k);
    struct alert *a = doc ? alert_of_call(k, ROLE_EDITOR) : NULL;
    if (!a)
        return;
    if (options_bind(silence_it_doc_options, doc, &d, k->arena, &k->problems, "")) {
        int64_t now = clock_wall_ms();
        struct core_silence s = {
            .silence = {.comment = d.comment ? d.comment : "",
                        .created_by = d.by ? d.by : "",
                        .starts_ms = now,
                        .ends_ms = now + d.duration},
        };
        s.matchers = matchers_of(k, a, &s.n_matchers);
        k->id = 0;
        silence_save(k, &s);
    } else {
        call_fail_code(k, ERR_INVALID, "the silence is invalid");
    }
    alert_free(a);
}
