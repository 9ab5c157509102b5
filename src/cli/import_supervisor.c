/* supervisord.conf as belfry.yaml: each [program:x] becomes a unit, with numprocs one of several replicas.
 *
 * supervisord expands %(program_name)s, %(process_num)02d, %(here)s and %(ENV_X)s in values; where the number of a process
 * comes out otherwise than Belfry's replicas count (1, 2, 3 …), each process becomes a unit of its own. Its defaults that
 * differ from ours are written out. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/import_ini.h"
#include "cli/import_program.h"

#define PROCESSES_MAX 1000
#define FILES_MAX     500

static const char head[] =
    "# Made by `belfry import supervisor`. What supervisord did otherwise: a program that dies again and again is\n"
    "# started again with growing waits, at most max_restarts times an hour; SIGKILL goes to the whole tree of a\n"
    "# program; output goes to logs/processes/ID/output.log.\n";

struct supervisor {
    struct arena *arena;
    struct import_programs *out;
    ini conf;
};
/* One program on its way. */
struct program {
    struct str section; /* "program:web" */
    struct str name;    /* "web" */
    struct str group;   /* "" none */
    const char *file;
    int64_t count, first; /* numprocs, numprocs_start */
    int64_t number;       /* of the process, when each is a unit of its own; -1: replicas */
};

/* --- values --------------------------------------------------------------------------------------
 */

static struct str directory_of(const char *file, struct arena *a)
{
    const char *slash = strrchr(file, '/');
    int n = slash != NULL ? (int)(slash - file) : 0;
    char *here = file[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *dir = arena_printf(a, "%s%s%.*s", here != NULL ? here : "",
                             here != NULL && n > 0 ? "/" : "", n, file);
    free(here);
    return str_of(dir);
}

/* The number as its format wants it ("02d"); in replicas Belfry puts it in. */
static void put_number(const struct program *p, struct str format, struct buf *out)
{
    int width = format.n >= 2 && format.p[0] == '0' && format.p[1] >= '1' && format.p[1] <= '9'
                    ? format.p[1] - '0'
                    : 1;
    must(width >= 1 && width <= 9);
    if (p->number < 0 && p->count > 1)
        buf_puts(out, "%i");
    else
        buf_printf(out, "%0*lld", width, (long long)(p->number < 0 ? p->first : p->number));
}

static void put_variable(struct supervisor *s, const struct program *p, struct str name,
                         struct str format, struct buf *out)
{
    char host[256] = "";
    if (str_starts(name, STR("ENV_")))
        buf_printf(out, "\x01{%.*s:-}", (int)name.n - 4, name.p + 4);
    else if (str_eqz(name, "program_name"))
        buf_add(out, p->name.p, p->name.n);
    else if (str_eqz(name, "group_name"))
        buf_add(out, p->group.n > 0 ? p->group.p : p->name.p,
                p->group.n > 0 ? p->group.n : p->name.n);
    else if (str_eqz(name, "process_num"))
        put_number(p, format, out);
    else if (str_eqz(name, "numprocs"))
        buf_printf(out, "%lld", (long long)p->count);
    else if (str_eqz(name, "here"))
        buf_printf(out, "%.*s", (int)directory_of(p->file, s->arena).n,
                   directory_of(p->file, s->arena).p);
    else if (str_eqz(name, "host_node_name") && gethostname(host, sizeof(host) - 1) == 0)
        buf_puts(out, host);
    else
        buf_printf(out, "%%(%.*s)%.*s", (int)name.n, name.p, (int)format.n, format.p);
}

/* Length of "%(name)02d" at the start of t, its parts in *name and *format; 0: it is none. */
static size_t variable(struct str t, struct str *name, struct str *format)
{
    const char *close = t.n > 2 && t.p[0] == '%' && t.p[1] == '(' ? memchr(t.p, ')', t.n) : NULL;
    if (close == NULL)
        return 0;
    *name = (struct str){t.p + 2, (size_t)(close - t.p) - 2};
    size_t i = (size_t)(close - t.p) + 1;
    *format = (struct str){t.p + i, 0};
    while (i < t.n && ((t.p[i] >= '0' && t.p[i] <= '9') || t.p[i] == '.'))
        i++;
    if (i >= t.n || (t.p[i] != 's' && t.p[i] != 'd'))
        return 0;
    format->n = (size_t)(t.p + i + 1 - format->p);
    return i + 1;
}

/* A variable's ${NAME} is kept from import_text, which doubles dollar signs, by \x01. */
static struct str expand(struct supervisor *s, const struct program *p, struct str text)
{
    struct buf out = BUF_INIT(1 << 20);
    while (text.n > 0) {
        struct str name, format;
        size_t n = variable(text, &name, &format);
        if (n > 0) {
            put_variable(s, p, name, format, &out);
        } else {
            n = text.n > 1 && text.p[0] == '%' && text.p[1] == '%' ? 2 : 1;
            buf_putc(&out, text.p[0] == '\x01' ? ' ' : text.p[0]);
        }
        must(n > 0 && n <= text.n);
        text = (struct str){text.p + n, text.n - n};
    }
    struct str done = {arena_strndup(s->arena, out.data != NULL ? out.data : "", out.len), out.len};
    buf_done(&out);
    return done;
}

static struct node *value_node(struct supervisor *s, const struct program *p, struct str text)
{
    struct str t = expand(s, p, text);
    struct buf out = BUF_INIT(1 << 20);
    struct str part;
    for (bool first = true; t.n > 0 && str_next(&t, '\x01', &part); first = false) {
        const struct node *n = import_text(s->out, part);
        buf_puts(&out, first ? "" : "$");
        if (n != NULL)
            buf_add(&out, n->text.p, n->text.n);
    }
    struct node *n = out.len > 0 ? node_text(s->arena, out.data) : NULL;
    buf_done(&out);
    return n;
}

/* --- environment ---------------------------------------------------------------------------------
 */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The value at the start of *rest, up to a comma or line end outside of quotes; quotes are taken away. */
static struct str next_value(struct str *rest, struct arena *a)
{
    char *value = arena_alloc(a, rest->n + 1), quote = '\0';
    size_t n = 0, i = 0;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quote == '\0' && (c == ',' || c == '\n'))
            break;
        if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else if (quote != '\0' && c == quote)
            quote = '\0';
        else if (quote != '\0' || !is_space(c))
            value[n++] = c;
    }
    *rest = (struct str){rest->p + i, rest->n - i};
    return (struct str){value, n};
}

