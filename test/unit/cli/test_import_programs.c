/* Importers of other supervisors: the files in test/import become exactly the golden test/import/NAME.yaml, and load;
 * texts in tables become the option that they should. BELFRY_GOLDEN=write writes the goldens anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/import_systemd.h"
#include "config/process.h"
#include "imported.h"

typedef int texts_fn(const struct import_file *files, size_t n, struct buf *yaml,
                     struct problems *p, struct err *err);

static struct imported from_texts(texts_fn *run, const struct import_file *files, size_t n)
{
    struct imported t = imported_begin();
    struct err err = {0};
    if (run(files, n, &t.yaml, &t.problems, &err) != 0)
        fail_msg("%s", err.msg);
    imported_load(&t);
    return t;
}

static struct imported from_text(texts_fn *run, const char *name, const char *text)
{
    return from_texts(run, &(struct import_file){name, str_of(text)}, 1);
}

static const struct process_config *unit(const struct imported *t, const char *id)
{
    for (uint32_t i = 0; i < t->c->n_units; i++)
        if (streq(t->c->units[i].config->id, id))
            return t->c->units[i].config;
    fail_msg("there is no unit %s in\n%s", id, t->yaml.data);
    return NULL;
}

static const char *variable(const struct process_config *c, const char *name)
{
    for (size_t i = 0; i < c->environment.n; i++)
        if (streq(c->environment.at[i].key, name))
            return c->environment.at[i].value;
    return NULL;
}

/* --- goldens -------------------------------------------------------------------------------------
 */

static void check_golden(const char *name, int (*run)(const char *path, struct buf *yaml,
                                                      struct problems *p, struct err *err))
{
    const char *data = getenv("BELFRY_TEST_DATA");
    struct imported t = imported_begin();
    struct err err = {0};
    char path[4096];
    snprintf(path, sizeof(path), "%s/import/%s", data != NULL ? data : "test", name);
    assert_int_equal(chdir(path), 0); /* no path of this machine is in the text */
    assert_int_equal(run(".", &t.yaml, &t.problems, &err), 0);
    imported_load(&t);
    snprintf(path, sizeof(path), "../%s.yaml", name);
    imported_golden(&t, path);
    assert_int_equal(chdir("/"), 0);
    imported_end(&t);
}

static void test_goldens(void **state)
{
    char *here = getcwd(NULL, 0);
    check_golden("supervisor", import_supervisor);
    assert_int_equal(chdir(here), 0);
    check_golden("systemd", import_systemd);
    assert_int_equal(chdir(here), 0);
    check_golden("monit", import_monit);
    assert_int_equal(chdir(here), 0);
    free(here);
}

/* --- supervisord ---------------------------------------------------------------------------------
 */

static void test_supervisor(void **state)
{
    struct imported t = from_text(
        import_supervisor_texts, "/etc/supervisor/supervisord.conf",
        "[supervisord]\nenvironment=A=1,B='two, three'\n"
        "[program:api]\n"
        "command=%(here)s/api --port 80%(process_num)02d ; the port\n"
        "numprocs=3\nnumprocs_start=5\nenvironment=B=\"x;y\",C=\"$D\"\n"
        "[program:pool]\ncommand=/bin/pool\nprocess_name=%(program_name)s_%(process_num)d\n"
        "numprocs=4\nautorestart=true\nstdout_logfile_backups=0\n"
        "[program:status]\ncommand=/bin/s\nstopsignal=SIGQUIT\nstartsecs=120\n");
    assert_int_equal(t.c->n_units, 8);
    const struct process_config *c = unit(&t, "api-6");
    assert_string_equal(c->command.at[0], "/etc/supervisor/api");
    assert_string_equal(c->command.at[2], "8006");
    assert_int_equal(c->restart, PROCESS_RESTART_ON_FAILURE);
    assert_string_equal(variable(c, "A"), "1");
    assert_string_equal(variable(c, "B"), "x;y");
    assert_string_equal(variable(c, "C"), "$D");
    assert_true(c->monitor.enable);
    c = unit(&t, "pool-4");
    assert_int_equal(c->restart, PROCESS_RESTART_ALWAYS);
    assert_int_equal(c->output.keep, 1);
    c = unit(&t, "status-2"); /* "status" is an address of the API */
    assert_int_equal(c->start_ms, 120000);
    assert_int_equal(c->start_timeout_ms, 240000);
    imported_end(&t);
}

