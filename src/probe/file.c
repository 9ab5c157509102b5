/* file: is a file there, of the right age and size, and what does its end say? A pattern of a shell (backup-*.tar.gz) means the newest
 * that fits. Everything that touches the file runs on the pool of threads: its file system may hang. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/fiber.h"
#include "probe/digest.h"
#include "probe/facts.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/url.h"

#define SUM_MAX   ((size_t)64 << 20)
#define NAMES_MAX 10000

struct file_expect {
    bool exists;
    int64_t max_age_ms, min_age_ms, min_size, max_size, min_files, max_files;
    const char *contains, *not_contains, *sha256;
    int64_t min_matches, max_matches, tail;
    struct pattern *want, *unwanted; /* compiled */
};

struct file_config {
    const char *path;
    struct file_expect expect;
};

#define EXPECT(field) offsetof(struct file_expect, field)

static const struct option expect_options[] = {
    {"exists", OPT_BOOL, EXPECT(exists), .def = "true",
     .help = {"Whether there is to be such a file; false: it must not be there.",
              "文件应存在；false 表示不应存在。"}},
    {"max_age", OPT_DURATION, EXPECT(max_age_ms), .example = "26h",
     .help = {"It was written no longer ago than that.", "距最后修改不得超过此时间。"}},
    {"min_age", OPT_DURATION, EXPECT(min_age_ms),
     .help = {"It was not written within this time.", "在此时间内不应被修改。"}},
    {"min_size", OPT_SIZE, EXPECT(min_size), .example = "1MiB",
     .help = {"At least so large.", "最小大小。"}},
    {"max_size", OPT_SIZE, EXPECT(max_size), .help = {"At most so large.", "最大大小。"}},
    {"min_files", OPT_INT, EXPECT(min_files), .min = 0, .max = NAMES_MAX, .advanced = true,
     .help = {"With a pattern: so many files fit it at least.", "通配时：至少匹配的文件数。"}},
    {"max_files", OPT_INT, EXPECT(max_files), .min = 0, .max = NAMES_MAX, .advanced = true,
     .help = {"With a pattern: so many at most, as in a queue's folder.",
              "通配时：最多匹配的文件数，如队列目录。"}},
    {"contains", OPT_STRING, EXPECT(contains), .max = 2000,
     .help = {"Regular expression that lines at the file's end must match.",
              "文件末尾必须有行匹配的正则表达式。"}},
    {"min_matches", OPT_INT, EXPECT(min_matches), .def = "1", .min = 1, .max = 1e9,
     .advanced = true, .help = {"So many lines at least.", "至少匹配的行数。"}},
    {"not_contains", OPT_STRING, EXPECT(not_contains), .max = 2000, .example = "ERROR|FATAL",
     .help = {"Regular expression that lines at the file's end must not match.",
              "文件末尾不得有行匹配的正则表达式。"}},
    {"max_matches", OPT_INT, EXPECT(max_matches), .def = "0", .min = 0, .max = 1e9,
     .advanced = true,
     .help = {"So many lines may match not_contains all the same.",
              "允许匹配 not_contains 的行数。"}},
    {"tail", OPT_SIZE, EXPECT(tail), .def = "64KiB", .min = 1, .max = 16.0 * (1 << 20),
     .advanced = true,
     .help = {"How much of the file's end is read for that.", "为此读取的末尾长度。"}},
    {"sha256", OPT_STRING, EXPECT(sha256), .min = 64, .max = 64, .advanced = true,
     .help = {"Its checksum, for files of at most 64 MiB.", "校验和；文件不超过 64 MiB。"}},
    OPTION_END,
};

