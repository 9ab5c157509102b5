/* connection_monitor's conf.ini, urlInput.txt and trigger template (seed 003) as belfry.yaml.
 *
 * It ran from crontab, every ten minutes as documented: for each URL checkTimes requests at
 * checkDelta seconds, each with 3 s to connect, 5 s for the answer and up to 3 tries; under
 * triggerPerc of success, or over triggerRequestTime seconds in the mean, it told a DingTalk robot.
 * That is a burst. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "cli/import_ini.h"

/* --- conf.ini ------------------------------------------------------------------------------------
 */

static double ini_number(ini *conf, const char *section, const char *key, double absent, double min,
                         double max, const char *file, struct problems *p)
{
    const struct ini_entry *e = ini_get(conf, str_of(section), key);
    double v;
    if (e == NULL)
        return absent;
    if (str_to_f64(e->value, &v, NULL) == 0 && v >= min && v <= max)
        return v;
    struct node at = {.file = file, .line = e->line, .column = 1};
    problem_add(p, &at, key, "want a number from %g to %g; %g is taken", min, max, absent);
    return absent;
}

/* --- the trigger template ------------------------------------------------------------------------
 */

/* What its messages could say, in the words of ours (docs/templates.md); "" has no counterpart of
 * its own, since the message of a burst tells the numbers. */
static const char *const fields[][2] = {
    {"url", "{{ .Instance }}"},
    {"timestamp", "{{ .Now | time }}"},
    {"time", "{{ .Now | time }}"},
    {"triggerStatus", "{{ .Word }}"},
    {"status", "{{ .Word }}"},
    {"requestSuccessPerc", ""},
    {"requestTimeMean", ""},
    {"requestTimeStd", ""},
    {"checkTimes", ""},
    {"checkDelta", ""},
    {"hostList", ""},
    {"dnsServerList", ""},
    {"requestStatus", ""},
    {"requestSpendTime", ""},
    {"localhostName", ""},
    {"localhostIP", ""},
};

static const char *field_for(struct str name)
{
    name = str_trim(name);
    for (size_t i = 0; i < array_len(fields); i++)
        if (str_eqz(name, fields[i][0]))
            return fields[i][1];
    return NULL;
}

/* {{ name }}, {name}, ${name} and %(name)s at the start of s; returns its length and *name, or 0.
 */
static size_t placeholder(struct str s, struct str *name)
{
    static const struct {
        const char *open, *close;
    } forms[] = {{"{{", "}}"}, {"${", "}"}, {"%(", ")s"}, {"{", "}"}};
    for (size_t i = 0; i < array_len(forms); i++) {
        size_t open = strlen(forms[i].open);
        if (!str_starts(s, str_of(forms[i].open)))
            continue;
        const char *end = memmem(s.p + open, s.n - open, forms[i].close, strlen(forms[i].close));
        if (end == NULL || end - s.p > 64)
            continue;
        *name = (struct str){s.p + open, (size_t)(end - s.p) - open};
        return (size_t)(end - s.p) + strlen(forms[i].close);
    }
    return 0;
}

/* One line converted; false when all that it told has no counterpart. */
static bool convert_line(struct str line, struct buf *out)
{
    bool lost = false, kept = false;
    size_t before = out->len;
    while (line.n > 0) {
        struct str name;
        size_t n = placeholder(line, &name);
        const char *field = n > 0 ? field_for(name) : NULL;
        if (field == NULL) {
            if (str_starts(line, STR("{{")))
                buf_puts(out, "{{ \"{{\" }}");
            else
                buf_putc(out, line.p[0]);
            n = str_starts(line, STR("{{")) ? 2 : 1;
        } else {
            buf_puts(out, field);
            lost |= field[0] == '\0';
            kept |= field[0] != '\0';
        }
        line = (struct str){line.p + n, line.n - n};
    }
    if (!lost || kept)
        return true;
    out->len = before;
    return false;
}

static void put_template(const struct import_file *tpl, struct buf *yaml, struct problems *p)
{
    if (tpl->text.p == NULL || str_trim(tpl->text).n == 0)
        return;
    struct node at = {.file = tpl->name, .column = 1};
    if (str_contains(tpl->text, STR("{%")) || tpl->text.n > 10000) {
        problem_add(p, &at, "", "the template has loops or conditions, or is too long; left out");
        return;
    }
    struct buf text = BUF_INIT(1 << 18);
    struct str rest = tpl->text, line;
    bool lost = false;
    while (rest.n > 0 && str_next(&rest, '\n', &line)) {
        at.line++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (convert_line(line, &text)) {
            buf_putc(&text, '\n');
        } else {
            problem_add(p, &at, "", "has no counterpart; the message of a burst tells its numbers");
            lost = true;
        }
    }
    if (lost)
        buf_puts(&text, "{{ .Message }}\n");
    buf_puts(yaml, "    template: ");
    import_put_text(yaml,
                    text.failed || text.data == NULL ? STR("") : (struct str){text.data, text.len});
    buf_puts(yaml, "  # the trigger template, in Belfry's language\n");
    buf_done(&text);
}

