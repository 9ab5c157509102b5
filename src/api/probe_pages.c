/* What blackbox_exporter shows beside /probe: the last probes, one's debug output, the modules in force. Its own addresses are
 * /logs, /config and /; the latter two are Belfry's page here, so all three stand under /blackbox, and /logs too. */
#include "api/api_priv.h"
#include "api/probe_history.h"
#include "base/clock.h"
#include "base/str.h"
#include "probe/blackbox.h"
#include "status/escape.h"
#include "status/form.h"

struct words {
    const char *lang, *title, *columns[6], *success, *failure, *log, *config, *none;
};
static const struct words english = {
    "en",
    "Last probes of /probe",
    {"Number", "Time", "Module", "Target", "Result", "Log"},
    "success",
    "failure",
    "log",
    "Modules in force",
    "None since Belfry started.",
};
static const struct words chinese = {
    "zh",
    "/probe 最近的探测",
    {"编号", "时间", "模块", "目标", "结果", "日志"},
    "成功",
    "失败",
    "日志",
    "生效的模块",
    "Belfry 启动以来还没有。",
};

static void put_row(struct buf *out, const struct words *w, const struct past_probe *p)
{
    char when[40];
    buf_printf(out, "<tr><td>%llu<td>%s<td>", (unsigned long long)p->id,
               time_format(p->at_ms, when));
    put_escaped(out, p->module);
    buf_puts(out, "<td>");
    put_escaped(out, p->target);
    buf_printf(out, "<td>%s<td><a href=\"/blackbox/logs?id=%llu\">%s</a></tr>\n",
               p->success ? w->success : w->failure, (unsigned long long)p->id, w->log);
}

void probe_page(struct call *k)
{
    size_t n;
    bool zh = prefers_chinese(http_req_header(k->req, "Accept-Language"));
    const struct words *w = zh ? &chinese : &english;
    const struct past_probe *list = probe_history_list(k->api->history, k->arena, &n);
    struct buf *out = &k->resp->body;
    k->resp->content_type = "text/html; charset=utf-8";
    http_resp_header(k->resp, "Vary", "Accept-Language");
    http_resp_header(k->resp, "Cache-Control", "no-store");
    buf_printf(out,
               "<!DOCTYPE html>\n<html lang=\"%s\"><meta charset=\"utf-8\"><title>%s</title>\n"
               "<h1>%s</h1>\n<p><a href=\"/blackbox/config\">%s</a></p>\n",
               w->lang, w->title, w->title, w->config);
    buf_puts(out, n ? "<table border=\"1\"><tr>" : "<p>");
    for (size_t i = 0; n && i < array_len(w->columns); i++)
        buf_printf(out, "<th>%s", w->columns[i]);
    buf_puts(out, n ? "</tr>\n" : w->none);
    for (size_t i = 0; i < n; i++)
        put_row(out, w, &list[i]);
    buf_puts(out, n ? "</table></html>\n" : "</p></html>\n");
}

static void plain(struct call *k, int status, const char *text)
{
    k->resp->status = status;
    k->resp->content_type = "text/plain; charset=utf-8";
    http_resp_header(k->resp, "Cache-Control", "no-store");
    buf_puts(&k->resp->body, text);
}

void probe_logs(struct call *k)
{
    struct past_probe p;
    uint64_t id = 0;
    const char *text = http_req_query(k->req, "id"), *target = http_req_query(k->req, "target");
    if (text && *text && (str_to_u64(str_of(text), &id, NULL) != 0 || id == 0))
        plain(k, 400, "Invalid probe id\n");
    else if (!id && !(target && *target))
        plain(k, 400, "want id=NUMBER, or target=TARGET and perhaps module=NAME\n");
    else if (!probe_history_find(k->api->history, id, target, http_req_query(k->req, "module"),
                                 k->arena, &p))
        plain(k, 404, "Probe not found: the last ones are at /blackbox\n");
    else
        plain(k, 200, p.text);
}

struct reading {
    struct call *call;
    struct bb_modules *modules;
};

static void modules_on_core(void *arg)
{
    struct reading *r = arg;
    r->modules = bb_ref(core_blackbox(r->call->api->core));
}

void probe_config(struct call *k)
{
    struct reading r = {.call = k};
    on_core(k, modules_on_core, &r);
    plain(k, 200, "");
    bb_yaml(r.modules, &k->resp->body);
    bb_unref(&r.modules);
}
