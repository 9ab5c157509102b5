/* The snapshot: what is in it after loading, inheritance, environment, hooks, references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "golden.h"

struct loaded {
    struct arena *arena;
    struct problems problems;
    struct config *c;
};

static struct loaded load_with(const char *text, const struct config_hooks *hooks)
{
    struct loaded l = {.arena = arena_new()};
    problems_init(&l.problems, l.arena);
    struct config_input in = {
        .path = "belfry.yaml", .text = text, .size = strlen(text), .alone = true};
    l.c = config_load(&in, hooks, &l.problems);
    return l;
}

static struct loaded load(const char *text)
{
    struct loaded l = load_with(text, NULL);
    if (l.c == NULL)
        fail_msg("%s: %s", l.problems.list.at[0].field, l.problems.list.at[0].message);
    return l;
}

static void drop(struct loaded *l)
{
    config_unref(&l->c);
    assert_null(l->c);
    problems_done(&l->problems);
    arena_free(l->arena);
}

static void test_defaults(void **state)
{
    struct loaded l = load("");
    const struct config *c = l.c;
    assert_string_equal(c->server.listen, "127.0.0.1:9370");
    assert_string_equal(c->server.listen_host, "127.0.0.1");
    assert_int_equal(c->server.listen_port, 9370);
    assert_string_equal(c->server.user, "");
    assert_int_equal(c->data_dir[0], '/');
    assert_int_equal(c->log.level, LOG_INFO);
    assert_int_equal(c->log.format, LOG_JSON);
    assert_int_equal(c->log.keep_days, 30);
    assert_int_equal(c->results.keep_ms, INT64_C(30) * 24 * 3600 * 1000);
    assert_int_equal(c->results.max_size, 10000000000);
    assert_int_equal(c->limits.watcher.targets_per_watcher, 20000);
    assert_int_equal(c->limits.core.hang_timeout_ms, 30000);
    assert_int_equal(c->restart.max_restarts, 60);
    assert_int_equal(c->n_targets + c->n_groups + c->n_channels, 0);
    assert_int_equal(c->files.n, 1);
    drop(&l);
}

static void test_inheritance(void **state)
{
    struct loaded l = load(
        "defaults: {interval: 20s, threshold: 5, success_threshold: 4, channels: [b], labels: {env: prod, site: x}}\n"
        "channels: [{name: a, type: slack}, {name: b, type: slack, enabled: no}]\n"
        "groups:\n"
        "  - name: g\n"
        "    timeout: 8s\n"
        "    labels: {site: y}\n"
        "    targets:\n"
        "      - {url: 'tcp://h:1'}\n"
        "      - {url: 'tcp://h:2', interval: 2s, channels: [a, b, a], labels: {site: z, rack: '7'}}\n"
        "      - {url: 'tcp://h:3', channels: [], attempts: 3, resend_interval: 1h, enabled: false, "
        "success_threshold: 1, invert: true}\n"
        "  - {name: empty}\n");
    const struct config_target *t = l.c->targets;
    assert_int_equal(l.c->n_targets, 3);
    assert_int_equal(l.c->n_groups, 2);
    assert_int_equal(l.c->groups[0].n_targets, 3);
    assert_string_equal(t[0].spec.name, "tcp://h:1");
    assert_string_equal(t[0].spec.type, "tcp");
    assert_string_equal(t[0].spec.group, "g");
    assert_int_equal(t[0].spec.interval_ms, 20000);
    assert_int_equal(t[0].spec.timeout_ms, 8000);
    assert_int_equal(t[0].spec.connect_timeout_ms, 3000);
    assert_int_equal(t[0].spec.threshold, 5);
    assert_int_equal(t[0].spec.success_threshold, 4);
    assert_true(t[0].spec.enabled && !t[0].spec.invert);
    assert_int_equal(t[0].n_channels, 1);
    assert_int_equal(t[0].channels[0], 1);
    assert_int_equal(t[0].spec.n_labels, 2);
    assert_string_equal(t[0].spec.labels[1].value, "y");
    /* An interval below what is inherited shrinks it. */
    assert_int_equal(t[1].spec.timeout_ms, 2000);
    assert_int_equal(t[1].spec.connect_timeout_ms, 2000);
    assert_int_equal(t[1].n_channels, 2);
    assert_int_equal(t[1].spec.n_labels, 3);
    assert_string_equal(t[1].spec.labels[1].value, "z");
    assert_int_equal(t[2].n_channels, 0);
    assert_int_equal(t[2].spec.attempts, 3);
    assert_int_equal(t[2].spec.resend_interval_ms, 3600000);
    assert_int_equal(t[2].spec.success_threshold, 1);
    assert_true(!t[2].spec.enabled && t[2].spec.invert);
    drop(&l);
}