/* KEY="value",KEY2=value2; line ends may stand for commas. */
static void add_environment(struct supervisor *s, const struct program *p, struct str text,
                            struct node *map)
{
    while (text.n > 0) {
        while (text.n > 0 && (is_space(text.p[0]) || text.p[0] == ','))
            text = (struct str){text.p + 1, text.n - 1};
        const char *equals = text.n > 0 ? memchr(text.p, '=', text.n) : NULL;
        if (equals == NULL)
            return;
        struct str key = str_trim((struct str){text.p, (size_t)(equals - text.p)});
        text = (struct str){equals + 1, text.n - (size_t)(equals + 1 - text.p)};
        const struct node *name = import_text(s->out, key);
        struct node *value = value_node(s, p, next_value(&text, s->arena));
        if (name != NULL && !str_contains(key, STR("$")))
            node_put(map, s->arena, name->text.p, value != NULL ? value : node_text(s->arena, ""));
    }
}

/* --- options of a program ------------------------------------------------------------------------
 */

static struct str text_of(struct supervisor *s, const struct program *p, const char *key)
{
    return ini_text(&s->conf, p->section, key);
}

static void set_value(struct supervisor *s, const struct program *p, struct import_unit *u,
                      const char *key, struct str text)
{
    import_set(s->out, u, key, value_node(s, p, text));
}

