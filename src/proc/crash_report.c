/* The warden's side of crash reports (crash.h): gathers what is known of a death into one JSON file. Its keys are
 * those of the seed's crash_info, with exit, resources, reason and log_tail beside them. */
#include "proc/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/must.h"
#include "proc/crash_priv.h"
#include "proc/proc_priv.h"
#include "proc/spawn.h"
#include "proc/usage.h"

#define TAIL_BYTES 16384
#define TAIL_LINES 20
#define REPORT_MAX ((size_t)1 << 20)

void crash_cpu_now(struct crash_cpu *c)
{
    if (!machine_cpu(&c->busy, &c->all))
        *c = (struct crash_cpu){0};
}

void crash_forget(const char *dir, pid_t pid)
{
    char path[4096];
    crash__raw_name(path, sizeof(path), dir, (long)pid);
    unlink(path);
}

static void put_clean(struct json *j, const char *key, const char *text, size_t n)
{
    cleanup(buf_done) struct buf masked = BUF_INIT(REPORT_MAX);
    mask__text(&masked, text, n);
    json_key(j, key);
    json_strn(j, masked.data ? masked.data : "", masked.len);
}

/* PRETTY_NAME of /etc/os-release, or "". */
static void os_name(char *out, size_t size)
{
    cleanup(buf_done) struct buf text = BUF_INIT(8192);
    out[0] = '\0';
    if (fs_read("/etc/os-release", &text, NULL) < 0 || !text.data)
        return;
    const char *at = strstr(text.data, "PRETTY_NAME=\"");
    const char *end = at ? strchr(at + 13, '"') : NULL;
    if (end)
        snprintf(out, size, " (%.*s)", (int)(end - at - 13), at + 13);
}

static void put_percent(struct json *j, const char *key, double v)
{
    json_key(j, key);
    if (v < 0)
        json_nil(j);
    else
        json_f64(j, (double)(int)(v * 10 + 0.5) / 10);
}

static double cpu_percent(const struct crash_cpu *before)
{
    struct crash_cpu now;
    crash_cpu_now(&now);
    if (before->all == 0 || now.all <= before->all || now.busy < before->busy)
        return -1;
    return 100.0 * (double)(now.busy - before->busy) / (double)(now.all - before->all);
}

static void put_system(struct json *j, const struct crash_death *d)
{
    struct utsname u = {0};
    char os[128], platform[512];
    uname(&u);
    os_name(os, sizeof(os));
    snprintf(platform, sizeof(platform), "%s-%s-%s%s", u.sysname, u.release, u.machine, os);
    json_kobj(j, "system_info");
    json_kstr(j, "platform", platform);
    json_kstr(j, "version", d->version);
    put_percent(j, "cpu_percent", cpu_percent(&d->before));
    put_percent(j, "memory_percent", machine_memory_percent());
    json_end(j);
}

static const char *signal_meaning(int signo)
{
    switch (signo) {
    case SIGSEGV:
        return "invalid memory access";
    case SIGBUS:
        return "memory that cannot be read (file cut short, or bad hardware)";
    case SIGILL:
        return "illegal instruction";
    case SIGFPE:
        return "arithmetic error";
    case SIGABRT:
        return "aborted";
    case SIGKILL:
        return "killed from outside (kill -9, or the kernel was out of memory)";
    default:
        return "ended by a signal";
    }
}

static void put_message(struct json *j, const struct crash_death *d, const struct crash_raw *raw)
{
    char text[160];
    if (raw->must.n > 0) {
        put_clean(j, "message", raw->must.p, raw->must.n);
        return;
    }
    if (d->reason)
        snprintf(text, sizeof(text), "%s", d->reason);
    else if (!WIFSIGNALED(d->status))
        snprintf(text, sizeof(text), "ended by itself with exit status %d", WEXITSTATUS(d->status));
    else if (raw->address != 0)
        snprintf(text, sizeof(text), "%s at 0x%llx", signal_meaning(WTERMSIG(d->status)),
                 (unsigned long long)raw->address);
    else
        snprintf(text, sizeof(text), "%s", signal_meaning(WTERMSIG(d->status)));
    json_kstr(j, "message", text);
}

static void put_exception(struct json *j, const struct crash_death *d, const struct crash_raw *raw)
{
    json_kobj(j, "exception");
    json_kstr(j, "type", WIFSIGNALED(d->status) ? spawn_signal_name(WTERMSIG(d->status)) : "exit");
    put_message(j, d, raw);
    cleanup(buf_done) struct buf trace = BUF_INIT(65536);
    crash__traceback(raw, &trace);
    json_kstr(j, "traceback", trace.len > 0 ? trace.data : NULL);
    json_end(j);
}

static void put_exit(struct json *j, const struct crash_death *d)
{
    char text[SPAWN_STATUS_SIZE];
    json_kobj(j, "exit");
    json_kstr(j, "text", spawn_status_text(d->status, text));
    if (WIFSIGNALED(d->status)) {
        json_kint(j, "signal", WTERMSIG(d->status));
        json_kbool(j, "core_dumped", WCOREDUMP(d->status));
    } else {
        json_kint(j, "status", WEXITSTATUS(d->status));
    }
    json_end(j);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void put_resources(struct json *j, const struct crash_death *d)
{
    const struct rusage *u = &d->usage;
    json_kobj(j, "resources");
    json_kf64(j, "uptime_seconds", (double)(d->died_ms - d->started_ms) / 1000);
    json_kint(j, "max_rss_bytes", (int64_t)u->ru_maxrss * 1024);
    json_kf64(j, "cpu_user_seconds", seconds(u->ru_utime));
    json_kf64(j, "cpu_system_seconds", seconds(u->ru_stime));
    json_kint(j, "major_faults", u->ru_majflt);
    json_end(j);
}

static void put_environment(struct json *j, const char *const *env)
{
    json_kobj(j, "environment");
    for (const char *const *e = env; e && *e; e++) {
        const char *eq = strchr(*e, '=');
        if (!eq || eq == *e || eq - *e > 200)
            continue;
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)(eq - *e), *e);
        if (mask__secret_name(name, strlen(name)))
            json_kstr(j, name, "********");
        else
            put_clean(j, name, eq + 1, strnlen(eq + 1, 4096));
    }
    json_end(j);
}