static void test_locations(void **state)
{
    struct loaded l = load(
        "defaults: {location_quorum: 3}\n"
        "locations: [{name: paris, token: 'sixteen letters!'}]\n"
        "groups:\n"
        "  - name: g\n"
        "    locations: [local, paris]\n"
        "    targets:\n"
        "      - {url: 'tcp://h:1'}\n"
        "      - {url: 'tcp://h:2', locations: [local, paris, tokyo, rome], location_quorum: 1}\n"
        "      - {url: 'tcp://h:3', locations: []}\n"
        "      - {url: 'tcp://h:4', locations: rome}\n");
    const struct config_target *t = l.c->targets;
    assert_int_equal(t[0].spec.locations.n, 2);
    assert_string_equal(t[0].spec.locations.at[1], "paris");
    assert_int_equal(t[0].spec.location_quorum, 2); /* only inherited: it shrinks */
    assert_int_equal(t[1].spec.locations.n, 4);
    assert_int_equal(t[1].spec.location_quorum, 1);
    assert_int_equal(t[2].spec.locations.n, 0);
    assert_int_equal(t[3].spec.locations.n, 1);
    assert_int_equal(l.c->warnings.n, 2); /* tokyo and rome, once each */
    assert_non_null(strstr(l.c->warnings.at[0], "\"tokyo\""));
    drop(&l);

    struct config_hooks none = {0};
    l = load_with("groups:\n  - name: g\n    targets:\n"
                  "      - {url: 'tcp://h:1', locations: [a, b], location_quorum: 3}\n"
                  "      - {url: 'tcp://h:2', locations: ['a/b']}\n"
                  "      - {url: 'tcp://h:3', locations: [a, a]}\n"
                  "      - {url: 'tcp://h:4', location_quorum: 1}\n",
                  &none);
    assert_null(l.c);
    assert_int_equal(l.problems.list.n, 4);
    assert_non_null(strstr(l.problems.list.at[0].message, "got 3; want 1 to 2"));
    assert_non_null(strstr(l.problems.list.at[1].message, "want no slash"));
    assert_non_null(strstr(l.problems.list.at[2].message, "named twice"));
    assert_non_null(strstr(l.problems.list.at[3].message, "without locations"));
    drop(&l);
}

static bool no_selector(void *ctx, const char *text, struct err *err)
{
    return text[0] == '{' || err_set(err, ERR_MALFORMED, "cannot parse %s", text) == 0;
}

