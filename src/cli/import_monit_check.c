/* A `check process` of Monit as a unit that is adopted (import_monit.h): Monit never was the parent of what it watched. Its
 * start program is the command, its port test the health probe, a memory test that restarts limits.watch_memory. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/import_monit.h"
#include "probe/prober.h"

/* --- probes --------------------------------------------------------------------------------------
 */

static const struct {
    const char *protocol, *scheme;
    int port;
} protocols[] = {
    {"http", "http", 80},
    {"https", "https", 443},
    {"apache-status", "http", 80},
    {"redis", "redis", 6379},
    {"ssh", "ssh", 22},
    {"smtp", "smtp", 25},
    {"smtps", "smtps", 465},
    {"memcache", "memcached", 11211},
    {"imap", "imap", 143},
    {"imaps", "imaps", 993},
    {"pop", "pop3", 110},
    {"pops", "pop3s", 995},
    {"ldap2", "ldap", 389},
    {"ldap3", "ldap", 389},
    {"ftp", "ftp", 21},
    {"dns", "dns", 53},
    {"mqtt", "mqtt", 1883},
    {"websocket", "ws", 80},
    {"mysql", "tcp", 3306}, /* these want an account */
    {"pgsql", "tcp", 5432},
    {"mongodb", "tcp", 27017},
};

static bool is_tls(struct monit_text test)
{
    return monit_find(test, "tcpssl") < test.n || monit_find(test, "ssl") < test.n ||
           monit_find(test, "tls") < test.n;
}

/* Probers may be left out of a build. */
static bool is_probed(const char *scheme)
{
    char url[40];
    snprintf(url, sizeof(url), "%s://h:1", scheme);
    return prober_by_url(url, NULL) != NULL;
}

static const char *scheme_of(struct monit_text test, int *port)
{
    struct str protocol = monit_value(test, "protocol");
    if (protocol.n == 0)
        protocol = monit_value(test, "proto");
    for (size_t i = 0; i < array_len(protocols); i++) {
        if (!str_eqz(protocol, protocols[i].protocol) &&
            !(protocol.n == strlen(protocols[i].protocol) &&
              strncasecmp(protocol.p, protocols[i].protocol, protocol.n) == 0))
            continue;
        *port = protocols[i].port;
        const char *scheme = protocols[i].scheme;
        if (streq(scheme, "http") && is_tls(test))
            return "https";
        return is_probed(scheme) ? scheme : "tcp";
    }
    return "tcp";
}

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool good = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                    c == '.' || c == '-' || c == '_';
        if (!good)
            return false;
    }
    return s.n > 0 && s.n <= 250;
}

static bool is_path(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '"')
            return false;
    return s.n > 0 && s.n < 500 && s.p[0] == '/';
}

const char *monit_url(struct monit *m, struct monit_text test, struct str host)
{
    int port = 0;
    double given;
    const char *scheme = scheme_of(test, &port);
    struct str named = monit_value(test, "host"), request = monit_value(test, "request");
    if (named.n > 0)
        host = named;
    if (monit_find(test, "url") < test.n) {
        struct str url = monit_value(test, "url");
        return str_starts(url, STR("http")) && is_path((struct str){"/", 1}) && import_is_line(url)
                   ? arena_strndup(m->arena, url.p, url.n)
                   : NULL;
    }
    if (monit_number(test, "port", &given) && given >= 1 && given <= 65535)
        port = (int)given;
    if (!is_host(host) || port == 0 || monit_find(test, "unixsocket") < test.n ||
        monit_find(test, "udp") < test.n)
        return NULL;
    bool web = strncmp(scheme, "http", 4) == 0;
    return arena_printf(m->arena, "%s://%.*s:%d%.*s", scheme, (int)host.n, host.p, port,
                        web && is_path(request) ? (int)request.n : 0,
                        request.n > 0 ? request.p : "");
}

/* --- parts of a check ----------------------------------------------------------------------------
 */

/* A regular expression as a pattern with * and ?: what is more than .* and . becomes *. */
static struct str pattern_of(struct str regex, struct arena *a)
{
    char *out = arena_alloc(a, regex.n + 3);
    size_t n = 0;
    bool from = regex.n > 0 && regex.p[0] == '^', to = regex.n > 0 && regex.p[regex.n - 1] == '$';
    if (!from)
        out[n++] = '*';
    for (size_t i = from; i < regex.n - to; i++) {
        char c = regex.p[i];
        if (c == '\\' && i + 1 < regex.n - to)
            out[n++] = regex.p[++i];
        else if (c == '.' && !(i + 1 < regex.n && strchr("*+", regex.p[i + 1]) != NULL))
            out[n++] = '.';
        else if (n > 0 && out[n - 1] == '*' && strchr(".*+?()[]{}|^$", c) != NULL)
            continue;
        else
            out[n++] = strchr(".*+?()[]{}|^$", c) != NULL && c != '\0' ? '*' : c;
    }
    if (!to && (n == 0 || out[n - 1] != '*'))
        out[n++] = '*';
    return (struct str){out, n};
}