/* The file's last TAIL_BYTES into out, from the start of a line on. */
static void read_tail(const char *path, struct buf *out)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    if (!buf_reserve(out, TAIL_BYTES))
        return;
    ssize_t n = pread(fd, out->data, TAIL_BYTES, from);
    out->len = n > 0 ? (size_t)n : 0;
    const char *newline = from > 0 ? memchr(out->data, '\n', out->len) : NULL;
    if (newline)
        buf_drop_front(out, (size_t)(newline - out->data) + 1);
}

static void put_log_tail(struct json *j, const char *path)
{
    json_karr(j, "log_tail");
    cleanup(buf_done) struct buf text = BUF_INIT(TAIL_BYTES + 1);
    if (path)
        read_tail(path, &text);
    size_t at = text.len > 0 && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len;
    for (int lines = 0; at > 0; at--)
        if (text.data[at - 1] == '\n' && ++lines == TAIL_LINES)
            break;
    struct str rest = {text.data ? text.data + at : "", text.len - at}, line;
    while (rest.n > 0 && str_next(&rest, '\n', &line)) {
        cleanup(buf_done) struct buf masked = BUF_INIT(TAIL_BYTES * 4);
        mask__text(&masked, line.p, line.n);
        json_strn(j, masked.data ? masked.data : "", masked.len);
    }
    json_end(j);
}

static void put_report(struct buf *out, const struct crash_death *d, const struct crash_raw *raw)
{
    struct json j = json_start(out);
    json_obj(&j);
    json_ktime(&j, "timestamp", d->died_ms);
    json_kint(&j, "process_id", d->pid);
    json_kstr(&j, "process_name", d->title);
    json_kstr(&j, "unit", d->name);
    put_system(&j, d);
    put_exception(&j, d, raw);
    json_kstr(&j, "reason", d->reason);
    put_exit(&j, d);
    put_resources(&j, d);
    json_ktime(&j, "started_at", d->started_ms);
    json_karr(&j, "command");
    for (const char *const *a = d->argv; a && *a; a++) {
        cleanup(buf_done) struct buf masked = BUF_INIT(65536);
        mask__text(&masked, *a, strlen(*a));
        json_str(&j, masked.data ? masked.data : "");
    }
    json_end(&j);
    put_environment(&j, d->env);
    put_log_tail(&j, d->log_file);
    json_end(&j);
    buf_putc(out, '\n');
}

/* TIME-NAME-PID.json; the name's slashes and whatever else is odd in a file name become dashes. */
static void report_name(const struct crash_death *d, char *out, size_t size)
{
    char when[RFC3339_SIZE], name[128];
    time_format(d->died_ms, when);
    snprintf(name, sizeof(name), "%s", d->name);
    for (char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_' || *p == '.' || (unsigned char)*p >= 0x80) ||
            (p == name && *p == '.'))
            *p = '-';
    char compact[RFC3339_SIZE];
    size_t n = 0;
    for (const char *p = when; *p && n + 1 < sizeof(compact); p++)
        if (*p != '-' && *p != ':')
            compact[n++] = *p;
    compact[n] = '\0';
    snprintf(out, size, "%s/%s-%s-%ld.json", d->dir, compact, name, (long)d->pid);
}

static int is_report(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && e->d_name[0] != '.' && strcmp(e->d_name + n - 5, ".json") == 0;
}

/* Names begin with the time, so that alphabetical order is age. */
static void prune(const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_report, alphasort);
    for (int i = 0; i < n; i++) {
        if (i < n - CRASH_KEPT) {
            char *path = path_join(dir, list[i]->d_name);
            unlink(path);
            free(path);
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

int crash_report(const struct crash_death *d, char **path, struct err *err)
{
    must(d->dir && d->name && d->title && d->pid > 0);
    char raw_path[4096], name[4096];
    cleanup(buf_done) struct buf text = BUF_INIT(CRASH_RAW_MAX);
    cleanup(buf_done) struct buf out = BUF_INIT(REPORT_MAX);
    struct crash_raw raw = {0};
    crash__raw_name(raw_path, sizeof(raw_path), d->dir, (long)d->pid);
    if (fs_read(raw_path, &text, NULL) == 0 && text.len > 0 &&
        !crash__raw_parse((struct str){text.data, text.len}, &raw))
        raw = (struct crash_raw){0};
    put_report(&out, d, &raw);
    report_name(d, name, sizeof(name));
    unlink(raw_path);
    if (out.failed)
        return err_set(err, ERR_TOO_LARGE, "cannot write %s: the report is too large", name);
    if (fs_write_atomic(name, out.data, out.len, 0600, true, err) < 0)
        return -1;
    prune(d->dir);
    if (path)
        must((*path = strdup(name)) != NULL);
    return 0;
}
