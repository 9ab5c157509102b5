/* monitrc as belfry.yaml: `check process` becomes an adopted unit, `check host` and `check program` become targets, those of
 * this host too (import_monit_host.c); the others are named (import_monit.h). */
#include "cli/import_monit.h"

#include <glob.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

#define FILES_MAX 500

static const char head[] =
    "# Made by `belfry import monit`. Monit found its programs by pid file or name: so they are adopted here, and a death is\n"
    "# noticed at once. Once `command` is a program that stays in the foreground, take `adopt` away and Belfry is its parent.\n";

/* --- statements of the whole file ----------------------------------------------------------------
 */

static void set_daemon(struct monit *m, struct monit_text t)
{
    double seconds;
    char text[DURATION_SIZE];
    if (!monit_number(t, "daemon", &seconds) || !(seconds >= 1 && seconds <= 86400))
        return;
    m->cycle = seconds;
    node_put(m->out->monitor, m->arena, "check_interval",
             node_text(m->arena, duration_format((int64_t)llround(seconds * 1000), text)));
}

static void take_set(struct monit *m, struct monit_text t)
{
    struct node at = monit_place(t);
    bool mail = t.n > 1 && (monit_is(&t.at[1], "alert") || monit_is(&t.at[1], "mailserver"));
    if (t.n > 1 && monit_is(&t.at[1], "daemon"))
        set_daemon(m, t);
    else if (mail && !m->mail_told)
        import_note(
            m->out, NULL, &at,
            "whom Monit told by mail is not taken over: make a channel and name it in processes.channels");
    m->mail_told |= mail;
}

/* --- other checks --------------------------------------------------------------------------------
 */

struct node *monit_target(struct monit *m, struct str name, struct monit_text t)
{
    struct node *map = node_map(m->arena), *text = import_text(m->out, name);
    double n;
    node_put(map, m->arena, "name", text != NULL ? text : node_text(m->arena, "imported"));
    for (const struct node *other = m->out->targets->first; other != NULL; other = other->next)
        if (str_eq(node_get(other, "name")->text, node_get(map, "name")->text))
            node_put(
                map, m->arena, "name",
                node_text(m->arena, arena_printf(m->arena, "%s-%u", node_get(map, "name")->text.p,
                                                 m->out->targets->count + 1)));
    struct monit_text rest = monit_after(t, monit_find(t, "for"));
    if (rest.n > 1 && str_to_f64(rest.at[0].text, &n, NULL) == 0 && n >= 1 && n <= 100)
        node_put(map, m->arena, "threshold", node_int(m->arena, (int64_t)n));
    node_append(m->out->targets, map);
    return map;
}

static void add_target(struct monit *m, struct str name, const char *url, struct monit_text t)
{
    node_put(monit_target(m, name, t), m->arena, "url", import_text(m->out, str_of(url)));
}

static void check_host(struct monit *m, struct monit_text check)
{
    struct monit_text rest = check, first = monit_statement(&rest);
    struct str name = monit_value(first, "host"), address = monit_value(first, "address");
    while (rest.n > 0) {
        struct monit_text one = monit_statement(&rest);
        struct node at = monit_place(one);
        bool ping = monit_find(one, "ping") < one.n || monit_find(one, "icmp") < one.n;
        const char *url = monit_find(one, "failed") < one.n ? monit_url(m, one, address) : NULL;
        if (url == NULL && ping && import_is_line(address) && address.n > 0)
            url = arena_printf(m->arena, "icmp://%.*s", (int)address.n, address.p);
        if (url != NULL)
            add_target(m, name, url, one);
        else
            import_note(m->out, NULL, &at, "check host %.*s: no counterpart, left out: %s",
                        SHOW(name), monit_show(one, m->arena));
    }
}

static void check_program(struct monit *m, struct monit_text check)
{
    struct monit_text rest = check, first = monit_statement(&rest);
    struct str name = monit_value(first, "program"), path = monit_value(first, "path");
    if (path.n > 0 && import_is_line(path))
        add_target(m, name, arena_printf(m->arena, "exec:%.*s", (int)path.n, path.p), check);
}

static void take_check(struct monit *m, struct monit_text t)
{
    struct node at = monit_place(t);
    if (t.n > 2 && monit_is(&t.at[1], "process"))
        monit_check_process(m, t);
    else if (t.n > 2 && monit_is(&t.at[1], "host"))
        check_host(m, t);
    else if (t.n > 2 && monit_is(&t.at[1], "program"))
        check_program(m, t);
    else if (t.n > 2 && (monit_is(&t.at[1], "filesystem") || monit_is(&t.at[1], "file") ||
                         monit_is(&t.at[1], "system")))
        monit_check_here(m, t);
    else
        import_note(m->out, NULL, &at, "not taken over: %s",
                    monit_show((struct monit_text){t.at, t.n < 3 ? t.n : 3}, m->arena));
}