static void set_program(struct monit *m, struct import_unit *u, struct monit_text t)
{
    struct str command = monit_value(t, "program");
    size_t as = monit_find(t, "uid");
    double seconds;
    if (command.n == 0)
        command = monit_value(t, t.n > 0 && monit_is(&t.at[0], "restart") ? "restart" : "start");
    if (node_get(u->doc, "command") != NULL)
        return; /* both start and restart: the first one */
    import_set_text(m->out, u, "command", command);
    if (as < t.n)
        import_set_text(m->out, u, "user", monit_value(t, "uid"));
    import_set_text(m->out, u, "group", monit_value(t, "gid"));
    if (monit_number(t, "timeout", &seconds))
        import_set_seconds(m->out, u, "start_timeout", seconds);
}

static void set_depends(struct monit *m, struct import_unit *u, struct monit_text t)
{
    for (size_t i = 1; i < t.n; i++) {
        if (monit_is(&t.at[i], "on") || monit_is(&t.at[i], ","))
            continue;
        /* Names become ids when all checks are known. */
        import_append(m->out, u, "requires", t.at[i].text);
    }
}

/* What an `if` does: the word behind `then`. */
static bool acts(struct monit_text t, const char *action)
{
    size_t i = monit_find(t, "then");
    return i + 1 < t.n && monit_is(&t.at[i + 1], action);
}

/* "for 3 cycles", "for 3 times within 5 cycles". */
static void set_failures(struct monit *m, struct import_unit *u, struct monit_text t)
{
    struct monit_text rest = t;
    double n;
    while (rest.n > 0) {
        size_t i = monit_find(rest, "for");
        rest = monit_after(rest, i);
        if (rest.n > 1 && str_to_f64(rest.at[0].text, &n, NULL) == 0 && n >= 1 && n <= 1000 &&
            (monit_is(&rest.at[1], "cycles") || monit_is(&rest.at[1], "times"))) {
            import_set(m->out, u, "monitor.health_failures", node_int(m->arena, (int64_t)n));
            return;
        }
    }
}

static bool set_health(struct monit *m, struct import_unit *u, struct monit_text t)
{
    const char *url = monit_url(m, t, STR("127.0.0.1"));
    double seconds;
    if (monit_find(t, "failed") == t.n || url == NULL || node_get(u->doc, "health") != NULL)
        return false;
    import_set_text(m->out, u, "health.url", str_of(url));
    set_failures(m, u, t);
    if (monit_number(t, "timeout", &seconds) && seconds <= m->cycle)
        import_set_seconds(m->out, u, "monitor.health_timeout", seconds);
    if (!acts(t, "restart")) {
        struct node at = monit_place(t);
        import_note(m->out, u, &at,
                    "the health probe replaces the program when it fails; Monit did not");
    }
    return true;
}

/* totalmem > 200 MB, memory usage > 200 MB; a share of the machine's has no counterpart. */
static bool set_memory(struct monit *m, struct import_unit *u, struct monit_text t)
{
    static const char *const words[] = {"totalmem", "totalmemory", "mem", "memory"};
    double n;
    size_t over = monit_find(t, ">");
    bool memory = false;
    for (size_t i = 0; i < array_len(words); i++)
        memory |= monit_find(t, words[i]) < over;
    struct monit_text rest = monit_after(t, over);
    if (!memory || rest.n < 2 || !acts(t, "restart"))
        return false;
    struct str number = rest.at[0].text, unit = rest.at[1].text;
    size_t digits = 0;
    while (digits < number.n && strchr("0123456789.", number.p[digits]) != NULL &&
           number.p[digits] != '\0')
        digits++;
    if (digits < number.n) {
        unit = (struct str){number.p + digits, number.n - digits};
        number.n = digits;
    }
    char letter = unit.n > 0 ? (char)(unit.p[0] & ~0x20) : '\0';
    if (str_to_f64(number, &n, NULL) != 0 || letter == '\0' || strchr("KMGB", letter) == NULL)
        return false;
    double factor = letter == 'K' ? 1024 : letter == 'M' ? 1048576 : letter == 'G' ? 1073741824 : 1;
    if (!(n * factor >= 1) || n * factor > 1e15)
        return false;
    import_set(m->out, u, "limits.watch_memory", node_int(m->arena, (int64_t)(n * factor)));
    return true;
}

