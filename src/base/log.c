/* The log (log.h): called by roles, handlers and main, from any thread of any process.
 *
 * Holds the only mutable file-scope state of base/ beside proctitle.c (STYLE.md 19 allows it): the
 * present settings and file under one mutex, and the level as an atomic so that a disabled line
 * costs one load. A line is built in a fixed buffer on the caller's stack; a field that does not
 * fit is left out and "cut": true says so. Before log_open lines go to stderr as text. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log_priv.h"
#include "base/str.h"

#define LOG_SINK_MAGIC 0x4c53494eu /* "LSIN" */
#define LINE_SIZE      8192u       /* fibers log too: keep an eye on their stacks */
#define MESSAGE_MAX    1000u       /* six times as much when escaped still fits */
#define VALUE_MAX      2000u
#define TAIL_ROOM      32u /* for the mark of a cut line, the closing brace and the newline */

/* What the shape of a line depends on. */
struct shape {
    enum log_format format;
    char component[64];
};

static struct {
    pthread_mutex_t lock; /* guards all but level */
    atomic_int level;
    struct shape shape;
    struct log_file *file; /* NULL: stderr */
    bool also_stderr;
} g = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .level = LOG_INFO,
    .shape = {.format = LOG_TEXT, .component = "belfry"},
};

struct log_sink {
    uint32_t magic;
    struct log_file *file;
};

static const struct {
    const char *json, *text;
} level_names[] = {
    [LOG_DEBUG] = {"debug", "DEBUG"},
    [LOG_INFO] = {"info", "INFO"},
    [LOG_WARN] = {"warn", "WARN"},
    [LOG_ERROR] = {"error", "ERROR"},
};

int log_open(const struct log_config *cfg, struct err *err)
{
    must((size_t)cfg->level < array_len(level_names));
    struct log_file *file = NULL;
    if (cfg->file && !(file = log_file_open(cfg->file, cfg->keep_days, err)))
        return -1;
    const char *component = cfg->component ? cfg->component : "belfry";
    size_t n = utf8_cut(component, strlen(component), sizeof(g.shape.component) - 1);

    pthread_mutex_lock(&g.lock);
    struct log_file *old = g.file;
    g.file = file;
    g.also_stderr = cfg->also_stderr;
    g.shape.format = cfg->format;
    memcpy(g.shape.component, component, n);
    g.shape.component[n] = '\0';
    pthread_mutex_unlock(&g.lock);

    atomic_store_explicit(&g.level, (int)cfg->level, memory_order_relaxed);
    log_file_close(old);
    return 0;
}

void log_close(void)
{
    pthread_mutex_lock(&g.lock);
    struct log_file *old = g.file;
    g.file = NULL;
    pthread_mutex_unlock(&g.lock);
    log_file_close(old);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&g.level, memory_order_relaxed);
}

/* --- a line ------------------------------------------------------------------------------------ */

static bool is_secret(const char *key)
{
    return strcasestr(key, "password") || strcasestr(key, "secret") || strcasestr(key, "token");
}

/* A string value as it may be shown. */
static struct str shown_value(const struct log_field *f)
{
    if (is_secret(f->key))
        return STR("********");
    struct str s = str_of(f->str);
    s.n = utf8_cut(s.p, s.n, VALUE_MAX);
    return s;
}

static void json_field(struct json *j, const struct log_field *f)
{
    json_key(j, f->key);
    if (f->kind == LOG_F_STR || is_secret(f->key)) {
        struct str s = shown_value(f);
        json_strn(j, s.p, s.n);
    } else if (f->kind == LOG_F_INT) {
        json_int(j, f->num);
    } else if (f->kind == LOG_F_F64) {
        json_f64(j, f->f64);
    } else if (f->kind == LOG_F_JSON) {
        json_raw(j, f->str, strlen(f->str));
    } else {
        must(f->kind == LOG_F_BOOL);
        json_bool(j, f->num != 0);
    }
}

/* Whose line it is: the log's, or what the first field says. */
static const char *take_component(const struct log_field **fields, const struct shape *shape)
{
    const struct log_field *f = *fields;
    if (!f || f->kind != LOG_F_STR || strcmp(f->key, "component") != 0)
        return shape->component;
    (*fields)++;
    return f->str;
}

static void json_line(struct buf *line, const struct shape *shape, enum log_level level,
                      int64_t now_ms, struct str message, const struct log_field *fields)
{
    struct json j = json_start(line);
    json_obj(&j);
    json_ktime(&j, "timestamp", now_ms);
    json_kstr(&j, "level", level_names[level].json);
    json_key(&j, "message");
    json_strn(&j, message.p, message.n);
    const char *component = take_component(&fields, shape);
    if (component)
        json_kstr(&j, "component", component);
    must(!line->failed);
    for (const struct log_field *f = fields; f && f->kind != LOG_F_END; f++) {
        struct json before = j;
        size_t len = line->len;
        json_field(&j, f);
        if (!line->failed && line->len + TAIL_ROOM <= line->max)
            continue;
        j = before;
        line->len = len;
        line->failed = false;
        json_kbool(&j, "cut", true);
        break;
    }
    json_end(&j);
}