static void test_supervisor_faults(void **state)
{
    struct imported t =
        from_text(import_supervisor_texts, "a.conf",
                  "[program:x]\ncommand=/bin/x\numask=9\nuser=a\ndirectory=tmp\n"
                  "[program:none]\nuser=b\n[fcgi-program:f]\ncommand=/bin/f\nnonsense\n");
    assert_int_equal(t.c->n_units, 1);
    assert_string_equal(unit(&t, "x")->umask, "");
    assert_true(imported_told(&t, "umask: left out"));
    assert_true(imported_told(&t, "directory: left out"));
    assert_true(imported_told(&t, "none is left out"));
    assert_true(imported_told(&t, "[fcgi-program:f]"));
    assert_true(imported_told(&t, "want key=value"));
    imported_end(&t);
}

/* --- systemd -------------------------------------------------------------------------------------
 */

static void test_spans(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"90", 90},      {"1min 30s", 90},  {"500ms", 0.5}, {"2h", 7200},
                 {"infinity", 0}, {"1h30min", 5400}, {"1.5s", 1.5},  {"", NAN},
                 {"soon", NAN},   {"5 parsecs", NAN}};
    for (size_t i = 0; i < array_len(cases); i++) {
        double got = systemd_span(str_of(cases[i].text));
        if (isnan(cases[i].seconds))
            assert_true(isnan(got));
        else
            assert_true(fabs(got - cases[i].seconds) < 1e-9);
    }
}

static void test_calendar(void **state)
{
    static const struct {
        const char *text, *cron, *zone;
    } cases[] = {
        {"daily", "0 0 * * *", ""},
        {"hourly", "0 * * * *", ""},
        {"weekly", "0 0 * * mon", ""},
        {"*-*-* 02:30", "30 2 * * *", ""},
        {"*-*-* 6,18:00", "0 6,18 * * *", ""},
        {"*:0/15", "0-59/15 * * * *", ""},
        {"*-*-* *:*:0/20", "0-59/20 * * * * *", ""},
        {"Mon..Fri 09:00", "0 9 * * mon-fri", ""},
        {"Sat,Sunday *-*-* 10:00:00 Asia/Shanghai", "0 10 * * sat,sun", "Asia/Shanghai"},
        {"*-*-01 04:00 UTC", "0 4 1 * *", "UTC"},
        {"12-24 18:00", "0 18 24 12 *", ""},
        {"Mon *-*-1..7 00:00", NULL, ""}, /* both: cron takes either */
        {"2027-01-01", NULL, ""},
        {"*-*~1", NULL, ""},
        {"25:00", NULL, ""},
        {"", NULL, ""},
        {"now and then", NULL, ""},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct str zone;
        const char *got = systemd_calendar(str_of(cases[i].text), &zone, a);
        if (cases[i].cron == NULL) {
            assert_null(got);
            continue;
        }
        assert_non_null(got);
        assert_string_equal(got, cases[i].cron);
        assert_true(str_eqz(zone, cases[i].zone));
    }
    assert_string_equal(systemd_every(900, a), "*/15 * * * *");
    assert_string_equal(systemd_every(7200, a), "0 */2 * * *");
    assert_null(systemd_every(420, a));
    assert_null(systemd_every(30, a));
    arena_free(a);
}

static void test_exec(void **state)
{
    static const struct {
        const char *line, *first, *second;
        bool shell;
    } cases[] = {
        {"/bin/a b", "/bin/a", "b", false},
        {"@/bin/a zero 'b c'", "/bin/a", "b c", false},
        {"/bin/a \"x \\\"y\\\"\"", "/bin/a", "x \"y\"", false},
        {"/bin/a \"\"", "/bin/a", "", false},
        {":/bin/a $B", "/bin/a", "$B", false},
        {"/bin/a $B", "exec /bin/a $B", NULL, true},
        {"/bin/a ${B}/c 'd e'", "exec /bin/a \"${B}/c\" 'd e'", NULL, true},
        {"/bin/a $$B", "exec /bin/a \"\\$B\"", NULL, true},
        {"-/bin/a", "{ /bin/a || true; }", NULL, true},
        {"/bin/a ; /bin/b", "/bin/a && /bin/b", NULL, true},
        {"/bin/a %i %p %% %n", "/bin/a", "7", false},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[300];
        snprintf(text, sizeof(text), "[Service]\nExecStart=%s\n", cases[i].line);
        struct imported t = from_text(import_systemd_texts, "w@7.service", text);
        const struct process_config *c = unit(&t, "w-7");
        assert_string_equal(c->command.at[0], cases[i].first);
        assert_int_equal(c->shell, cases[i].shell);
        if (cases[i].second != NULL)
            assert_string_equal(c->command.at[1], cases[i].second);
        imported_end(&t);
    }
}