static void test_metrics(void **state)
{
    const int64_t day = INT64_C(24) * 3600 * 1000;
    struct loaded l = load("");
    const struct config_metrics *m = &l.c->metrics;
    assert_true(m->enable);
    assert_int_equal(m->retention.raw_ms, 30 * day);
    assert_int_equal(m->retention.tier_5m_ms, 365 * day);
    assert_int_equal(m->retention.tier_1h_ms, 5 * 365 * day);
    assert_int_equal(m->retention.size + m->retention.rules.n + m->alert_channels.n, 0);
    assert_int_equal(m->wal_sync_ms, 200);
    assert_int_equal(m->evaluation_interval_ms, 60000);
    assert_int_equal(m->query.lookback_ms, 300000);
    assert_int_equal(m->limits.label_bytes, 4096);
    assert_null(l.c->remote_write);
    drop(&l);

    struct config_hooks hooks = {.check_selector = no_selector};
    l = load_with(
        "metrics:\n  retention:\n    rules:\n      - {match: '{job=\"debug\"}', keep: 3d}\n"
        "      - {match: 'up', keep: 1h}\n",
        &hooks);
    assert_null(l.c);
    assert_int_equal(l.problems.list.n, 1);
    assert_string_equal(l.problems.list.at[0].field, "metrics.retention.rules[1].match");
    assert_int_equal(l.problems.list.at[0].line, 5);
    drop(&l);

    l = load(
        "metrics: {retention: {rules: [{match: '{a=\"b\"}', keep: 3d}]}, external_labels: {site: x}}\n"
        "remote_write: [{url: 'http://u:p@h/w', basic_auth: {password: geheim}}]\n");
    const struct config_keep_rule *rule = l.c->metrics.retention.rules.at;
    assert_string_equal(rule->match, "{a=\"b\"}");
    assert_int_equal(rule->keep_ms, 3 * day);
    config_drop_targets(l.c); /* none of it goes with the document */
    assert_string_equal(node_get(l.c->remote_write->first, "url")->text.p, "http://u:p@h/w");
    assert_string_equal(l.c->remote_write->first->file, "belfry.yaml");
    drop(&l);
}

static void test_parents(void **state)
{
    struct loaded l =
        load("groups:\n"
             "  - {name: a, targets: [{name: x, url: 'tcp://h:1', depends_on: [y, b/z]}, "
             "{name: y, url: 'tcp://h:2', depends_on: b/z}]}\n"
             "  - {name: b, targets: [{name: z, url: 'tcp://h:3'}]}\n"
             "own_network: {reference_targets: [z, a/y]}\n");
    assert_int_equal(l.c->targets[0].n_parents, 2);
    assert_int_equal(l.c->targets[0].parents[1], 2);
    assert_int_equal(l.c->targets[1].n_parents, 1);
    assert_int_equal(l.c->n_reference_targets, 2);
    assert_int_equal(l.c->reference_targets[0], 2);
    assert_int_equal(l.c->reference_targets[1], 1);
    drop(&l);
}

static void test_environment(void **state)
{
    setenv("BELFRY_TEST_A", "value: {not, yaml", 1);
    setenv("BELFRY_TEST_EMPTY", "", 1);
    unsetenv("BELFRY_TEST_NOT_SET");
    struct loaded l = load(
        "channels:\n"
        "  - name: ${BELFRY_TEST_A}\n"
        "    type: x${BELFRY_TEST_EMPTY}y\n"
        "    webhook_url: 'a$$b$c ${BELFRY_TEST_NOT_SET:-d:-e} ${BELFRY_TEST_EMPTY:-f} ${1} ${x'\n"
        "scrape_configs: [\"${BELFRY_TEST_NOT_SET}\"]\n");
    assert_string_equal(l.c->channels[0].name, "value: {not, yaml");
    assert_string_equal(l.c->channels[0].type, "xy");
    assert_string_equal(l.c->channels[0].webhook_url, "a$b$c d:-e f ${1} ${x");
    assert_int_equal(l.c->warnings.n, 1);
    assert_string_equal(l.c->warnings.at[0],
                        "belfry.yaml:5:1: scrape_configs: not used yet by this version");
    drop(&l);
}

static struct loaded load_file(const char *dir, const char *path)
{
    golden_enter(dir);
    struct loaded l = {.arena = arena_new()};
    problems_init(&l.problems, l.arena);
    l.c = config_load(&(struct config_input){.path = path}, NULL, &l.problems);
    if (l.c == NULL)
        problems_print(&l.problems);
    assert_non_null(l.c);
    return l;
}

