/* docs/configuration.md, whole, from the option tables (config/config.h). tools/config_doc.c prints
 * it. */
#include <stdio.h>

#include "config/config_priv.h"

static const char intro[] =
    "# Configuration\n\n"
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
    "Their lists (`groups`,\n`channels` …) are added to those of the file; every other section may stand in one "
    "file only.\n\n"
    "**Inheritance.** What `defaults` gives holds for all groups, what a group gives for its targets. Labels are "
    "merged; a list\nof channels replaces the inherited one (`channels: []` for none). A timeout that is written "
    "down must not exceed the\ninterval; an inherited one shrinks to it.\n\n";

static void table_head(struct buf *out)
{
    buf_puts(out, "| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
}

static void section(struct buf *out, const char *heading, const char *text,
                    const struct option *options, const char *prefix)
{
    buf_printf(out, "%s\n\n", heading);
    if (text != NULL && text[0] != '\0')
        buf_printf(out, "%s\n\n", text);
    if (options == NULL || options->name == NULL) {
        buf_puts(out, "No options.\n\n");
        return;
    }
    table_head(out);
    options_doc(options, out, prefix);
    buf_putc(out, '\n');
}

/* The file's own keys, then a table for each section. */
static void file_part(struct buf *out)
{
    buf_puts(out, "## The file\n\n");
    table_head(out);
    for (const struct option *o = config_file_options(); o->name != NULL; o++) {
        struct option alone[2] = {*o, OPTION_END};
        alone[0].sub = NULL;
        options_doc(alone, out, "");
    }
    buf_putc(out, '\n');
    for (const struct option *o = config_file_options(); o->name != NULL; o++) {
        if (o->type != OPT_SECTION)
            continue;
        char heading[80];
        snprintf(heading, sizeof(heading), "### %s", o->name);
        section(out, heading, o->help.en, o->sub, "");
    }
}

static void parts(struct buf *out, const struct config_doc_part *list, const char *prefix)
{
    for (; list != NULL && list->title != NULL; list++) {
        char heading[120];
        snprintf(heading, sizeof(heading), "### %s", list->title);
        section(out, heading, list->text, list->options, prefix);
    }
}

void config_doc(const struct config_doc_part *probers, const struct config_doc_part *channels,
                struct buf *out)
{
    must(out != NULL);
    buf_puts(out, intro);
    file_part(out);
    section(out, "## Groups", "Each item of `groups`. A group is probed by a process of its own.",
            config_group_options(), "");
    section(
        out, "## Targets",
        "Each item of a group's `targets`. A target has a `url`, or a `type` with a `config`; both forms mean "
        "the same.",
        config_target_options(), "");
    buf_puts(
        out,
        "## Probers\n\nThe options of a target's `config`. Those of `config.expect` may stand in the "
        "target's own `expect`.\n\n");
    parts(out, probers, "config");
    section(out, "## Channels",
            "Each item of `channels`. The options of its type stand beside these or in `config`.",
            config_channel_options(), "");
    parts(out, channels, "");
    while (out->len > 1 && out->data[out->len - 2] == '\n')
        out->data[--out->len] = '\0';
}
