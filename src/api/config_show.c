/* /api/v1/config: what is in force and where each value came from. /api/v1/crashes: the newest reports of Belfry's own
 * processes. For administrators: both name paths and commands; secrets are masked where the texts are made. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/hooks.h"

#define VALUES_MAX  20000
#define CRASHES_MAX 20

struct values {
    struct json json;
    uint64_t n;
};

static bool put_value(void *arg, const struct config_origin *o)
{
    struct values *v = arg;
    if (v->n >= VALUES_MAX)
        return false;
    json_obj(&v->json);
    json_kstr(&v->json, "path", o->path);
    json_kstr(&v->json, "value", o->value);
    json_kstr(&v->json, "from", o->file ? "file" : "default");
    if (o->file) {
        json_kstr(&v->json, "file", o->file);
        json_kuint(&v->json, "line", o->line);
        json_kuint(&v->json, "column", o->column);
    }
    json_end(&v->json);
    v->n++;
    return true;
}

/* The file as it is now: what a reload would bring, too. A file with faults is told of as a reload would. */
static void config_values(struct call *k)
{
    struct config_input in = {.path = core_config_path(k->api->core)};
    struct values v = {.json = call_json(k)};
    json_obj(&v.json);
    json_kstr(&v.json, "file", in.path);
    json_karr(&v.json, "items");
    if (config_origins(&in, core_config_hooks(), &k->problems, put_value, &v) != 0) {
        call_fail_code(
            k, ERR_INVALID,
            "the configuration on disk has problems; what was read before stays in force");
        return;
    }
    list_end(&v.json, v.n, 0);
    json_kbool(&v.json, "truncated", v.n >= VALUES_MAX);
    json_end(&v.json);
}

/* --- crash reports --- */

static int newer_first(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name); /* names begin with the time */
}

static int is_report(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && streq(e->d_name + n - 5, ".json");
}

static void put_crash(struct json *j, const char *dir, const char *name)
{
    char *path = path_join(dir, name);
    struct buf text = BUF_INIT(1 << 20);
    if (fs_read(path, &text, NULL) == 0 && text.len > 0) {
        json_obj(j);
        json_kstr(j, "file", name);
        json_key(j, "report");
        json_raw(j, text.data, text.len);
        json_end(j);
    }
    buf_done(&text);
    free(path);
}

static void crashes_list(struct call *k)
{
    char *dir = path_join(k->api->run_dir, "../crash");
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_report, newer_first);
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    for (int i = 0; i < n; i++) {
        if (i < CRASHES_MAX)
            put_crash(&j, dir, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    list_end(&j, n > 0 ? (uint64_t)n : 0, 0);
    json_end(&j);
    free(dir);
}

const struct route config_routes[] = {
    {"GET",
     "/api/v1/config",
     config_values,
     NULL,
     "system",
     {"The configuration, with where each value came from", "生效配置及来源"},
     0,
     SCOPE_ADMIN,
     NULL,
     true},
    {"GET",
     "/api/v1/crashes",
     crashes_list,
     NULL,
     "system",
     {"The newest crash reports", "最近的崩溃报告"},
     0,
     SCOPE_ADMIN,
     NULL,
     true},
    {0},
};
