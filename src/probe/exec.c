/* exec: runs a program by the convention of Nagios' plugins.
 *
 *   exit status 0 good · 1 degraded · 2 down · 3 down (unknown) · anything else down
 *   first line of its output: the message; performance data behind "|": metrics (perfdata.h)
 *
 * No shell is involved. The program gets PATH, HOME, LANG and TZ, and what `environment` adds. A program runs on this machine, so
 * who may define such targets is bounded (core/changes.c). */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/child.h"
#include "probe/perfdata.h"
#include "probe/probers.h"
#include "proc/spawn.h"

#define OUTPUT_MAX ((size_t)64 << 10)
#define DETAIL_MAX 4000

struct exec_config {
    struct str_list command;
    struct pair_list environment;
    const char *directory, *user;
};

static const struct option exec_options[] = {
    {"command", OPT_LIST, offsetof(struct exec_config, command), .required = true, .min = 1,
     .max = 100, .example = "[/usr/lib/nagios/plugins/check_load, -w, \"5,4,3\"]",
     .help = {"The program and its arguments, one each; no shell is involved.",
              "程序及其参数，逐个列出；不经过 shell。"}},
    {"environment", OPT_MAP, offsetof(struct exec_config, environment), .max = 100,
     .advanced = true,
     .help = {"Variables that it gets beside PATH, HOME, LANG and TZ.",
              "除 PATH、HOME、LANG、TZ 之外传给它的环境变量。"}},
    {"directory", OPT_STRING, offsetof(struct exec_config, directory), .def = "/", .max = 1000,
     .advanced = true, .help = {"The folder in which it runs.", "工作目录。"}},
    {"user", OPT_STRING, offsetof(struct exec_config, user), .max = 100, .advanced = true,
     .help = {"Runs it as this user; Belfry must be started as root for that.",
              "以该用户身份运行；需要 Belfry 以 root 启动。"}},
    OPTION_END,
};

/* --- URL form: exec:/path/to/plugin -H "two words" --- */

/* The next word, quotes taken away; NULL: none. *bad: a quote does not end. */
static const char *next_word(const char **at, struct arena *a, bool *bad)
{
    const char *p = *at + strspn(*at, " \t");
    if (!*p)
        return NULL;
    char *word = arena_strdup(a, p), *w = word, quote = '\0';
    for (; *p && (quote || !char_in(*p, " \t")); p++) {
        if (quote ? *p == quote : char_in(*p, "'\""))
            quote = quote ? '\0' : *p;
        else
            *w++ = *p;
    }
    *w = '\0';
    *at = p;
    *bad = quote != '\0';
    return word;
}

static struct node *exec_from_url(const char *text, struct arena *a, struct err *err)
{
    const char *at = strchr(text, ':');
    struct node *map = node_map(a), *list = node_list(a);
    must(at != NULL);
    at += strncmp(at, "://", 3) == 0 ? 3 : 1;
    bool bad = false;
    for (const char *word; !bad && (word = next_word(&at, a, &bad)) != NULL;)
        node_append(list, node_text(a, word));
    if (bad || list->count == 0) {
        err_set(err, ERR_MALFORMED, "%s in \"%.100s\"; want exec:/path/to/program arguments",
                bad ? "a quote does not end" : "no program", text);
        return NULL;
    }
    node_put(map, a, "command", list);
    return map;
}

static void exec_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct exec_config *c = config;
    const char *dot = *path ? "." : "";
    if (c->command.n && !*c->command.at[0])
        problem_add(p, NULL, arena_printf(a, "%s%scommand", path, dot),
                    "the program's name is empty");
    for (size_t i = 0; i < c->environment.n; i++)
        if (!*c->environment.at[i].key || strchr(c->environment.at[i].key, '='))
            problem_add(p, NULL, arena_printf(a, "%s%senvironment", path, dot),
                        "got the name \"%.40s\"; want one without =", c->environment.at[i].key);
}

static void exec_describe(const void *config, struct buf *out)
{
    const struct exec_config *c = config;
    must(c->command.n > 0);
    for (size_t i = 0; i < c->command.n; i++)
        buf_printf(out, "%s%s", i ? " " : "", c->command.at[i]);
}

/* --- the answer --- */

static void put_range(struct result *r, const char *name, const struct perf *p,
                      const struct perf_range *range)
{
    if (!range->given)
        return;
    const struct label start[] = {{"label", p->label}, {"unit", p->unit}, {"bound", "start"}};
    const struct label end[] = {{"label", p->label}, {"unit", p->unit}, {"bound", "end"}};
    if (isfinite(range->start) && range->start != 0)
        result_metric_labels(r, name, start, array_len(start), range->start);
    if (isfinite(range->end))
        result_metric_labels(r, name, end, array_len(end), range->end);
}

