/* The log: both formats, secrets, cutting, rotation and pruning, sinks. */
#include "unit.h"

#include <sys/stat.h>
#include <time.h>
#include <utime.h>

#include <jansson.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/log_priv.h"
#include "base/str.h"

static char dir[64] = "/tmp/belfry-log-XXXXXX";
static char file[128];

static int make_dir(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/group/monitor.log", dir);
    return 0;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

/* What the file holds; the file is removed. */
static struct buf contents(const char *path)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, "");
    assert_int_equal(fs_read(path, &b, NULL), 0);
    fs_unlink(path, NULL);
    return b;
}

static void open_log(enum log_format format, enum log_level level)
{
    struct err err = {0};
    struct log_config cfg = {.level = level, .format = format, .component = "core", .file = file};
    assert_int_equal(log_open(&cfg, &err), 0);
}

static json_t *only_line(const struct buf *b)
{
    assert_int_equal(b->data[b->len - 1], '\n');
    assert_ptr_equal(strchr(b->data, '\n'), b->data + b->len - 1);
    json_t *line = json_loads(b->data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    return line;
}

static void test_text(void **state)
{
    open_log(LOG_TEXT, LOG_INFO);
    log_debug("not enabled");
    log_warn("target is\ndown", F_STR("target", "a b"), F_INT("fails", 3), F_BOOL("ok", 0),
             F_F64("s", 0.25), F_STR("url", "http://a/b"), F_STR("none", NULL),
             F_STR("quote", "say \"x\"\n"), F_STR("api_token", "abc"));
    log_close();
    struct buf b = contents(file);
    assert_string_equal(b.data + 24,
                        " WARN core target is down target=\"a b\" fails=3 ok=false s=0.25 "
                        "url=http://a/b none=\"\" quote=\"say \\\"x\\\"\\n\" "
                        "api_token=********\n");
    assert_int_equal(b.data[23], 'Z');
    buf_done(&b);
}

static void test_json(void **state)
{
    open_log(LOG_JSON, LOG_DEBUG);
    log_debug("first 监控", F_STR("bad", "\xff"), F_INT("n", -1), F_STR("Password", "abc"),
              F_INT("secret_number", 42));
    log_close();
    struct buf b = contents(file);
    assert_memory_equal(b.data, "{\"timestamp\":\"20", 15);
    json_t *line = only_line(&b);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "debug");
    assert_string_equal(json_string_value(json_object_get(line, "message")), "first 监控");
    assert_string_equal(json_string_value(json_object_get(line, "component")), "core");
    assert_string_equal(json_string_value(json_object_get(line, "bad")), "\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_object_get(line, "Password")), "********");
    assert_string_equal(json_string_value(json_object_get(line, "secret_number")), "********");
    assert_int_equal(json_integer_value(json_object_get(line, "n")), -1);
    json_decref(line);
    buf_done(&b);
}

/* A line may have another component than its log, or none, and a field that is JSON. */
static void test_component(void **state)
{
    open_log(LOG_JSON, LOG_DEBUG);
    log_info("a", F_STR("component", "proxy"), F_JSON("config", "{\"check_interval\":30}"));
    log_close();
    struct buf b = contents(file);
    json_t *line = only_line(&b); /* no key twice */
    assert_string_equal(json_string_value(json_object_get(line, "component")), "proxy");
    json_t *config = json_object_get(line, "config");
    assert_int_equal(json_integer_value(json_object_get(config, "check_interval")), 30);
    json_decref(line);
    buf_done(&b);
    open_log(LOG_JSON, LOG_DEBUG);
    log_info("a", F_STR("component", NULL), F_INT("n", 1));
    log_close();
    b = contents(file);
    line = only_line(&b);
    assert_null(json_object_get(line, "component"));
    json_decref(line);
    buf_done(&b);
    open_log(LOG_TEXT, LOG_DEBUG);
    log_info("a", F_STR("component", "proxy"), F_JSON("config", "{\"n\":1}"));
    log_close();
    b = contents(file);
    assert_string_equal(b.data + 24, " INFO proxy a config=\"{\\\"n\\\":1}\"\n");
    buf_done(&b);
}

/* Whatever the length, a line stays one valid line. */
static void test_long_lines(void **state)
{
    static char text[20000];
    for (size_t n = 100; n < sizeof(text); n += 977) {
        memset(text, n % 2 ? '\x01' : 'x', n); /* six bytes when escaped, or one */
        text[n] = '\0';
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            open_log((enum log_format)format, LOG_INFO);
            log_info(text, F_STR("a", text), F_STR("b", text), F_STR("c", text), F_STR("d", text),
                     F_STR("e", text), F_INT("last", 1));
            log_close();
            struct buf b = contents(file);
            if (format == LOG_JSON) {
                json_t *line = only_line(&b);
                assert_true(json_object_get(line, "last") || json_object_get(line, "cut"));
                json_decref(line);
            }
            assert_true(b.len <= 8192);
            buf_done(&b);
        }
    }
}