/* Text values stand bare when no reader can mistake them, else in JSON quotes. */
static void text_value(struct buf *line, struct str s)
{
    bool bare = s.n > 0 && utf8_valid(s.p, s.n);
    for (size_t i = 0; i < s.n && bare; i++)
        bare = (unsigned char)s.p[i] > ' ' && !strchr("\"=\\\x7f", s.p[i]);
    if (bare)
        buf_add(line, s.p, s.n);
    else
        json_escape(line, s.p, s.n);
}

static void text_field(struct buf *line, const struct log_field *f)
{
    buf_putc(line, ' ');
    buf_puts(line, f->key);
    buf_putc(line, '=');
    if (f->kind == LOG_F_STR || f->kind == LOG_F_JSON || is_secret(f->key)) {
        text_value(line, shown_value(f));
    } else if (f->kind == LOG_F_INT) {
        buf_add_i64(line, f->num);
    } else if (f->kind == LOG_F_F64) {
        buf_add_f64(line, f->f64);
    } else {
        must(f->kind == LOG_F_BOOL);
        buf_puts(line, f->num ? "true" : "false");
    }
}

/* The message as it is, but on one line and as valid UTF-8. */
static void text_message(struct buf *line, struct str message)
{
    size_t start = line->len;
    utf8_clean(line, message.p, message.n);
    for (size_t i = start; i < line->len; i++)
        if ((unsigned char)line->data[i] < ' ')
            line->data[i] = ' ';
}

static void text_line(struct buf *line, const struct shape *shape, enum log_level level,
                      int64_t now_ms, struct str message, const struct log_field *fields)
{
    char stamp[RFC3339_SIZE];
    const char *component = take_component(&fields, shape);
    buf_printf(line, "%s %s %s ", time_format(now_ms, stamp), level_names[level].text,
               component ? component : "-");
    text_message(line, message);
    must(!line->failed);
    for (const struct log_field *f = fields; f && f->kind != LOG_F_END; f++) {
        size_t len = line->len;
        text_field(line, f);
        if (!line->failed && line->len + TAIL_ROOM <= line->max)
            continue;
        line->len = len;
        line->failed = false;
        buf_puts(line, " cut=true");
        break;
    }
}

static void build_line(struct buf *line, const struct shape *shape, enum log_level level,
                       int64_t now_ms, const char *message, const struct log_field *fields)
{
    must((size_t)level < array_len(level_names));
    struct str m = str_of(message);
    m.n = utf8_cut(m.p, m.n, MESSAGE_MAX);
    if (shape->format == LOG_JSON)
        json_line(line, shape, level, now_ms, m, fields);
    else
        text_line(line, shape, level, now_ms, m, fields);
    buf_putc(line, '\n');
    must(!line->failed);
}

/* --- where it goes ----------------------------------------------------------------------------- */

static void write_stderr(const struct buf *line)
{
    ssize_t ignored = write(STDERR_FILENO, line->data, line->len);
    (void)ignored; /* there is no one left to tell */
}

static struct shape present_shape(void)
{
    pthread_mutex_lock(&g.lock);
    struct shape shape = g.shape;
    pthread_mutex_unlock(&g.lock);
    return shape;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (!log_enabled(level))
        return;
    int saved = errno; /* a caller may log between a failure and its use of errno */
    struct shape shape = present_shape();
    int64_t now_ms = clock_wall_ms();
    char room[LINE_SIZE];
    struct buf line = BUF_FIXED(room);
    build_line(&line, &shape, level, now_ms, message, fields);

    pthread_mutex_lock(&g.lock);
    bool lost = g.file && log_file_write(g.file, line.data, line.len, now_ms) < 0;
    if (!g.file || g.also_stderr || lost)
        write_stderr(&line);
    pthread_mutex_unlock(&g.lock);
    errno = saved;
}

struct log_sink *log_sink_open(const char *file, int keep_days, struct err *err)
{
    struct log_file *opened = log_file_open(file, keep_days, err);
    if (!opened)
        return NULL;
    struct log_sink *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = LOG_SINK_MAGIC;
    s->file = opened;
    return s;
}

void log_sink_write(struct log_sink *s, enum log_level level, const char *message,
                    const struct log_field *fields)
{
    if (!s || !log_enabled(level))
        return;
    check_magic(s, LOG_SINK_MAGIC);
    int saved = errno;
    struct shape shape = present_shape();
    int64_t now_ms = clock_wall_ms();
    char room[LINE_SIZE];
    struct buf line = BUF_FIXED(room);
    build_line(&line, &shape, level, now_ms, message, fields);

    pthread_mutex_lock(&g.lock);
    bool lost = log_file_write(s->file, line.data, line.len, now_ms) < 0;
    if (lost)
        write_stderr(&line);
    pthread_mutex_unlock(&g.lock);
    errno = saved;
}

void log_sink_close(struct log_sink *s)
{
    if (!s)
        return;
    check_magic(s, LOG_SINK_MAGIC);
    s->magic = 0;
    log_file_close(s->file);
    free(s);
}
