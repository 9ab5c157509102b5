/* Messages (message.h): runs templates over a notification and fits the outcome to the vendor. */
#include "notify/message.h"

#include <string.h>

#include "base/must.h"
#include "notify/message_priv.h"

#define BODY_MAX (1 << 20) /* of one rendering before it is cut */

const char *const message_languages[] = {"zh", "en", "both", NULL};

static const char default_title[] =
    "{{ if gt .Count 1 -}}"
    "{{ if .Firing }}🔴 {{ t \"故障\" \"DOWN\" }} {{ .Firing }}{{ end }}"
    "{{ if and .Firing .Resolved }} · {{ end }}"
    "{{ if .Resolved }}🟢 {{ t \"恢复\" \"UP\" }} {{ .Resolved }}{{ end }}"
    "{{ if not (or .Firing .Resolved) }}{{ .Symbol }} {{ .Word }} {{ .Count }}{{ end }}"
    " · {{ .Group }}"
    "{{- else -}}"
    "{{ .Symbol }} {{ .Word }}: {{ .Name }}"
    "{{- end }}";

static const char default_body[] =
    "{{ if gt .Count 1 -}}"
    "{{ range .Alerts }}"
    "{{ .Symbol }} {{ .Name | bold }}{{ if .Instance }} · {{ .Instance }}{{ end }}"
    "{{ if eq .Kind \"resolved\" }} · {{ t \"历时\" \"after\" }} {{ .Duration }}"
    "{{ else if .Message }} · {{ .Message | truncate 120 }}{{ end }}\n"
    "{{ end -}}"
    "{{ if .More }}{{ t \"… 另有 %d 条\" \"… and %d more\" .More }}\n{{ end -}}"
    "{{ if .URL }}{{ t \"查看\" \"Open\" | link .URL }}{{ end }}"
    "{{- else -}}"
    "{{ if eq .Kind \"test\" }}{{ t \"这是一条测试消息, 渠道工作正常\" "
    "\"This is a test message: the channel works\" }}\n{{ end -}}"
    "{{ t \"目标\" \"Target\" }}: {{ .Name | bold }}{{ if .Group }} ({{ .Group }}){{ end }}\n"
    "{{ if .Type }}{{ t \"类型\" \"Type\" }}: {{ .Type }}\n{{ end -}}"
    "{{ if .Instance }}{{ t \"地址\" \"Address\" }}: {{ .Instance }}\n{{ end -}}"
    "{{ if .Message }}{{ t \"信息\" \"Message\" }}: {{ .Message | truncate 500 }}\n{{ end -}}"
    "{{ if eq .Kind \"resolved\" -}}"
    "{{ t \"开始\" \"Down since\" }}: {{ .FiredAt | time }}\n"
    "{{ t \"恢复\" \"Up since\" }}: {{ .ResolvedAt | time }}\n"
    "{{ t \"历时\" \"Down for\" }}: {{ .Duration }}"
    "{{- else -}}"
    "{{ t \"开始\" \"Since\" }}: {{ .FiredAt | time }}\n"
    "{{ if eq .Kind \"reminder\" }}{{ t \"已持续\" \"Down for\" }}: {{ .Duration }}\n{{ end -}}"
    "{{ t \"连续失败\" \"Failures in a row\" }}: {{ .FailCount }}"
    "{{- end }}"
    "{{ if .URL }}\n{{ t \"查看\" \"Open\" | link .URL }}{{ end }}"
    "{{- end }}";

const char *message_target_url(struct arena *a, const char *public_url, uint64_t target_id)
{
    if (public_url == NULL || public_url[0] == '\0')
        return "";
    size_t n = strlen(public_url);
    while (n > 0 && public_url[n - 1] == '/')
        n--;
    if (target_id == 0)
        return arena_printf(a, "%.*s/#/alerts", (int)n, public_url);
    return arena_printf(a, "%.*s/#/targets/%llu", (int)n, public_url,
                        (unsigned long long)target_id);
}

bool message_is_last(const struct notification *note, uint32_t i)
{
    must(i < note->n_items);
    for (uint32_t k = i + 1; k < note->n_items; k++)
        if (note->items[k].alert->id == note->items[i].alert->id)
            return false;
    return true;
}

static enum tone tone_of(const struct notification *note)
{
    bool down = false, up = false;
    for (uint32_t i = 0; i < note->n_items; i++) {
        enum event_kind kind = note->items[i].kind;
        up |= kind == EVENT_RESOLVED;
        down |= kind == EVENT_FIRED || kind == EVENT_REMINDER;
    }
    return up && down ? TONE_MIXED : down ? TONE_DOWN : up ? TONE_UP : TONE_TEST;
}

static struct template_words words_of(const struct message_options *o,
                                      const struct dialect *dialect)
{
    must(o->language >= 0 && (size_t)o->language + 1 < array_len(message_languages));
    return (struct template_words){
        .dialect = dialect, .lang = (enum language)o->language, .zone = o->time_zone};
}

static int run(const char *source, const struct template_env *env, struct buf *out, struct err *err)
{
    struct template *t = template_parse(env->arena, source, env->style, err);
    if (t == NULL)
        return -1;
    buf_clear(out);
    return template_run(t, env, out, err);
}

/* The operator's template, or the default when there is none or it fails (then *err tells). */
static void run_own(const char *own, const char *fallback, const struct template_env *env,
                    struct buf *out, struct err *err)
{
    if (own != NULL && own[0] != '\0' && run(own, env, out, err) == 0)
        return;
    struct err bug;
    int rc = run(fallback, env, out, &bug);
    must(rc == 0 || out->failed); /* only sheer size can stop it, and that is cut later */
}

