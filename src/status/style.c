/* How a status page looks: one style sheet within the page, in colours of light and dark. A state is told by its shape and word, too. */
#include "status/escape.h"
#include "status/render.h"

#define LIGHT                                                                                          \
    "--bg:#f4f6f8;--card:#fff;--ink:#161b22;--soft:#56606b;--line:#dfe4ea;--wash:#eef1f4;"             \
    "--up:#187a46;--up-bar:#35a768;--deg:#8a5700;--deg-bar:#e0a526;--down:#bf2a20;--down-bar:#d9483b;" \
    "--work:#2c5cc0;--work-bar:#6d93e8;--none:#5f6873;--none-bar:#d3d9e0;--shade:0 1px 2px rgba(20,30,40,.06)"
#define DARK                                                                                           \
    "--bg:#0e1216;--card:#171c22;--ink:#e8ecf0;--soft:#9aa5b1;--line:#2a323b;--wash:#1e252d;"          \
    "--up:#5cc98a;--up-bar:#3aa368;--deg:#e8b34b;--deg-bar:#d29a26;--down:#f2796d;--down-bar:#d9564a;" \
    "--work:#8db0f5;--work-bar:#5f86dd;--none:#9aa5b1;--none-bar:#353e48;--shade:none"

static const char rules[] =
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,'Segoe UI',"
    "Roboto,'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif;border-top:4px solid var(--accent);"
    "overflow-wrap:anywhere}"
    ".wrap{max-width:880px;margin:0 auto;padding:0 16px}"
    "h1{font-size:24px;line-height:1.3;margin:0;font-weight:650;letter-spacing:-.01em}"
    "h2{font-size:17px;line-height:1.4;margin:0;font-weight:600}"
    "h3{font-size:15px;margin:0;font-weight:600}p{margin:8px 0}"
    "a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:3px}"
    "a:hover{text-decoration-color:currentColor}"
    ":focus-visible{outline:2px solid var(--work);outline-offset:2px;border-radius:4px}"
    ".skip{position:absolute;left:-999px}.skip:focus{left:16px;top:12px;background:var(--card);padding:8px 12px}"
    ".hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
    "header{padding:32px 0 24px}.brand{display:flex;align-items:center;gap:16px}"
    ".brand img{max-height:48px;max-width:180px;display:block}.brand a{text-decoration:none}"
    ".about{color:var(--soft);margin-top:8px}.about p:last-child{margin-bottom:0}"
    "svg.icon{width:20px;height:20px;flex:none;display:block}"
    ".s-up{color:var(--up)}.s-degraded{color:var(--deg)}.s-down{color:var(--down)}"
    ".s-maintenance{color:var(--work)}.s-paused,.s-unknown{color:var(--none)}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shade);"
    "margin:0 0 16px}"
    ".overall{display:flex;align-items:center;gap:16px;padding:20px 24px;border-left:6px solid currentColor}"
    ".overall svg.icon{width:36px;height:36px}.overall h2{font-size:20px;color:var(--ink)}"
    ".overall p{margin:0;color:var(--soft);font-size:13px}"
    ".part{margin:32px 0 12px}"
    "details.card>summary{display:flex;align-items:center;gap:12px;padding:16px 24px;cursor:pointer;list-style:none}"
    "details.card>summary::-webkit-details-marker{display:none}"
    "details.card>summary::before{content:'';width:7px;height:7px;border:solid var(--soft);border-width:0 2px 2px 0;"
    "transform:rotate(-45deg);flex:none;margin-right:2px}"
    "details.card[open]>summary::before{transform:rotate(45deg) translate(-2px,-2px)}"
    "details.card>summary h2{flex:1}"
    "ul.rows{list-style:none;margin:0;padding:0}"
    ".row{padding:16px 24px;border-top:1px solid var(--line)}ul.rows.bare>.row:first-child{border-top:0}"
    ".line{display:flex;align-items:center;gap:10px}.name{font-weight:550;flex:1;min-width:0}"
    ".fig{color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".tag{font-size:13px;font-weight:550;white-space:nowrap}"
    ".bars{display:flex;align-items:flex-end;gap:2px;height:32px;margin:12px 0 6px}"
    ".bars.thin{gap:1px}"
    ".bars i{flex:1;min-width:0;height:100%;border-radius:2px;background:var(--up-bar);position:relative}"
    ".bars i.b{background:linear-gradient(to top,var(--deg-bar) 30%,var(--up-bar) 30%)}"
    ".bars i.c{background:linear-gradient(to top,var(--down-bar) 40%,var(--deg-bar) 40%)}"
    ".bars i.d{background:var(--down-bar)}.bars i.n{background:var(--none-bar);height:35%}"
    ".bars i:hover{filter:brightness(.85)}"
    ".bars i:hover::after{content:attr(data-t);position:absolute;bottom:calc(100% + 6px);left:50%;"
    "transform:translateX(-50%);background:var(--ink);color:var(--card);font:13px/1.4 system-ui,sans-serif;"
    "padding:4px 8px;border-radius:6px;white-space:nowrap;z-index:2;pointer-events:none}"
    ".bars i.n:hover::after{bottom:calc(286% + 6px)}"
    ".bars i:nth-child(-n+16):hover::after{left:0;transform:none}"
    ".bars i:nth-last-child(-n+16):hover::after{left:auto;right:0;transform:none}"
    ".scale{display:flex;justify-content:space-between;gap:8px;color:var(--soft);font-size:12px}.near{display:none}"
    ".incident{padding:20px 24px;border-left:6px solid var(--deg-bar)}"
    ".incident.i-major,.incident.i-critical{border-left-color:var(--down-bar)}"
    ".incident.i-maintenance,.window{border-left-color:var(--work-bar)}.incident.over{border-left-color:var(--line)}"
    ".head{display:flex;flex-wrap:wrap;align-items:center;gap:6px 12px}.head h3{font-size:17px;flex:1;min-width:200px}"
    ".chip{font-size:12px;line-height:20px;padding:0 8px;border-radius:10px;border:1px solid currentColor;"
    "white-space:nowrap;color:var(--soft)}"
    ".chip.i-minor{color:var(--deg)}.chip.i-major,.chip.i-critical{color:var(--down)}"
    ".chip.i-critical{background:var(--down);border-color:var(--down);color:var(--card)}"
    ".chip.i-maintenance{color:var(--work)}"
    ".meta{color:var(--soft);font-size:13px;margin:4px 0 0}"
    "ol.updates{list-style:none;margin:16px 0 0;padding:0 0 0 16px;border-left:2px solid var(--line)}"
    "ol.updates>li{position:relative;padding:0 0 12px}ol.updates>li:last-child{padding-bottom:0}"
    "ol.updates>li::before{content:'';position:absolute;left:-21px;top:8px;width:8px;height:8px;border-radius:50%;"
    "background:var(--card);border:2px solid var(--soft)}"
    ".said{font-size:13px;color:var(--soft)}.said b{color:var(--ink);font-weight:600}"
    ".words p,.words ul,.words ol{margin:4px 0 8px}.words>:last-child{margin-bottom:0}"
    ".words pre{background:var(--wash);padding:8px 12px;border-radius:6px;overflow-x:auto}"
    ".words code{background:var(--wash);border-radius:4px;padding:1px 4px;font-size:.92em}.words pre code{padding:0}"
    ".words blockquote{margin:8px 0;padding-left:12px;border-left:3px solid var(--line);color:var(--soft)}"
    ".past>.day{margin:20px 0 8px;color:var(--soft);font-size:13px;font-weight:600}"
    "details.more>summary{cursor:pointer;color:var(--soft);font-size:13px;margin-top:8px}"
    ".empty{padding:32px 24px;text-align:center;color:var(--soft)}"
    "footer{padding:24px 0 40px;color:var(--soft);font-size:13px;margin-top:32px}"
    "footer nav{display:flex;flex-wrap:wrap;gap:8px 20px;margin-bottom:8px}footer p{margin:4px 0}"
    "form{display:flex;flex-direction:column;gap:12px;margin:16px 0 0}"
    "label{font-weight:550;display:block;margin-bottom:4px}"
    "input[type=text],input[type=url],input[type=email],input[type=password]{font:inherit;width:100%;padding:10px 12px;"
    "border:1px solid var(--none);border-radius:8px;background:var(--bg);color:var(--ink)}"
    "button{font:inherit;font-weight:600;align-self:flex-start;padding:10px 20px;border:0;border-radius:8px;"
    "background:var(--ink);color:var(--card);cursor:pointer}button:hover{opacity:.85}"
    ".small{max-width:520px}.small .card{padding:24px}.error{color:var(--down);font-weight:550}"
    ".sorts{display:grid;gap:24px}"
    "@media(max-width:600px){header{padding:24px 0 16px}h1{font-size:21px}"
    ".row,details.card>summary,.overall,.incident{padding-left:16px;padding-right:16px}"
    ".bars:not(.few) i:nth-last-child(n+46){display:none}.far{display:none}.near{display:inline}"
    ".bars.few~.scale .far{display:inline}.bars.few~.scale .near{display:none}"
    ".line{flex-wrap:wrap;row-gap:2px}.name{flex-basis:calc(100% - 30px)}.line>.tag{margin-left:auto}"
    ".name+.fig{margin-left:30px}.bars{height:28px}}"
    "@media(prefers-reduced-motion:no-preference){.bars i{transition:filter .12s}}"
    "@media print{body{border:0}footer nav,.skip{display:none}.card{break-inside:avoid}}";