static void put_perf(struct result *r, struct str text, struct arena *a)
{
    struct perf *all = arena_array_of(a, struct perf, PERFDATA_MAX);
    size_t n = perf_parse(text, a, all, PERFDATA_MAX);
    must(n <= PERFDATA_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct label labels[] = {{"label", all[i].label}, {"unit", all[i].unit}};
        result_metric_labels(r, "probe_exec_value", labels, array_len(labels), all[i].value);
        put_range(r, "probe_exec_warning", &all[i], &all[i].warn);
        put_range(r, "probe_exec_critical", &all[i], &all[i].crit);
    }
}

static void put_detail(struct result *r, int code, struct str output, struct arena *a)
{
    struct buf out = BUF_INIT(64 << 10);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kint(&j, "exit_code", code);
    json_key(&j, "output");
    json_strn(&j, output.p, utf8_cut(output.p, output.n, DETAIL_MAX));
    json_end(&j);
    if (!out.failed)
        r->detail_json = arena_strndup(a, out.data, out.len);
    buf_done(&out);
}

/* One line of valid text for a message. */
static const char *line_of(struct str s, struct arena *a)
{
    struct buf out = BUF_INIT(4 * RESULT_MESSAGE_MAX);
    utf8_clean(&out, s.p, utf8_cut(s.p, s.n, RESULT_MESSAGE_MAX));
    const char *line = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return line;
}

static void judge(struct result *r, int code, const char *message)
{
    static const char *const meanings[] = {"ok", "warning", "critical", "unknown"};
    const char *text = *message ? message : "it printed nothing";
    if (code == 0)
        result_ok(r, "%s", text);
    else if (code == 1)
        result_warn(r, "%s", *message ? message : "warning: it printed nothing");
    else if (code == 3)
        result_fail(r, "unknown: %s", text);
    else if (code == 2)
        result_fail(r, "%s", *message ? message : meanings[2]);
    else
        result_fail(r, "exit status %d, which no plugin has: %s", code, text);
    if (code == 1)
        result_ok(r, "%s", text);
}

static void take_end(struct result *r, const struct child_end *end, struct arena *a)
{
    struct plugin_output said;
    struct str out = {end->out.data ? end->out.data : "", end->out.len};
    char text[SPAWN_STATUS_SIZE];
    if (str_trim(out).n == 0 && end->err.len)
        out = (struct str){end->err.data, end->err.len};
    plugin_parse(str_trim(out), &said);
    const char *message = line_of(said.first, a);
    if (WIFSIGNALED(end->status)) {
        result_fail(r, "the program was %s%s%s", spawn_status_text(end->status, text),
                    *message ? ": " : "", message);
        return;
    }
    int code = WEXITSTATUS(end->status);
    judge(r, code, message);
    result_metric(r, "probe_exec_exit_code", code);
    put_perf(r, said.perf[0], a);
    put_perf(r, said.perf[1], a);
    put_detail(r, code, str_trim(out), a);
}

static void exec_run(struct probe *p, struct result *r)
{
    const struct exec_config *c = p->config;
    struct child_end end;
    struct err err = {0};
    const char **argv = arena_array_of(p->arena, const char *, c->command.n + 1);
    for (size_t i = 0; i < c->command.n; i++)
        argv[i] = c->command.at[i];
    struct child_run run = {.argv = argv,
                            .environment = &c->environment,
                            .dir = c->directory,
                            .user = c->user,
                            .max_output = OUTPUT_MAX,
                            .deadline_ns = p->deadline_ns};
    if (child_run(&run, p->arena, &end, &err) != 0)
        result_fail_err(r, &err);
    else
        take_end(r, &end, p->arena);
    child_done(&end);
}

static const char *const exec_schemes[] = {"exec", NULL};

const struct prober_ops exec_prober = {
    .type = "exec",
    .kind = PROBER_HOST,
    .title = {"Program (Nagios plugin)", "程序（Nagios 插件）"},
    .help = {"Runs a program; its exit status, first line and performance data are the result.",
             "运行程序，以其退出码、首行输出与性能数据为结果。"},
    .schemes = exec_schemes,
    .options = exec_options,
    .config_size = sizeof(struct exec_config),
    .from_url = exec_from_url,
    .validate = exec_validate,
    .describe = exec_describe,
    .run = exec_run,
};
