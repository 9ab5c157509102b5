/* docs/configuration.md and its Chinese sister, whole, from the option tables (config/config.h).
 * tools/config_doc.c prints them. */
#include <stdio.h>

#include "config/config_priv.h"

static const char intro_en[] =
    "# Configuration\n\n"
    "[中文](configuration.zh-CN.md)\n\n"
    "*Written by `make docs` from the option tables of the source; edit those instead.*\n\n"
    "Belfry reads one file, `belfry.yaml` by default. It is YAML, so JSON does too. An unknown key is an "
    "error that names\nfile, line, column and the nearest known key, and all errors are told at once: "
    "`belfry config check` shows them,\n`belfry config show` shows what is in force. A reload that does "
    "not validate changes nothing.\n\n"
    "```yaml\n"
    "channels:\n"
    "  - {name: ops, type: slack, webhook_url: \"${SLACK_URL}\"}\n"
    "groups:\n"
    "  - name: payments\n"
    "    interval: 15s\n"
    "    channels: [ops]\n"
    "    targets:\n"
    "      - {name: shop, url: \"https://shop.example.com/health\", expect: {status: [200-299]}}\n"
    "      - {name: db, url: \"tcp://10.0.0.5:5432\"}\n"
    "```\n\n"
    "## Values\n\n"
    "| type | written as |\n| --- | --- |\n"
    "| string, text | text, in quotes where YAML wants them; a *text* may have several lines |\n"
    "| int, float | a number |\n"
    "| bool | `true`, `false`, `yes`, `no`, `on`, `off` |\n"
    "| duration | `500ms`, `30s`, `5m`, `1h30m`, `7d`, or a bare number of seconds |\n"
    "| size | bytes, or with a unit: `500MB` and `10GB` are decimal, `64KiB`, `512MiB`, `1G` binary |\n"
    "| enum | one of the words listed |\n"
    "| list | `[a, b]`; a single text is a list of one |\n"
    "| ranges | `[200-299, 304, 4xx]` |\n"
    "| map | `{name: value}` |\n"
    "| section, sections | a map, a list of maps, with the keys of a further table |\n\n"
    "**Environment.** In values (not in keys, and not in the sections that are taken over from Prometheus) "
    "`${NAME}` is\nreplaced by the environment variable, `${NAME:-default}` by the default when it is not set "
    "or empty, and `$$` by `$`.\nA variable that is not set and has no default is an error.\n\n"
    "**Includes.** `include: [conf.d/*.yaml]` reads further files, relative to the file that names them. "
    "Their lists (`groups`,\n`channels`, `processes.units` …) are added to those of the file; every other section may stand in one "
    "file only.\n\n"
    "**Inheritance.** What `defaults` gives holds for all groups, what a group gives for its targets. Labels are "
    "merged; a list\nof channels replaces the inherited one (`channels: []` for none). A timeout that is written "
    "down must not exceed the\ninterval; an inherited one shrinks to it.\n\n";

static const char intro_zh[] =
    "# 配置\n\n"
    "[English](configuration.md)\n\n"
    "*由 `make docs` 根据源代码中的选项表生成；请修改选项表，不要修改本页。*\n\n"
    "Belfry 读取一个文件，默认为 `belfry.yaml`。格式为 YAML，因此 JSON 也可以。写错的键会报错，并指出文件、行、列和最接近的键；\n"
    "全部错误一次列出：`belfry config check` 检查文件，`belfry config show` 显示实际生效的配置。未通过检查的重新加载不改变任何东西。\n\n"
    "```yaml\n"
    "channels:\n"
    "  - {name: ops, type: wecom, webhook_url: \"${WECOM_URL}\"}\n"
    "groups:\n"
    "  - name: payments\n"
    "    interval: 15s\n"
    "    channels: [ops]\n"
    "    targets:\n"
    "      - {name: 商城, url: \"https://shop.example.com/health\", expect: {status: [200-299]}}\n"
    "      - {name: 数据库, url: \"tcp://10.0.0.5:5432\"}\n"
    "```\n\n"
    "## 取值\n\n"
    "| 类型 | 写法 |\n| --- | --- |\n"
    "| string, text | 文本，YAML 需要时加引号；*text* 可以有多行 |\n"
    "| int, float | 数字 |\n"
    "| bool | `true`、`false`、`yes`、`no`、`on`、`off` |\n"
    "| duration | `500ms`、`30s`、`5m`、`1h30m`、`7d`，或以秒为单位的数字 |\n"
    "| size | 字节数，或带单位：`500MB`、`10GB` 为十进制，`64KiB`、`512MiB`、`1G` 为二进制 |\n"
    "| enum | 所列词语之一 |\n"
    "| list | `[a, b]`；单个文本等于只有一项的列表 |\n"
    "| ranges | `[200-299, 304, 4xx]` |\n"
    "| map | `{name: value}` |\n"
    "| section, sections | 一个映射、一组映射，其中的键见另一张表 |\n\n"
    "**环境变量**：值中的 `${NAME}` 替换为环境变量，`${NAME:-default}` 在变量未设置或为空时取默认值，`$$` 表示 `$`。\n"
    "键中不替换，取自 Prometheus 的各节也不替换。变量未设置且没有默认值是错误。\n\n"
    "**包含**：`include: [conf.d/*.yaml]` 读取更多文件，路径相对于写有该项的文件。其中的列表（`groups`、`channels`、`processes.units` 等）\n"
    "追加到本文件的列表；其他各节只能出现在一个文件中。\n\n"
    "**继承**：`defaults` 对所有分组有效，分组的设置对其中的目标有效。标签会合并；渠道列表会替换继承来的列表\n"
    "（`channels: []` 表示没有）。写明的超时不得大于间隔；继承来的超时会缩短到间隔。\n\n";