static void set_restart(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    struct str restart = text_of(s, p, "autorestart"), codes = text_of(s, p, "exitcodes"), code;
    int64_t n;
    if (ini_same(restart, "false") || ini_same(restart, "no") || str_eqz(restart, "0"))
        import_set_text(s->out, u, "restart", STR("never"));
    else if (!ini_is_true(restart))
        import_set_text(s->out, u, "restart", STR("on-failure"));
    while (codes.n > 0 && str_next(&codes, ',', &code))
        if (import_int(code, &n))
            import_append_int(s->out, u, "success_statuses", n);
}

static void set_retries(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    struct str retries = text_of(s, p, "startretries");
    int64_t n;
    if (!import_int(retries, &n))
        return;
    import_set(s->out, u, "monitor.max_restarts", node_int(s->arena, n > 0 ? n : 1));
    import_note(
        s->out, u, NULL,
        "startretries=%lld counted failed starts in a row; max_restarts counts all restarts of an hour%s",
        (long long)n, n > 0 ? "" : " (0 would be no bound: 1 is taken)");
}

static void set_times(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    double seconds;
    if (str_to_f64(text_of(s, p, "startsecs"), &seconds, NULL) == 0) {
        import_set_seconds(s->out, u, "start_seconds", seconds);
        if (seconds > 90)
            import_set_seconds(s->out, u, "start_timeout", 2 * seconds);
    }
    if (str_to_f64(text_of(s, p, "stopwaitsecs"), &seconds, NULL) == 0)
        import_set_seconds(s->out, u, "stop_timeout", seconds);
    set_value(s, p, u, "stop_signal", text_of(s, p, "stopsignal"));
}

/* supervisord's KB, MB and GB are binary. */
static struct str size_text(struct supervisor *s, struct str size)
{
    bool unit = size.n > 2 && (size.p[size.n - 1] == 'B' || size.p[size.n - 1] == 'b');
    return unit ? str_of(arena_printf(s->arena, "%.*s%ciB", (int)size.n - 2, size.p,
                                      size.p[size.n - 2] & ~0x20))
                : size;
}

static void set_output(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    struct str file = text_of(s, p, "stdout_logfile"),
               backups = text_of(s, p, "stdout_logfile_backups");
    int64_t keep;
    if (ini_is_true(text_of(s, p, "redirect_stderr")))
        import_set(s->out, u, "output.merge", node_bool(s->arena, true));
    import_set_text(s->out, u, "output.max_size",
                    size_text(s, text_of(s, p, "stdout_logfile_maxbytes")));
    if (import_int(backups, &keep))
        import_set(s->out, u, "output.keep", node_int(s->arena, keep > 0 ? keep : 1));
    if (file.n > 0 && !ini_same(file, "auto"))
        import_note(s->out, u, NULL, "stdout_logfile=%.*s: the output goes to logs/processes/%s/",
                    SHOW(file), import_unit_id(u));
    (void)text_of(s, p, "stderr_logfile");
    (void)text_of(s, p, "stderr_logfile_maxbytes");
    (void)text_of(s, p, "stderr_logfile_backups");
}

static void set_order(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    struct str order = text_of(s, p, "priority");
    int64_t n;
    if (order.n == 0 && p->group.n > 0)
        order = ini_text(&s->conf,
                         str_of(arena_printf(s->arena, "group:%.*s", (int)p->group.n, p->group.p)),
                         "priority");
    if (import_int(order, &n))
        import_set(s->out, u, "start_order", node_int(s->arena, n));
    struct str autostart = text_of(s, p, "autostart");
    if (autostart.n > 0 && !ini_is_true(autostart))
        import_set(s->out, u, "autostart", node_bool(s->arena, false));
}