static void test_systemd_circle(void **state)
{
    const struct import_file files[] = {
        {"a.service", STR("[Unit]\nAfter=b.service\n[Service]\nExecStart=/bin/a\n")},
        {"b.service",
         STR("[Unit]\nRequires=a.service gone.service\n[Service]\nExecStart=/bin/b\n")},
        {"c.service", STR("[Unit]\nAfter=d.service\n[Service]\nExecStart=/bin/c\n")},
        {"d.service", STR("[Service]\nType=oneshot\n")},
        {"e.timer", STR("[Timer]\nOnCalendar=daily\n")},
    };
    struct imported t = from_texts(import_systemd_texts, files, array_len(files));
    assert_int_equal(t.c->n_units, 3);
    assert_true(imported_told(&t, "circle"));
    assert_true(imported_told(&t, "d is left out"));
    assert_true(imported_told(&t, "e.timer starts a service"));
    assert_int_equal(unit(&t, "c")->after.n, 0);
    imported_end(&t);
}

static void test_template(void **state)
{
    char dir[] = "/tmp/belfry-import-XXXXXX", path[100];
    static const char text[] = "[Service]\nExecStart=/bin/w --port %i\n";
    struct imported t = imported_begin();
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/w@.service", dir);
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, false, NULL), 0);
    char instance[100];
    snprintf(instance, sizeof(instance), "%s/w@8080.service", dir);
    assert_int_equal(import_systemd(instance, &t.yaml, &t.problems, &err), 0);
    imported_load(&t);
    assert_string_equal(unit(&t, "w-8080")->command.at[2], "8080");
    assert_int_equal(import_systemd("/nonexistent.service", &t.yaml, &t.problems, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    unlink(path);
    rmdir(dir);
    imported_end(&t);
}

/* --- Monit ---------------------------------------------------------------------------------------
 */

static void test_monit(void **state)
{
    struct imported t = from_text(
        import_monit_texts, "monitrc",
        "SET DAEMON 10\n"
        "check process \"my app\" matching '^/usr/bin/app( |$)'\n"
        "  start = \"/usr/bin/app -d\" as uid app and gid app\n"
        "  if failed port 8443 type tcpssl protocol http request \"/ok\" then restart\n"
        "  if failed port 9000 then alert\n"
        "  if memory usage > 2GB then restart\n"
        "  if memory > 50% then restart\n"
        "  if changed pid then exec \"/bin/mail -s 'stop it'\" else if succeeded then stop\n"
        "  depends on db and\n"
        "check program disk with path \"/bin/check disk\" if status != 0 then alert\n"
        "check process db with pidfile \"/run/db.pid\" start program \"/etc/init.d/db start\" mode manual\n");
    const struct process_config *c = unit(&t, "my-app");
    assert_string_equal(c->adopt.name, "/usr/bin/app* *");
    assert_string_equal(c->user, "app");
    assert_string_equal(node_get(c->health, "url")->text.p, "https://127.0.0.1:8443/ok");
    assert_int_equal(c->limits.watch_memory, 2147483648);
    assert_int_equal(c->monitor.check_interval_ms, 10000);
    assert_int_equal(c->requires.n, 1);
    assert_true(imported_told(&t, "if failed port 9000"));
    assert_true(imported_told(&t, "50%"));
    assert_true(imported_told(&t, "if changed pid"));
    bool probed = t.c->n_targets == 1; /* a build with that prober */
    assert_true(probed || imported_told(&t, "the target disk is left out"));
    c = unit(&t, "db");
    assert_string_equal(c->command.at[0], "/etc/init.d/db");
    assert_false(c->monitor.enable);
    imported_end(&t);
}

static void test_empty(void **state)
{
    texts_fn *const all[] = {import_supervisor_texts, import_systemd_texts, import_monit_texts};
    for (size_t i = 0; i < array_len(all); i++) {
        struct imported t = from_text(all[i], "empty.service", "");
        assert_true(t.c->n_units <= 1);
        imported_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_supervisor),
        cmocka_unit_test(test_supervisor_faults),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_systemd_circle),
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_monit),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