static bool begins(const struct monit_word *w)
{
    return monit_is(w, "set") || monit_is(w, "check") || monit_is(w, "include");
}

/* Where the next set, check or include stands. */
static struct monit_text next_part(struct monit_text *rest)
{
    size_t i = 1;
    while (i < rest->n && !begins(&rest->at[i]))
        i++;
    struct monit_text one = {rest->at, i};
    *rest = (struct monit_text){rest->at + i, rest->n - i};
    return one;
}

static void take_all(struct monit *m, struct monit_text all, const char *kind,
                     void (*take)(struct monit *m, struct monit_text t))
{
    while (all.n > 0) {
        struct monit_text one = next_part(&all);
        if (monit_is(&one.at[0], kind))
            take(m, one);
    }
}

/* depends on NAME: names of checks become ids; those that are no units are told. */
static void resolve_names(struct monit *m)
{
    vec_each (&m->out->units, u) {
        const struct node *names = node_get((*u)->doc, "requires");
        struct node *ids = node_list(m->arena);
        for (const struct node *c = names != NULL ? names->first : NULL; c != NULL; c = c->next) {
            const struct import_unit *on = import_unit_find(m->out, c->text);
            if (on != NULL && on != *u)
                node_append(ids, node_text(m->arena, import_unit_id(on)));
            else
                import_note(m->out, *u, NULL, "depends on %.*s, which is no unit; left out",
                            SHOW(c->text));
        }
        import_drop(m->out, *u, "requires");
        if (ids->count > 0)
            import_set(m->out, *u, "requires", ids);
    }
}

int import_monit_texts(const struct import_file *files, size_t n, struct buf *yaml,
                       struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    struct import_programs out;
    monit_words words = {0};
    import_programs_init(&out, a, p);
    struct monit m = {.arena = a, .out = &out, .cycle = 30};
    for (size_t i = 0; i < n; i++)
        monit_split(&files[i], &words);
    struct monit_text all = {words.at, words.n};
    take_all(&m, all, "set", take_set);
    take_all(&m, all, "check", take_check);
    resolve_names(&m);
    int rc = import_programs_write(&out, head, yaml, err);
    vec_done(&words);
    import_programs_done(&out);
    arena_free(a);
    return rc;
}

/* --- files ---------------------------------------------------------------------------------------
 */

typedef vec_of(struct import_file) file_list;

static bool has_file(const file_list *files, const char *name)
{
    vec_each (files, f)
        if (streq(f->name, name))
            return true;
    return false;
}

static void add_files(file_list *files, const char *pattern, struct arena *a)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && files->n < FILES_MAX; i++) {
            struct import_file f = import_read(found.gl_pathv[i], a);
            if (f.text.p != NULL && !has_file(files, f.name))
                vec_push(files, f);
        }
    globfree(&found);
}

/* include PATTERN, relative to the file that has it. Files are added while the list is walked. */
static void add_included(file_list *files, struct arena *a)
{
    for (size_t i = 0; i < files->n; i++) {
        monit_words words = {0};
        const struct import_file f = files->at[i];
        const char *slash = strrchr(f.name, '/');
        monit_split(&f, &words);
        for (size_t k = 0; k + 1 < words.n; k++) {
            struct str to = words.at[k + 1].text;
            bool whole = slash == NULL || (to.n > 0 && to.p[0] == '/');
            if (monit_is(&words.at[k], "include"))
                add_files(files,
                          arena_printf(a, "%.*s%.*s", whole ? 0 : (int)(slash + 1 - f.name), f.name,
                                       (int)to.n, to.p),
                          a);
        }
        vec_done(&words);
    }
}

int import_monit(const char *path, struct buf *yaml, struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    file_list files = {0};
    struct stat st;
    bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    add_files(&files, dir ? arena_printf(a, "%s/monitrc", path) : path, a);
    if (dir && files.n == 0)
        add_files(&files, arena_printf(a, "%s/*", path), a);
    add_included(&files, a);
    int rc = files.n == 0
                 ? err_set(err, ERR_NOT_FOUND,
                           "cannot import %s: want monitrc, or a directory of such files", path)
                 : import_monit_texts(files.at, files.n, yaml, p, err);
    vec_done(&files);
    arena_free(a);
    return rc;
}