static void set_surroundings(struct supervisor *s, const struct program *p, struct import_unit *u)
{
    struct node *env = node_map(s->arena);
    int64_t files;
    set_value(s, p, u, "directory", text_of(s, p, "directory"));
    set_value(s, p, u, "user", text_of(s, p, "user"));
    set_value(s, p, u, "umask", text_of(s, p, "umask"));
    add_environment(s, p, ini_text(&s->conf, STR("supervisord"), "environment"), env);
    add_environment(s, p, text_of(s, p, "environment"), env);
    if (env->count > 0)
        import_set(s->out, u, "environment", env);
    if (import_int(ini_text(&s->conf, STR("supervisord"), "minfds"), &files))
        import_set(s->out, u, "limits.open_files", node_int(s->arena, files));
    if (import_int(ini_text(&s->conf, STR("supervisord"), "minprocs"), &files))
        import_set(s->out, u, "limits.processes", node_int(s->arena, files));
}

static void add_unit(struct supervisor *s, const struct program *p)
{
    struct str name = p->name;
    const struct ini_entry *command = ini_get(&s->conf, p->section, "command");
    struct node at = command != NULL ? ini_place(command) : (struct node){.file = p->file};
    bool several = p->number < 0 && p->count > 1;
    if (p->number >= 0)
        name = str_of(
            arena_printf(s->arena, "%.*s-%lld", (int)p->name.n, p->name.p, (long long)p->number));
    struct import_unit *u = import_unit_add(s->out, name, several, &at);
    if (p->group.n > 0)
        import_set_text(s->out, u, "type", p->group);
    set_value(s, p, u, "command", command != NULL ? command->value : STR(""));
    if (several)
        import_set(s->out, u, "replicas", node_int(s->arena, p->count));
    set_surroundings(s, p, u);
    set_order(s, p, u);
    set_restart(s, p, u);
    set_retries(s, p, u);
    set_times(s, p, u);
    set_output(s, p, u);
}

/* --- programs ------------------------------------------------------------------------------------
 */

/* Whether the number stands in a value other than the processes' name. */
static bool number_matters(const struct supervisor *s, struct str section)
{
    vec_each (&s->conf, e)
        if (str_eq(e->section, section) && str_contains(e->value, STR("%(process_num)")) &&
            !ini_same(e->key, "process_name") && !str_contains(e->key, STR("logfile")))
            return true;
    return false;
}

static struct str group_of(struct supervisor *s, struct str program)
{
    struct str one;
    vec_each (&s->conf, e) {
        if (!str_starts(e->section, STR("group:")) || !ini_same(e->key, "programs"))
            continue;
        e->used = true;
        struct str rest = e->value;
        while (rest.n > 0 && str_next(&rest, ',', &one))
            if (str_eq(str_trim(one), program))
                return str_trim((struct str){e->section.p + 6, e->section.n - 6});
    }
    return STR("");
}

static int64_t count_of(struct supervisor *s, struct str section, const char *key, int64_t absent)
{
    int64_t n;
    if (!import_int(ini_text(&s->conf, section, key), &n) || n < 0 || n > PROCESSES_MAX)
        return absent;
    return n;
}

static void add_program(struct supervisor *s, const struct ini_entry *e)
{
    struct program p = {.section = e->section,
                        .name = str_trim((struct str){e->section.p + 8, e->section.n - 8}),
                        .file = e->file,
                        .count = count_of(s, e->section, "numprocs", 1),
                        .first = count_of(s, e->section, "numprocs_start", 0),
                        .number = -1};
    (void)ini_text(&s->conf, e->section, "process_name");
    p.group = group_of(s, p.name);
    if (p.count == 0)
        p.count = 1;
    if (p.count == 1 || !number_matters(s, e->section)) {
        add_unit(s, &p);
        return;
    }
    for (int64_t i = 0; i < p.count && s->out->units.n <= IMPORT_UNITS_MAX; i++) {
        p.number = p.first + i;
        add_unit(s, &p);
    }
}

static bool is_new_section(const ini *conf, const struct ini_entry *e)
{
    for (const struct ini_entry *before = conf->at; before < e; before++)
        if (str_eq(before->section, e->section))
            return false;
    return true;
}