static void put_css(struct buf *out, const struct status_page *p)
{
    static const char *const first[] = {
        [THEME_AUTO] = LIGHT, [THEME_LIGHT] = LIGHT, [THEME_DARK] = DARK};
    static const char *const scheme[] = {
        [THEME_AUTO] = "light dark", [THEME_LIGHT] = "light", [THEME_DARK] = "dark"};
    const char *accent = p->f.colour && *p->f.colour ? p->f.colour : "#1f7a4d";
    buf_printf(out, ":root{color-scheme:%s;--accent:%s;%s}", scheme[p->f.theme], accent,
               first[p->f.theme]);
    if (p->f.theme == THEME_AUTO)
        buf_puts(out, "@media(prefers-color-scheme:dark){:root{" DARK "}}");
    buf_puts(out, rules);
}

void render_open(struct buf *out, const struct status_page *p, bool zh, const char *title,
                 struct buf *policy)
{
    struct buf css = BUF_INIT(65536);
    put_css(&css, p);
    must(!css.failed);
    buf_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n",
               zh ? "zh-CN" : "en");
    buf_puts(out,
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    put_escaped(out, title);
    buf_puts(out, "</title>\n<style>");
    buf_add(out, css.data, css.len);
    buf_puts(out, "</style>\n");
    buf_puts(policy, "default-src 'none'; style-src ");
    style_hash(css.data, css.len, policy);
    buf_puts(policy,
             "; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    buf_done(&css);
}