/* if N restarts within M cycles then … */
static bool set_restarts(struct monit *m, struct import_unit *u, struct monit_text t)
{
    size_t i = monit_find(t, "restarts"), k = monit_find(t, "restart");
    double n;
    i = i < t.n ? i : k;
    if (i == 0 || i >= monit_find(t, "then") || str_to_f64(t.at[i - 1].text, &n, NULL) != 0 ||
        !(n >= 1 && n <= 100000))
        return false;
    struct node at = monit_place(t);
    import_set(m->out, u, "monitor.max_restarts", node_int(m->arena, (int64_t)n));
    import_note(m->out, u, &at, "\"%s\": max_restarts counts those of an hour",
                monit_show(t, m->arena));
    return true;
}

static void take_if(struct monit *m, struct import_unit *u, struct monit_text t)
{
    if (set_restarts(m, u, t) || set_health(m, u, t) || set_memory(m, u, t))
        return;
    bool dead = monit_find(t, "exist") < t.n || monit_find(t, "exists") < t.n;
    struct node at = monit_place(t);
    if (!dead || !(acts(t, "restart") || acts(t, "start")))
        import_note(m->out, u, &at, "no counterpart, left out: %s", monit_show(t, m->arena));
}

static void take_every(struct monit *m, struct import_unit *u, struct monit_text t)
{
    double n;
    if (t.n > 1 && str_to_f64(t.at[1].text, &n, NULL) == 0 && n >= 1 && n * m->cycle <= 86400)
        import_set_seconds(m->out, u, "monitor.check_interval", n * m->cycle);
}

static void take_statement(struct monit *m, struct import_unit *u, struct monit_text t)
{
    const struct monit_word *first = &t.at[0];
    struct node at = monit_place(t);
    if (monit_is(first, "start") || monit_is(first, "restart"))
        set_program(m, u, t);
    else if (monit_is(first, "stop"))
        import_note(m->out, u, &at, "it is stopped by its stop_signal, not by \"%.*s\"",
                    SHOW(monit_value(t, "program")));
    else if (monit_is(first, "depends"))
        set_depends(m, u, t);
    else if (monit_is(first, "group"))
        import_set_text(m->out, u, "type", monit_value(t, "group"));
    else if (monit_is(first, "every"))
        take_every(m, u, t);
    else if (monit_is(first, "if"))
        take_if(m, u, t);
    else if (monit_is(first, "mode") && !str_eqz(monit_value(t, "mode"), "active"))
        import_set(m->out, u, "monitor.enable", node_bool(m->arena, false));
    else if (monit_is(first, "onreboot") && str_eqz(monit_value(t, "onreboot"), "nostart"))
        import_set(m->out, u, "autostart", node_bool(m->arena, false));
    else if (!monit_is(first, "mode") && !monit_is(first, "onreboot"))
        import_note(m->out, u, &at, "no counterpart, left out: %s", monit_show(t, m->arena));
}

/* Without a start program Monit could only tell. */
static void settle_command(struct monit *m, struct import_unit *u, const struct node *at)
{
    if (node_get(u->doc, "command") != NULL)
        return;
    import_set_text(m->out, u, "command", STR("/bin/true"));
    import_set(m->out, u, "monitor.enable", node_bool(m->arena, false));
    import_note(m->out, u, at, "there was no start program: it is watched, and not started again");
}

void monit_check_process(struct monit *m, struct monit_text check)
{
    struct monit_text rest = check, head = monit_statement(&rest);
    struct node at = monit_place(check);
    struct str name = monit_value(head, "process"), pid = monit_value(head, "pidfile");
    struct import_unit *u = import_unit_add(m->out, name, false, &at);
    if (pid.n == 0)
        pid = monit_value(head, "pid");
    for (struct monit_text more = rest; more.n > 0;) {
        struct monit_text one = monit_statement(&more);
        if (monit_is(&one.at[0], "start"))
            set_program(m, u, one); /* first of all: it stands on top */
    }
    if (pid.n > 0)
        import_set_text(m->out, u, "adopt.pid_file", pid);
    else
        import_set_text(m->out, u, "adopt.name",
                        pattern_of(monit_value(head, "matching"), m->arena));
    while (rest.n > 0)
        take_statement(m, u, monit_statement(&rest));
    settle_command(m, u, &at);
}