static void tell_section(struct supervisor *s, const struct ini_entry *e)
{
    static const char *const others[] = {"eventlistener:", "fcgi-program:", "inet_http_server",
                                         "rpcinterface:"};
    struct node at = ini_place(e);
    for (size_t i = 0; i < array_len(others); i++)
        if (str_starts(e->section, str_of(others[i])) &&
            !str_eqz(e->section, "rpcinterface:supervisor"))
            import_note(s->out, NULL, &at, "[%.*s] has no counterpart and is not taken over",
                        SHOW(e->section));
}

/* Options of programs that were not asked for. */
static void tell_unused(struct supervisor *s)
{
    static const char *const quiet[] = {"stopasgroup", "killasgroup", "serverurl", "programs",
                                        "priority"};
    vec_each (&s->conf, e) {
        bool told = e->used;
        for (size_t i = 0; i < array_len(quiet); i++)
            told |= ini_same(e->key, quiet[i]);
        struct node at = ini_place(e);
        if (told || !str_starts(e->section, STR("program:")))
            continue;
        struct str name = str_trim((struct str){e->section.p + 8, e->section.n - 8});
        import_note(s->out, import_unit_find(s->out, name), &at,
                    "%.*s has no counterpart; left out", SHOW(e->key));
    }
}

int import_supervisor_texts(const struct import_file *files, size_t n, struct buf *yaml,
                            struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    struct import_programs out;
    import_programs_init(&out, a, p);
    struct supervisor s = {.arena = a, .out = &out};
    for (size_t i = 0; i < n; i++)
        ini_parse(files[i].text, files[i].name, INI_PYTHON, a, &s.conf, p);
    vec_each (&s.conf, e) {
        if (!is_new_section(&s.conf, e))
            continue;
        if (str_starts(e->section, STR("program:")))
            add_program(&s, e);
        else
            tell_section(&s, e);
    }
    tell_unused(&s);
    int rc = import_programs_write(&out, head, yaml, err);
    vec_done(&s.conf);
    import_programs_done(&out);
    arena_free(a);
    return rc;
}

/* --- files ---------------------------------------------------------------------------------------
 */

typedef vec_of(struct import_file) file_list;

static void add_files(file_list *files, const char *pattern, struct arena *a)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && files->n < FILES_MAX; i++) {
            struct import_file f = import_read(found.gl_pathv[i], a);
            if (f.text.p != NULL)
                vec_push(files, f);
        }
    globfree(&found);
}

/* [include] files of the first file; supervisord does not follow those of included ones. */
static void add_included(file_list *files, struct arena *a)
{
    struct problems quiet;
    ini conf = {0};
    struct supervisor s = {.arena = a};
    const char *name = files->at[0].name;
    struct program p = {.file = name};
    problems_init(&quiet, a);
    ini_parse(files->at[0].text, name, INI_PYTHON, a, &conf, &quiet);
    struct str rest = expand(&s, &p, ini_text(&conf, STR("include"), "files")), line, word;
    struct str here = directory_of(name, a);
    while (rest.n > 0 && str_next(&rest, '\n', &line))
        while (line.n > 0 && str_next(&line, ' ', &word)) {
            word = str_trim(word);
            bool whole = word.n > 0 && word.p[0] == '/';
            if (word.n > 0)
                add_files(files,
                          arena_printf(a, "%.*s%s%.*s", whole ? 0 : (int)here.n, here.p,
                                       whole ? "" : "/", (int)word.n, word.p),
                          a);
        }
    vec_done(&conf);
    problems_done(&quiet);
}

int import_supervisor(const char *path, struct buf *yaml, struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    file_list files = {0};
    struct stat st;
    bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    add_files(&files, dir ? arena_printf(a, "%s/supervisord.conf", path) : path, a);
    if (dir && files.n == 0)
        add_files(&files, arena_printf(a, "%s/*.conf", path), a);
    else if (files.n > 0)
        add_included(&files, a);
    int rc =
        files.n == 0
            ? err_set(err, ERR_NOT_FOUND,
                      "cannot import %s: want supervisord.conf, or a directory of *.conf", path)
            : import_supervisor_texts(files.at, files.n, yaml, p, err);
    vec_done(&files);
    arena_free(a);
    return rc;
}