struct page {
    struct buf *out;
    bool zh;
};

static const char *say(const struct page *p, const char *en, const char *zh)
{
    return p->zh && zh != NULL ? zh : en;
}

static void table_head(const struct page *p)
{
    buf_puts(p->out,
             say(p, "| key | value | default | meaning |\n", "| 键 | 取值 | 默认值 | 说明 |\n"));
    buf_puts(p->out, "| --- | --- | --- | --- |\n");
}

static void section(const struct page *p, const char *heading, const char *text,
                    const struct option *options, const char *prefix)
{
    must(heading != NULL && prefix != NULL);
    buf_printf(p->out, "%s\n\n", heading);
    if (text != NULL && text[0] != '\0')
        buf_printf(p->out, "%s\n\n", text);
    if (options == NULL || options->name == NULL) {
        buf_puts(p->out, say(p, "No options.\n\n", "没有选项。\n\n"));
        return;
    }
    table_head(p);
    options_doc(options, p->out, prefix, p->zh);
    buf_putc(p->out, '\n');
}

/* The file's own keys, then a table for each section. */
static void file_part(const struct page *p)
{
    buf_puts(p->out, say(p, "## The file\n\n", "## 配置文件\n\n"));
    table_head(p);
    for (const struct option *o = config_file_options(); o->name != NULL; o++) {
        struct option alone[2] = {*o, OPTION_END};
        alone[0].sub = NULL;
        options_doc(alone, p->out, "", p->zh);
    }
    buf_putc(p->out, '\n');
    for (const struct option *o = config_file_options(); o->name != NULL; o++) {
        if (o->type != OPT_SECTION)
            continue;
        char heading[80];
        snprintf(heading, sizeof(heading), "### %s", o->name);
        section(p, heading, say(p, o->help.en, o->help.zh), o->sub, "");
    }
}

static void parts(const struct page *p, const struct config_doc_part *list, const char *prefix)
{
    for (; list != NULL && list->title != NULL; list++) {
        char heading[120];
        snprintf(heading, sizeof(heading), "### %s", list->title);
        section(p, heading, say(p, list->text.en, list->text.zh), list->options, prefix);
    }
}

static void process_part(const struct page *p)
{
    section(
        p, say(p, "## Processes", "## 受管程序"),
        say(p,
            "Each item of `processes.units`. How they behave is told in [processes.md](processes.md). "
            "`proxy: {monitor: {…}}`\nis accepted beside `processes`, as another name of `processes.monitor`.",
            "`processes.units` 的每一项。运行方式见 [processes.md](processes.md)。也接受 `proxy: {monitor: {…}}` 的写法，\n"
            "它是 `processes.monitor` 的另一个名称。"),
        process_unit_options, "");
    section(p, "### health",
            say(p, "What a unit's `health` holds; probed each `check_interval` from a watcher.",
                "单元的 `health` 的内容；每隔 `check_interval` 由探测进程探测。"),
            process_health_options, "health");
}

void config_doc(const struct config_doc_part *probers, const struct config_doc_part *channels,
                const struct option *remote, bool zh, struct buf *out)
{
    must(out != NULL);
    const struct page p = {out, zh};
    buf_puts(out, say(&p, intro_en, intro_zh));
    file_part(&p);
    section(&p, say(&p, "## Groups", "## 分组"),
            say(&p, "Each item of `groups`. A group is probed by a process of its own.",
                "`groups` 的每一项。每个分组由独立进程探测。"),
            config_group_options(), "");
    section(
        &p, say(&p, "## Targets", "## 目标"),
        say(&p,
            "Each item of a group's `targets`. A target has a `url`, or a `type` with a `config`; both forms mean "
            "the same.",
            "分组中 `targets` 的每一项。目标有 `url`，或者有 `type` 与 `config`；两种写法含义相同。"),
        config_target_options(), "");
    buf_puts(
        out,
        say(&p,
            "## Probers\n\nThe options of a target's `config`. Those of `config.expect` may stand in the "
            "target's own `expect`.\n\n",
            "## 探针\n\n目标的 `config` 中的选项。`config.expect` 的选项也可以写在目标自己的 `expect` 中。\n\n"));
    parts(&p, probers, "config");
    section(
        &p, say(&p, "## Channels", "## 渠道"),
        say(&p,
            "Each item of `channels`. The options of its type stand beside these or in `config`.",
            "`channels` 的每一项。其类型的选项与这些并列书写，或写在 `config` 中。"),
        config_channel_options(), "");
    parts(&p, channels, "");
    process_part(&p);
    section(&p, say(&p, "## Remote write", "## 远程写入"),
            say(&p, "Each item of `remote_write`, as in prometheus.yml.",
                "`remote_write` 的每一项，同 prometheus.yml。"),
            remote, "");
    while (out->len > 1 && out->data[out->len - 2] == '\n')
        out->data[--out->len] = '\0';
}