/* One line of at most 200 characters. */
static const char *make_title(const struct message_options *o, const struct template_env *env,
                              struct err *err)
{
    must(env->self != NULL);
    struct buf b = BUF_INIT(BODY_MAX);
    struct template_words plain = *(const struct template_words *)env->self;
    plain.dialect = &dialect_text;
    struct template_env title_env = *env;
    title_env.self = &plain;
    run_own(o->title, default_title, &title_env, &b, err);
    size_t n = utf8_cut(b.data != NULL ? b.data : "", b.len, 300);
    char *title = arena_strndup(env->arena, b.data != NULL ? b.data : "", n);
    for (char *c = title; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    buf_done(&b);
    return title;
}

/* Cuts after a whole line if that keeps half of it, else after a whole character; says so with "…". */
static void cut(struct buf *b, size_t max)
{
    static const char mark[] = "…";
    if (b->len <= max)
        return;
    size_t room = max > sizeof(mark) - 1 ? max - (sizeof(mark) - 1) : 0;
    size_t n = utf8_cut(b->data, b->len, room);
    const char *line = memrchr(b->data, '\n', n);
    if (line != NULL && (size_t)(line - b->data) + 1 >= n / 2)
        n = (size_t)(line - b->data) + 1;
    b->len = n;
    b->data[n] = '\0';
    if (max >= sizeof(mark) - 1)
        buf_puts(b, mark);
    must(b->len <= max);
}

static void make_body(const struct send *s, const struct message_options *o,
                      struct template_env *env, size_t max, struct buf *body, struct err *err)
{
    uint32_t n = s->note->n_items < o->list ? s->note->n_items : (uint32_t)o->list;
    for (;; n -= 1 + n / 6) {
        env->root = message__root(s, o, (enum language)o->language, n > 0 ? n : 1);
        run_own(o->template, default_body, env, body, err);
        if (body->len <= max || n <= 1)
            break;
    }
    cut(body, max);
}

static int build(const struct send *s, const struct dialect *dialect, size_t max, bool titled,
                 struct message *out, struct err *err)
{
    const struct message_options *o = s->config;
    must(s->note->n_items > 0 && o->list > 0);
    struct template_words words = words_of(o, dialect);
    struct template_env env = {.style = &message_style,
                               .self = &words,
                               .root = message__root(s, o, words.lang, 1),
                               .arena = s->arena};
    err_clear(err);
    out->title = make_title(o, &env, err);
    out->tone = tone_of(s->note);
    struct buf head = BUF_INIT(BODY_MAX), body = BUF_INIT(BODY_MAX);
    if (titled) {
        buf_puts(&head, dialect->bold_open);
        dialect->escape(&head, out->title, strlen(out->title));
        buf_puts(&head, dialect->bold_close);
        dialect->literal(&head, "\n", 1);
    }
    cut(&head, max / 2);
    must(head.len <= max);
    make_body(s, o, &env, max - head.len, &body, err);
    buf_add(&head, body.data != NULL ? body.data : "", body.len);
    out->body = arena_strndup(s->arena, head.data != NULL ? head.data : "", head.len);
    must(head.len <= max);
    buf_done(&head);
    buf_done(&body);
    return 0;
}

int message_build(const struct send *s, const struct dialect *dialect, size_t max_bytes,
                  struct message *out, struct err *err)
{
    return build(s, dialect, max_bytes, false, out, err);
}

int message_build_titled(const struct send *s, const struct dialect *dialect, size_t max_bytes,
                         struct message *out, struct err *err)
{
    return build(s, dialect, max_bytes, true, out, err);
}

int message_run(const struct send *s, const char *source, struct buf *out, struct err *err)
{
    must(source != NULL && s->note->n_items > 0);
    const struct message_options *o = s->config;
    struct template_words words = words_of(o, &dialect_text);
    struct template_env env = {.style = &message_style,
                               .self = &words,
                               .root = message__root(s, o, words.lang, s->note->n_items),
                               .arena = s->arena};
    return run(source, &env, out, err);
}

static void validate_one(const struct message_options *o, const char *source, const char *field,
                         struct arena *a, struct problems *p)
{
    if (source == NULL || source[0] == '\0')
        return;
    struct err err;
    struct channel channel = {.name = "sample", .type = ""};
    struct send s = {.channel = &channel,
                     .config = o,
                     .arena = a,
                     .note = message_sample(a, EVENT_FIRED, 3, 1700000000000)};
    struct template_words words = words_of(o, &dialect_text);
    struct template_env env = {.style = &message_style,
                               .self = &words,
                               .root = message__root(&s, o, words.lang, 3),
                               .arena = a};
    struct buf out = BUF_INIT(BODY_MAX);
    if (run(source, &env, &out, &err) != 0)
        problem_add(p, NULL, field, "line %d, column %d: %s", err.at_line, err.at_column, err.msg);
    buf_done(&out);
}

void message_validate(const struct message_options *o, struct arena *a, struct problems *p,
                      const char *path)
{
    struct err err;
    int seconds;
    const char *sep = path[0] != '\0' ? "." : "";
    if (zone_offset(o->time_zone, 0, &seconds, &err) != 0) {
        problem_add(p, NULL, arena_printf(a, "%s%stime_zone", path, sep), "%s", err.msg);
        return;
    }
    validate_one(o, o->title, arena_printf(a, "%s%stitle", path, sep), a, p);
    validate_one(o, o->template, arena_printf(a, "%s%stemplate", path, sep), a, p);
}