static void test_processes(void **state)
{
    struct loaded l = load_file("good", "processes.yaml");
    static const char *const ids[] = {"db",  "worker-1", "worker-2", "worker-3",
                                      "web", "nightly",  "proxy",    "cache"};
    assert_int_equal(l.c->n_units, array_len(ids));
    for (size_t i = 0; i < array_len(ids); i++)
        assert_string_equal(l.c->units[i].config->id, ids[i]);
    assert_int_equal(l.c->processes.language, 1);
    assert_int_equal(l.c->units[0].config->monitor.restart_cooldown_ms, 0);
    assert_int_equal(l.c->units[0].config->channels.n, 1);
    assert_int_equal(l.c->units[2].config->channels.n, 0);
    assert_int_equal(l.c->units[4].config->after.n, 4);
    assert_true(l.c->units[0].config->monitor.enable && !l.c->units[6].config->monitor.enable);
    static const char *const users[] = {"postgres", "65534", "deploy"};
    assert_int_equal(l.c->process_users.n, array_len(users));
    for (size_t i = 0; i < array_len(users); i++)
        assert_string_equal(l.c->process_users.at[i], users[i]);
    config_drop_targets(l.c); /* the units' places do not go with the document */
    assert_non_null(strstr(l.c->units[7].at->file, "cache.yaml"));
    drop(&l);
}

static void test_proxy(void **state)
{
    struct loaded l = load_file("good", "proxy.yaml");
    assert_true(l.c->units[0].config->monitor.enable);
    assert_int_equal(l.c->units[0].config->monitor.max_restarts, 10);
    drop(&l);
}

static void test_monitor_off(void **state)
{
    struct loaded l = load("processes:\n  units:\n    - {id: a, command: sh}\n");
    assert_int_equal(l.c->warnings.n, 1);
    assert_string_equal(
        l.c->warnings.at[0],
        "belfry.yaml:2:3: processes.monitor.enable: is false, the default: programs "
        "that die are not restarted");
    drop(&l);
}

static void test_processes_shown(void **state)
{
    struct problems p;
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(1 << 20);
    golden_enter("good");
    problems_init(&p, a);
    assert_int_equal(config_show(&(struct config_input){.path = "processes.yaml"}, NULL, &p, &out),
                     0);
    assert_null(strstr(out.data, "hunter2"));
    assert_non_null(strstr(out.data, "SECRET: \"********\""));
    struct config_input again = {.path = "belfry.yaml", .text = out.data, .size = out.len};
    struct config *c = config_load(&again, NULL, &p);
    problems_print(&p);
    assert_non_null(c);
    assert_int_equal(c->n_units, 8);
    config_unref(&c);
    buf_done(&out);
    problems_done(&p);
    arena_free(a);
}

static void test_channel_documents(void **state)
{
    struct loaded l =
        load("channels:\n"
             "  - {name: m, type: email, host: smtp.example.com, config: {to: [a@b]}}\n"
             "  - {name: w, type: wecom, webhook_url: 'https://x', mention_all: yes}\n");
    assert_string_equal(l.c->channels[0].config_json,
                        "{\"host\":\"smtp.example.com\",\"to\":[\"a@b\"]}");
    assert_string_equal(l.c->channels[1].config_json, "{}");
    assert_true(l.c->channels[1].mention_all);
    assert_non_null(node_get(l.c->channels[1].options, "webhook_url"));
    drop(&l);
}

static void test_target_documents(void **state)
{
    struct loaded l = load("groups:\n- name: g\n  targets:\n"
                           "  - {url: 'https://x', expect: {status: 200}, config: {method: HEAD}}\n"
                           "  - {name: d, type: tcp, config: {host: h, port: 1}}\n"
                           "  - {name: e, type: self}\n"
                           "  - {url: 'https://y', burst: {times: 10}}\n");
    const struct config_target *t = l.c->targets;
    assert_int_equal(t[0].config->count, 3);
    assert_non_null(node_get(node_get(t[0].config, "expect"), "status"));
    assert_int_equal(t[1].config->count, 2);
    assert_int_equal(t[2].config->count, 0);
    assert_int_equal(t[3].spec.burst.times, 10);
    assert_int_equal(t[3].spec.burst.delta_ms, 1000);
    assert_int_equal(t[3].spec.burst.max_mean_ms, 5000);
    assert_true(t[3].spec.burst.min_success == 0.7);
    assert_int_equal(t[0].spec.burst.times, 0);
    drop(&l);
}

