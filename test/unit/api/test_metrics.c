/* /metrics: both text forms hold together: each family's lines in one block, HELP and TYPE once, labels escaped, no label
 * twice, counters named as the form wants them. */
#include "api_unit.h"

#include "api/metrics_self.h"

static void escaping(void **state)
{
    struct buf out = BUF_INIT(1000);
    metrics_escape(&out, "a\\b\"c\nd 中");
    buf_putc(&out, '\0');
    assert_string_equal(out.data, "a\\\\b\\\"c\\nd 中");
    buf_clear(&out);
    label_name_clean(&out, "9-lives.of a中");
    buf_putc(&out, '\0');
    assert_string_equal(out.data, "_9_lives_of_a___");
    buf_done(&out);
}

/* The family that a line belongs to, into name. */
static void family_of(const char *line, char *name, size_t size)
{
    const char *from = line;
    if (strncmp(line, "# TYPE ", 7) == 0 || strncmp(line, "# HELP ", 7) == 0)
        from += 7;
    snprintf(name, size, "%.*s", (int)strcspn(from, "{ "), from);
}

static void check_text(char *text, bool openmetrics)
{
    char *seen[600], family[200] = "", type[40] = "";
    size_t n = 0;
    for (char *line = strtok_r(text, "\n", &text); line; line = strtok_r(NULL, "\n", &text)) {
        char name[200];
        if (strcmp(line, "# EOF") == 0) {
            assert_true(openmetrics && (!text || !*text));
            break;
        }
        family_of(line, name, sizeof(name));
        bool counter_line = openmetrics && strcmp(type, "counter") == 0 && *line != '#';
        size_t len = strlen(name);
        if (counter_line) {
            assert_true(len > 6 && strcmp(name + len - 6, "_total") == 0);
            name[len - 6] = '\0';
        }
        if (strcmp(name, family) != 0) {
            for (size_t i = 0; i < n; i++)
                if (strcmp(seen[i], name) == 0)
                    fail_msg("the lines of %s are not together", name);
            assert_true(n < array_len(seen));
            seen[n++] = strdup(name);
            snprintf(family, sizeof(family), "%s", name);
            assert_true(*line == '#'); /* HELP or TYPE first */
            *type = '\0';
        }
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_true(*type == '\0'); /* once */
            snprintf(type, sizeof(type), "%s", strrchr(line, ' ') + 1);
        } else if (*line != '#') {
            assert_true(*type);
            const char *value = strrchr(line, ' ') + 1;
            char *end;
            strtod(value, &end);
            if (*end)
                fail_msg("not a number: %s", line);
        }
    }
    while (n)
        free(seen[--n]);
}

static void both_forms(void **state)
{
    struct service s;
    memset(&s, 0, sizeof(s));
    bed_init(&s.bed);
    bed_config(
        &s.bed,
        "groups:\n  - name: g\n    targets:\n"
        "      - {name: 'a \"b\" \\c', url: 'tcp://127.0.0.1:1', labels: {env: x, phase: z}}\n"
        "      - {name: b, url: 'tcp://127.0.0.1:2'}\n"
        "      - {name: c, url: 'tcp://127.0.0.1:3', enabled: false}\n");
    service_open(&s);
    service_result(&s, "a \"b\" \\c", true);
    service_result(&s, "b", false);
    struct reply r = get(&s, "/metrics");
    assert_non_null(strstr(r.head, "text/plain; version=0.0.4"));
    const char *line = strstr(r.body, "probe_success{target=\"a \\\"b\\\" \\\\c\"");
    assert_non_null(line);
    char *copy = arena_strndup(s.arena, line, strcspn(line, "\n"));
    assert_true(strstr(copy, "env=\"x\"") && !strstr(copy, "phase=")); /* ours where it occurs */
    assert_null(strstr(r.body, "target=\"c\""));
    check_text(arena_strdup(s.arena, r.body), false);
    r = ask(&s, "GET", "/metrics",
            "Host: localhost\r\nAccept: application/openmetrics-text; version=1.0.0\r\n", NULL);
    assert_non_null(strstr(r.head, "application/openmetrics-text; version=1.0.0"));
    size_t n = strlen(r.body);
    assert_true(n > 6 && strcmp(r.body + n - 6, "# EOF\n") == 0);
    check_text(arena_strdup(s.arena, r.body), true);
    service_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(escaping), cmocka_unit_test(both_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