static void day_name(char *name, size_t size, const char *path, int days_ago)
{
    time_t t = time(NULL) - (time_t)days_ago * 86400;
    struct tm tm;
    char date[16];
    localtime_r(&t, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    snprintf(name, size, "%s.%s", path, date);
}

static void touch(const char *path, const char *text, int days_ago)
{
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, false, NULL), 0);
    struct utimbuf times = {.actime = time(NULL), .modtime = time(NULL) - days_ago * 86400};
    assert_int_equal(utime(path, &times), 0);
}

/* A file that yesterday left is put away at the open; the very old are removed. */
static void test_rotation_at_open(void **state)
{
    char yesterday[160], old[160], recent[160], other[160];
    day_name(yesterday, sizeof(yesterday), file, 1);
    day_name(old, sizeof(old), file, 40);
    day_name(recent, sizeof(recent), file, 3);
    snprintf(other, sizeof(other), "%s.backup", file);
    touch(file, "from yesterday\n", 1);
    touch(old, "old\n", 40);
    touch(recent, "recent\n", 3);
    touch(other, "not ours\n", 400);
    struct log_file *f = log_file_open(file, 30, NULL);
    assert_non_null(f);
    struct buf b = contents(yesterday);
    assert_string_equal(b.data, "from yesterday\n");
    buf_done(&b);
    assert_false(fs_exists(old));
    assert_true(fs_exists(recent));
    assert_true(fs_exists(other));
    fs_unlink(recent, NULL);
    log_file_close(f);
    fs_unlink(file, NULL);
}

/* Two processes (here: two descriptors) with one file: both lines of the new day end up in it. */
static void test_rotation_at_midnight_shared(void **state)
{
    int64_t now = (int64_t)time(NULL) * 1000, tomorrow = now + 86400000;
    char archive[160];
    day_name(archive, sizeof(archive), file, 0);
    struct log_file *a = log_file_open(file, 0, NULL), *b = log_file_open(file, 0, NULL);
    assert_int_equal(log_file_write(a, "a1\n", 3, now), 0);
    assert_int_equal(log_file_write(b, "b1\n", 3, now), 0);
    assert_int_equal(log_file_write(a, "a2\n", 3, tomorrow), 0);
    assert_int_equal(log_file_write(b, "b2\n", 3, tomorrow), 0);
    log_file_close(a);
    log_file_close(b);
    struct buf old = contents(archive), new = contents(file);
    assert_string_equal(old.data, "a1\nb1\n");
    assert_string_equal(new.data, "a2\nb2\n");
    buf_done(&old);
    buf_done(&new);
}

static void test_rotation_keeps_existing_archive(void **state)
{
    int64_t now = (int64_t)time(NULL) * 1000;
    char archive[160], second[200];
    day_name(archive, sizeof(archive), file, 0);
    snprintf(second, sizeof(second), "%s.2", archive);
    touch(archive, "first\n", 0);
    struct log_file *f = log_file_open(file, 0, NULL);
    assert_int_equal(log_file_write(f, "x\n", 2, now), 0);
    assert_int_equal(log_file_write(f, "y\n", 2, now + 86400000), 0);
    log_file_close(f);
    struct buf b = contents(archive), c = contents(second);
    assert_string_equal(b.data, "first\n");
    assert_string_equal(c.data, "x\n");
    buf_done(&b);
    buf_done(&c);
    fs_unlink(file, NULL);
}

static void test_sink(void **state)
{
    struct err err = {0};
    char path[160];
    snprintf(path, sizeof(path), "%s/group/health.log", dir);
    open_log(LOG_JSON, LOG_INFO);
    struct log_sink *s = log_sink_open(path, 5, &err);
    assert_non_null(s);
    log_sink_write(s, LOG_INFO, "checked", (const struct log_field[]){F_INT("latency_ms", 4), {0}});
    log_sink_write(s, LOG_DEBUG, "hidden", NULL);
    log_sink_write(NULL, LOG_INFO, "nowhere", NULL);
    log_sink_close(s);
    log_sink_close(NULL);
    log_close();
    struct buf b = contents(path);
    json_t *line = only_line(&b);
    assert_int_equal(json_integer_value(json_object_get(line, "latency_ms")), 4);
    json_decref(line);
    buf_done(&b);
}

static void test_open_failure_keeps_the_old(void **state)
{
    struct err err = {0};
    open_log(LOG_TEXT, LOG_INFO);
    struct log_config bad = {.file = "/proc/nonexistent/x.log", .component = "other"};
    assert_int_equal(log_open(&bad, &err), -1);
    assert_non_null(strstr(err.msg, "/proc/nonexistent"));
    log_info("still here");
    log_close();
    struct buf b = contents(file);
    assert_non_null(strstr(b.data, "INFO core still here\n"));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_component),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_rotation_at_open),
        cmocka_unit_test(test_rotation_at_midnight_shared),
        cmocka_unit_test(test_rotation_keeps_existing_archive),
        cmocka_unit_test(test_sink),
        cmocka_unit_test(test_open_failure_keeps_the_old),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