/* --- belfry.yaml ---------------------------------------------------------------------------------
 */

static void put_mentions(struct str users, struct buf *yaml)
{
    struct str part;
    struct buf mobiles = BUF_INIT(10000), ids = BUF_INIT(10000);
    bool all = false;
    while (users.n > 0 && str_next(&users, ',', &part)) {
        part = str_trim(part);
        bool number = part.n > 0;
        for (size_t i = 0; i < part.n; i++)
            number &=
                (part.p[i] >= '0' && part.p[i] <= '9') || part.p[i] == '+' || part.p[i] == '-';
        struct buf *list = number ? &mobiles : &ids;
        all |= ini_same(part, "all");
        if (part.n == 0 || !import_is_line(part) || ini_same(part, "all"))
            continue;
        buf_puts(list, list->len > 0 ? ", " : "");
        import_put_text(list, part);
    }
    if (all)
        buf_puts(yaml, "    mention_all: true  # atUser\n");
    if (mobiles.len > 0 && !mobiles.failed)
        buf_printf(yaml, "    mentioned_mobiles: [%s]  # atUser\n", mobiles.data);
    if (ids.len > 0 && !ids.failed)
        buf_printf(yaml, "    mentioned_users: [%s]  # atUser\n", ids.data);
    buf_done(&mobiles);
    buf_done(&ids);
}

static bool put_channel(ini *conf, const struct import_file *tpl, struct buf *yaml,
                        struct problems *p)
{
    struct str url = ini_text(conf, STR("dingtalk"), "sendURL");
    if (url.n == 0 || !import_is_line(url)) {
        problem_add(p, NULL, "dingtalk.sendURL", "is not given: nobody is told");
        return false;
    }
    buf_puts(yaml, "channels:\n  - name: dingtalk\n    type: dingtalk\n    webhook_url: ");
    import_put_text(yaml, url);
    buf_puts(yaml, "  # dingtalk.sendURL\n");
    struct str secret = ini_text(conf, STR("dingtalk"), "secret");
    if (secret.n > 0 && import_is_line(secret)) {
        buf_puts(yaml, "    secret: ");
        import_put_text(yaml, secret);
        buf_putc(yaml, '\n');
    }
    put_mentions(ini_text(conf, STR("dingtalk"), "atUser"), yaml);
    put_template(tpl, yaml, p);
    (void)ini_get(conf, STR("dingtalk"),
                  "msgtype"); /* ours are Markdown, which shows texts as well */
    return true;
}

static void put_group(ini *conf, const char *file, bool channel, bool enabled,
                      const import_targets *targets, struct buf *yaml, struct problems *p)
{
    double times = floor(ini_number(conf, "urlcheck", "checkTimes", 10, 1, 500, file, p));
    double delta = ini_number(conf, "urlcheck", "checkDelta", 1, 0, 3600, file, p);
    double share = ini_number(conf, "urlcheck", "triggerPerc", 0.7, 0, 1, file, p);
    double mean = ini_number(conf, "urlcheck", "triggerRequestTime", 5, 0.001, 3600, file, p);
    double spread = (times - 1) * delta, interval = 600;
    while (interval <= spread)
        interval *= 2;
    interval = interval > 7 * 24 * 3600 ? 7 * 24 * 3600 : interval;
    buf_printf(
        yaml,
        "groups:\n  - name: urlcheck\n    interval: %.0fs  # crontab: */10\n"
        "    connect_timeout: 3s\n    timeout: 8s  # 3 s to connect, 5 s for the answer\n"
        "    attempts: 3\n    threshold: 1  # each round that was bad was told\n    channels: [%s]\n",
        interval, channel ? "dingtalk" : "");
    buf_puts(yaml, targets->n > 0 ? "    targets:\n" : "    targets: []\n");
    vec_each (targets, t) {
        buf_puts(yaml, "      - {url: ");
        import_put_text(yaml, str_of(t->url));
        if ((int64_t)times > 1 && spread < interval) {
            buf_printf(yaml,
                       ", burst: {times: %lld, delta: %lldms, min_success: ", (long long)times,
                       (long long)(delta * 1000));
            buf_add_f64(yaml, share);
            buf_printf(yaml, ", max_mean: %lldms}", (long long)(mean * 1000));
        }
        buf_puts(yaml, enabled ? "}\n" : ", enabled: false}\n");
    }
}