static const struct option file_options[] = {
    {"path", OPT_STRING, offsetof(struct file_config, path), .required = true, .max = 4000,
     .example = "/var/backups/db-*.tar.gz",
     .help = {"Absolute path; with *, ? or [ ]: the newest file that fits.",
              "绝对路径；含 *、? 或 [ ] 时取最新的匹配文件。"}},
    {"expect", OPT_SECTION, offsetof(struct file_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *file_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    if (*u.host || *u.path != '/') {
        err_set(err, ERR_MALFORMED, "not a file: got \"%.100s\"; want file:///path", text);
        return NULL;
    }
    struct node *map = node_map(a), *expect = node_map(a);
    if (url_query_into(&u, expect, a, err) != 0)
        return NULL;
    node_put(map, a, "path", node_text(a, u.path));
    if (expect->count)
        node_put(map, a, "expect", expect);
    return map;
}

static void file_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct file_config *c = config;
    const char *expect = arena_printf(a, "%s%sexpect", path, *path ? "." : "");
    if (*c->path != '/')
        problem_add(p, NULL, arena_printf(a, "%s%spath", path, *path ? "." : ""),
                    "got \"%.100s\"; want an absolute path", c->path);
    c->expect.want = pattern_compile_option(c->expect.contains, a, p, expect, "contains");
    c->expect.unwanted =
        pattern_compile_option(c->expect.not_contains, a, p, expect, "not_contains");
}

static void file_describe(const void *config, struct buf *out)
{
    const struct file_config *c = config;
    must(c->path != NULL);
    buf_puts(out, c->path);
}

/* --- looking, on the pool --- */

struct looking {
    const struct file_config *config;
    char path[4096]; /* of the newest */
    struct stat st;
    size_t n_files;
    int error;       /* errno of what failed; ENOENT: there is none */
    struct buf tail; /* its end, when patterns want it */
    bool has_sum;
    char sum[2 * DIGEST_MAX + 1];
    struct err err; /* of the checksum */
};

static bool is_pattern(const char *path)
{
    return strpbrk(path, "*?[") != NULL;
}

static void find_newest(struct looking *l)
{
    glob_t g = {0};
    int rc = glob(l->config->path, GLOB_NOSORT, NULL, &g);
    l->error = ENOENT;
    for (size_t i = 0; rc == 0 && i < g.gl_pathc && i < NAMES_MAX; i++) {
        struct stat st;
        if (stat(g.gl_pathv[i], &st) != 0 || S_ISDIR(st.st_mode) ||
            strlen(g.gl_pathv[i]) >= sizeof(l->path))
            continue;
        bool newer = l->n_files == 0 || st.st_mtim.tv_sec > l->st.st_mtim.tv_sec ||
                     (st.st_mtim.tv_sec == l->st.st_mtim.tv_sec &&
                      st.st_mtim.tv_nsec > l->st.st_mtim.tv_nsec);
        l->n_files++;
        if (!newer)
            continue;
        l->st = st;
        l->error = 0;
        memcpy(l->path, g.gl_pathv[i], strlen(g.gl_pathv[i]) + 1);
    }
    globfree(&g);
}

static void find_one(struct looking *l)
{
    size_t n = strlen(l->config->path);
    must(n < sizeof(l->path));
    memcpy(l->path, l->config->path, n + 1);
    l->error = stat(l->path, &l->st) == 0 ? 0 : errno;
    l->n_files = l->error == 0;
}

static void read_tail(struct looking *l)
{
    const struct file_expect *e = &l->config->expect;
    cleanup(fd_closep) int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    off_t from = l->st.st_size > e->tail ? l->st.st_size - e->tail : 0;
    char chunk[16384];
    if (fd < 0) {
        l->error = errno;
        return;
    }
    while (l->tail.len < (size_t)e->tail) {
        ssize_t n = pread(fd, chunk, sizeof(chunk), from);
        if (n <= 0)
            break;
        size_t room = (size_t)e->tail - l->tail.len;
        buf_add(&l->tail, chunk, (size_t)n < room ? (size_t)n : room);
        from += n;
    }
}

static void sum_up(struct looking *l)
{
    struct buf all = BUF_INIT(SUM_MAX), text = BUF_FIXED(l->sum);
    uint8_t sum[DIGEST_MAX];
    if (fs_read_regular(l->path, &all, &l->err) == 0) {
        digest_of(DIGEST_SHA256, all.data ? all.data : "", all.len, sum);
        hex_encode(&text, sum, digest_size(DIGEST_SHA256));
        l->has_sum = true;
    }
    buf_done(&all);
}

static void look(void *arg)
{
    struct looking *l = arg;
    const struct file_expect *e = &l->config->expect;
    if (is_pattern(l->config->path))
        find_newest(l);
    else
        find_one(l);
    if (l->error || !e->exists)
        return;
    if ((e->want || e->unwanted) && S_ISREG(l->st.st_mode))
        read_tail(l);
    if (e->sha256 && *e->sha256)
        sum_up(l);
}

/* --- judging --- */

static double age_s(const struct looking *l)
{
    double written = (double)l->st.st_mtim.tv_sec + (double)l->st.st_mtim.tv_nsec / 1e9;
    return (double)clock_wall_ms() / 1000 - written;
}

static const char *age_text(struct arena *a, double s)
{
    if (s < 120)
        return arena_printf(a, "%.0f s", s);
    if (s < 7200)
        return arena_printf(a, "%.0f min", s / 60);
    return s < 48 * 3600 ? arena_printf(a, "%.1f h", s / 3600)
                         : arena_printf(a, "%.1f days", s / 86400);
}

static void judge_age(const struct looking *l, struct result *r)
{
    const struct file_expect *e = &l->config->expect;
    double age = age_s(l);
    must(l->error == 0);
    if (e->max_age_ms && age * 1000 > (double)e->max_age_ms)
        result_fail(r, "%s was written %s ago; want at most %s", l->path, age_text(r->arena, age),
                    age_text(r->arena, (double)e->max_age_ms / 1000));
    if (e->min_age_ms && age * 1000 < (double)e->min_age_ms)
        result_fail(r, "%s was written %s ago; want at least %s", l->path, age_text(r->arena, age),
                    age_text(r->arena, (double)e->min_age_ms / 1000));
}

static void judge_size(const struct looking *l, struct result *r)
{
    const struct file_expect *e = &l->config->expect;
    double size = (double)l->st.st_size;
    char have[BYTES_TEXT], want[BYTES_TEXT];
    if (e->min_size && size < (double)e->min_size)
        result_fail(r, "%s has %s; want at least %s", l->path, bytes_text(size, have),
                    bytes_text((double)e->min_size, want));
    if (e->max_size && size > (double)e->max_size)
        result_fail(r, "%s has %s; want at most %s", l->path, bytes_text(size, have),
                    bytes_text((double)e->max_size, want));
    if (e->min_files && (int64_t)l->n_files < e->min_files)
        result_fail(r, "%zu files fit %s; want at least %lld", l->n_files, l->config->path,
                    (long long)e->min_files);
    if (e->max_files && (int64_t)l->n_files > e->max_files)
        result_fail(r, "%zu files fit %s; want at most %lld", l->n_files, l->config->path,
                    (long long)e->max_files);
}

/* How many lines match; *last is the last of them. -1: the pattern takes too long. */
static int64_t count_matches(const struct looking *l, const struct pattern *p, struct str *last,
                             struct err *err)
{
    struct str rest = {l->tail.data, l->tail.len}, line;
    int64_t n = 0;
    while (rest.n && str_next(&rest, '\n', &line)) {
        int rc = pattern_match(p, line.p, line.n, err);
        if (rc < 0)
            return -1;
        n += rc;
        *last = rc ? line : *last;
    }
    return n;
}

static void judge_lines(const struct looking *l, struct result *r)
{
    const struct file_expect *e = &l->config->expect;
    struct err err = {0};
    struct str last = {"", 0};
    int64_t good = e->want ? count_matches(l, e->want, &last, &err) : e->min_matches;
    int64_t bad = e->unwanted && good >= 0 ? count_matches(l, e->unwanted, &last, &err) : 0;
    if (good < 0 || bad < 0) {
        result_fail_err(r, &err);
        return;
    }
    if (good < e->min_matches)
        result_fail(r, "%s: %lld lines match \"%.80s\" at its end; want %lld", l->path,
                    (long long)good, e->contains, (long long)e->min_matches);
    if (bad > e->max_matches)
        result_fail(r, "%s: %lld lines match \"%.80s\" at its end, the last: %.*s", l->path,
                    (long long)bad, e->not_contains, (int)utf8_cut(last.p, last.n, 200), last.p);
    if (e->want || e->unwanted)
        result_metric(r, "probe_file_matches", (double)(e->unwanted ? bad : good));
}

static void judge(const struct looking *l, struct result *r)
{
    const struct file_expect *e = &l->config->expect;
    char size[BYTES_TEXT];
    result_metric(r, "probe_file_exists", l->error == 0);
    if (is_pattern(l->config->path))
        result_metric(r, "probe_file_count", (double)l->n_files);
    if (l->error && !(l->error == ENOENT && !e->exists)) {
        if (l->error == ENOENT)
            result_fail(r, "there is no file %s", l->config->path);
        else
            result_fail(r, "%s: %s", l->path, strerror(l->error));
        return;
    }
    if (!e->exists) {
        if (l->error == 0)
            result_fail(r, "%s is there; want none", l->path);
        result_ok(r, "there is no file %s", l->config->path);
        return;
    }
    result_metric(r, "probe_file_mtime_seconds", (double)l->st.st_mtim.tv_sec);
    result_metric(r, "probe_file_age_seconds", age_s(l));
    result_metric(r, "probe_file_size_bytes", (double)l->st.st_size);
    judge_age(l, r);
    judge_size(l, r);
    judge_lines(l, r);
    must(!l->has_sum || e->sha256 != NULL);
    if (e->sha256 && *e->sha256 && !l->has_sum)
        result_fail_err(r, &l->err);
    else if (l->has_sum && strcasecmp(l->sum, e->sha256) != 0)
        result_fail(r, "%s has the SHA-256 %s; want %s", l->path, l->sum, e->sha256);
    result_ok(r, "%s: %s, written %s ago", l->path, bytes_text((double)l->st.st_size, size),
              age_text(r->arena, age_s(l)));
}

static void file_run(struct probe *p, struct result *r)
{
    const struct file_config *c = p->config;
    struct looking *l = arena_new_of(p->arena, struct looking);
    l->config = c;
    buf_init(&l->tail, (size_t)c->expect.tail + 1);
    io_blocking(look, l);
    judge(l, r);
    buf_done(&l->tail);
}

static const char *const file_schemes[] = {"file", NULL};

const struct prober_ops file_prober = {
    .type = "file",
    .kind = PROBER_HOST,
    .title = {"File", "文件"},
    .help = {"A file of Belfry's own machine: there, fresh, of the right size, without errors at "
             "its end.",
             "Belfry 所在机器上的文件：存在、够新、大小合适、末尾没有错误。"},
    .schemes = file_schemes,
    .options = file_options,
    .config_size = sizeof(struct file_config),
    .from_url = file_from_url,
    .validate = file_validate,
    .describe = file_describe,
    .run = file_run,
};