struct seen {
    int targets, channels;
    char path[100];
};

static bool on_target(void *ctx, struct config_target *t, struct arena *a, struct problems *p,
                      const char *path)
{
    struct seen *seen = ctx;
    seen->targets++;
    snprintf(seen->path, sizeof(seen->path), "%s", path);
    t->spec.type = "http";
    t->spec.config_json = arena_strdup(a, "{}");
    if (!streq(t->url, "https://bad"))
        return true;
    problem_add(p, node_get(t->config, "url"), path, "bad indeed");
    return false;
}

static bool on_channel(void *ctx, const struct config_channel *c, struct arena *a,
                       struct problems *p, const char *path)
{
    ((struct seen *)ctx)->channels++;
    assert_string_equal(path, "channels[0]");
    return true;
}

static void test_hooks(void **state)
{
    struct seen seen = {0};
    struct config_hooks hooks = {
        .ctx = &seen, .check_target = on_target, .check_channel = on_channel};
    const char *good = "channels: [{name: a, type: slack}]\n"
                       "groups: [{name: g, targets: [{url: 'https://a'}, {url: 'https://b'}]}]\n";
    struct loaded l = load_with(good, &hooks);
    assert_non_null(l.c);
    assert_int_equal(seen.targets, 2);
    assert_int_equal(seen.channels, 1);
    assert_string_equal(seen.path, "groups[0].targets[1].config");
    assert_string_equal(l.c->targets[1].spec.type, "http");
    drop(&l);
    l = load_with("groups: [{name: g, targets: [{url: 'https://bad'}]}]\n", &hooks);
    assert_null(l.c);
    assert_int_equal(l.problems.list.n, 1);
    assert_int_equal(l.problems.list.at[0].column, 36);
    drop(&l);
}

static void test_references(void **state)
{
    struct loaded l = load("groups: [{name: g, labels: {a: b}, targets: [{url: 'tcp://h:1'}]}]\n");
    config_drop_targets(l.c);
    assert_null(l.c->targets);
    assert_string_equal(l.c->groups[0].labels[0].value, "b"); /* the rest lives on */
    struct config *second = config_ref(l.c);
    config_unref(&second);
    assert_string_equal(l.c->groups[0].name, "g");
    drop(&l);
}

static void test_alone(void **state)
{
    struct loaded l =
        load_with("include: x.yaml\ngroups: [{name: g, targets_file: /etc/passwd}]\n", NULL);
    assert_null(l.c);
    assert_int_equal(l.problems.list.n, 2);
    drop(&l);
}

static void test_listen(void **state)
{
    static const struct {
        const char *listen, *host;
    } cases[] = {{"127.0.0.1:1", "127.0.0.1"}, {"127.9.9.9:1", "127.9.9.9"},
                 {"[::1]:1", "::1"},           {"localhost:1", "127.0.0.1"},
                 {"0.0.0.0:1", "0.0.0.0"},     {":1", "0.0.0.0"},
                 {"10.0.0.5:1", "10.0.0.5"},   {"[::]:1", "::"},
                 {"example.com:1", NULL},      {"127.0.0.1:70000", NULL},
                 {"127.0.0.1", NULL}};
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[100];
        snprintf(text, sizeof(text), "server: {listen: '%s'}\n", cases[i].listen);
        struct loaded l = load_with(text, NULL);
        assert_int_equal(l.c != NULL, cases[i].host != NULL);
        if (l.c != NULL)
            assert_string_equal(l.c->server.listen_host, cases[i].host);
        drop(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_inheritance),
        cmocka_unit_test(test_locations),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_monitor_off),
        cmocka_unit_test(test_processes_shown),
        cmocka_unit_test(test_channel_documents),
        cmocka_unit_test(test_target_documents),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