static void tell_unused(const ini *conf, const char *file, struct problems *p)
{
    static const char *const known[] = {"inputFileDir", "resultsDir", "triggerTplDir", "logDir",
                                        "logFile",      "inputFile",  "triggerTplFile"};
    vec_each (conf, e) {
        bool told = e->used;
        for (size_t i = 0; i < array_len(known); i++)
            told |= ini_same(e->key, known[i]);
        struct node at = {.file = file, .line = e->line, .column = 1};
        if (!told)
            problem_add(p, &at, "", "the importer does not know the key \"%.*s\"; left out",
                        (int)utf8_cut(e->key.p, e->key.n, 60), e->key.p);
    }
}

int import_connmon_texts(const struct import_file *conf_file, const struct import_file *urls,
                         const struct import_file *template, struct buf *yaml, struct problems *p,
                         struct err *err)
{
    must(conf_file->text.p != NULL);
    ini conf = {0};
    import_targets targets = {0};
    struct arena *a = arena_new();
    struct map_str *seen = map_str_new();
    ini_parse(conf_file->text, conf_file->name, INI_PLAIN, a, &conf, p);
    if (urls->text.p != NULL)
        import_lines(urls, seen, a, &targets, p);
    else
        problem_add(p, NULL, "urlcheck.inputFile", "cannot open %s: no targets", urls->name);
    buf_puts(
        yaml,
        "# Made by `belfry import connection-monitor`. Each target is probed with a burst of requests, as\n"
        "# connection_monitor did.\n");
    bool channel = put_channel(&conf, template, yaml, p);
    struct str on = ini_text(&conf, STR("urlcheck"), "urlCheck");
    bool enabled = on.n == 0 || ini_is_true(on);
    put_group(&conf, conf_file->name, channel, enabled, &targets, yaml, p);
    tell_unused(&conf, conf_file->name, p);
    int rc = import_check(yaml, err);
    map_str_free(seen);
    vec_done(&targets);
    vec_done(&conf);
    arena_free(a);
    return rc;
}

/* --- files ---------------------------------------------------------------------------------------
 */

/* The first of DIR/NAME that is there; dirs end with NULL. The last name tried when none is. */
static struct import_file find_file(const char *const *dirs, struct str name, struct arena *a)
{
    struct import_file f = {.name = arena_strndup(a, name.p, name.n)};
    for (; *dirs != NULL && f.text.p == NULL && name.n > 0; dirs++)
        f = import_read(arena_printf(a, "%s/%.*s", *dirs, (int)name.n, name.p), a);
    return f;
}

static struct import_file find_conf(const char *path, struct arena *a)
{
    static const char *const places[] = {"", "/conf.ini", "/config/conf.ini", "/conf/conf.ini"};
    struct import_file f = {.name = path};
    for (size_t i = 0; i < array_len(places) && f.text.p == NULL; i++)
        f = import_read(arena_printf(a, "%s%s", path, places[i]), a);
    return f;
}

int import_connmon(const char *path, struct buf *yaml, struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    struct import_file conf = find_conf(path, a);
    int rc = -1;
    if (conf.text.p == NULL) {
        err_set(err, ERR_NOT_FOUND, "cannot import %s: want conf.ini or a directory that has it",
                path);
    } else {
        struct problems quiet;
        ini entries = {0};
        problems_init(&quiet, a);
        ini_parse(conf.text, conf.name, INI_PLAIN, a, &entries, &quiet);
        const char *slash = strrchr(conf.name, '/');
        const char *dir =
            slash != NULL ? arena_strndup(a, conf.name, (size_t)(slash - conf.name)) : ".";
        struct str in = ini_text(&entries, STR("public"), "inputFileDir"),
                   tpl = ini_text(&entries, STR("public"), "triggerTplDir");
        const char *docs = arena_printf(a, "%s/../docs", dir);
        const char *in_dirs[] = {dir, docs, arena_strndup(a, in.p, in.n), NULL};
        const char *tpl_dirs[] = {dir, arena_printf(a, "%s/template", docs), docs,
                                  arena_strndup(a, tpl.p, tpl.n), NULL};
        struct str url_name = ini_text(&entries, STR("urlcheck"), "inputFile");
        struct import_file urls =
            find_file(in_dirs, url_name.n > 0 ? url_name : STR("urlInput.txt"), a);
        struct import_file template =
            find_file(tpl_dirs, ini_text(&entries, STR("urlcheck"), "triggerTplFile"), a);
        rc = import_connmon_texts(&conf, &urls, &template, yaml, p, err);
        vec_done(&entries);
        problems_done(&quiet);
    }
    arena_free(a);
    return rc;
}
