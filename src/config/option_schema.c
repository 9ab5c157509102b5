/* What people and programs read about an option table: the page's forms, JSON Schema for OpenAPI,
 * and the rows of docs/configuration.md (config/option.h). Pure functions. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/option_priv.h"

/* --- forms ---------------------------------------------------------------------------------------
 */

static void put_choices(const struct option *o, struct json *j, const char *key)
{
    json_karr(j, key);
    for (const char *const *c = o->choices; c != NULL && *c != NULL; c++)
        json_str(j, *c);
    json_end(j);
}

/* The default in the type that the API takes. */
static void put_default(const struct option *o, struct json *j)
{
    struct node n = {.kind = NODE_TEXT, .text = str_of(o->def)};
    int64_t i;
    double d;
    bool flag;
    if (o->type == OPT_INT && scalar_i64(&n, &i))
        json_int(j, i);
    else if (o->type == OPT_F64 && scalar_f64(&n, &d))
        json_f64(j, d);
    else if (o->type == OPT_BOOL && scalar_bool(&n, &flag))
        json_bool(j, flag);
    else
        json_str(j, o->def);
}

static void form_bounds(const struct option *o, struct json *j)
{
    if (option_has_min(o))
        json_kf64(j, "min", o->min);
    if (option_has_max(o))
        json_kf64(j, "max", o->max);
}

static void form_one(const struct option *o, struct json *j)
{
    json_obj(j);
    json_kstr(j, "name", o->name);
    json_kstr(j, "type", option_type_name(o->type));
    if (o->def != NULL) {
        json_key(j, "default");
        put_default(o, j);
    }
    form_bounds(o, j);
    if (o->unit != NULL)
        json_kstr(j, "unit", o->unit);
    json_kbool(j, "required", o->required);
    json_kbool(j, "secret", o->secret);
    json_kbool(j, "advanced", o->advanced);
    if (o->choices != NULL)
        put_choices(o, j, "choices");
    json_kobj(j, "help");
    json_kstr(j, "en", o->help.en != NULL ? o->help.en : "");
    json_kstr(j, "zh", o->help.zh != NULL ? o->help.zh : o->help.en != NULL ? o->help.en : "");
    json_end(j);
    if (o->example != NULL)
        json_kstr(j, "example", o->example);
    if (o->sub != NULL) {
        json_key(j, "options");
        options_form(o->sub, j);
    }
    json_end(j);
}

void options_form(const struct option *table, struct json *j)
{
    must(table != NULL);
    json_arr(j);
    for (const struct option *o = table; o->name != NULL; o++)
        form_one(o, j);
    json_end(j);
}

/* --- JSON Schema ---------------------------------------------------------------------------------
 */

static const char *const json_types[] = {
    [OPT_STRING] = "string",  [OPT_TEXT] = "string",    [OPT_INT] = "integer",
    [OPT_F64] = "number",     [OPT_BOOL] = "boolean",   [OPT_ENUM] = "string",
    [OPT_SECTION] = "object", [OPT_SECTIONS] = "array", [OPT_LIST] = "array",
    [OPT_RANGES] = "array",   [OPT_MAP] = "object",     [OPT_DURATION] = NULL,
    [OPT_SIZE] = NULL,        [OPT_NODE] = NULL,
};

static void put_types(struct json *j, const char *first, const char *second)
{
    json_karr(j, "type");
    json_str(j, first);
    json_str(j, second);
    json_end(j);
}

static void schema_type(const struct option *o, struct json *j)
{
    if (json_types[o->type] != NULL)
        json_kstr(j, "type", json_types[o->type]);
    else if (o->type == OPT_DURATION || o->type == OPT_SIZE)
        put_types(j, o->type == OPT_SIZE ? "integer" : "number", "string");
    if (o->type == OPT_DURATION)
        json_kstr(j, "format", "duration-or-seconds");
    else if (o->type == OPT_SIZE)
        json_kstr(j, "format", "bytes-or-size");
    if (o->type == OPT_ENUM)
        put_choices(o, j, "enum");
    if (o->type == OPT_LIST || o->type == OPT_RANGES) {
        json_kobj(j, "items");
        if (o->type == OPT_LIST)
            json_kstr(j, "type", "string");
        else
            put_types(j, "integer", "string");
        json_end(j);
    }
    if (o->type == OPT_MAP) {
        json_kobj(j, "additionalProperties");
        json_kstr(j, "type", "string");
        json_end(j);
    }
}

static void schema_bounds(const struct option *o, struct json *j)
{
    const char *low = NULL, *high = NULL;
    if (o->type == OPT_INT || o->type == OPT_F64)
        low = "minimum", high = "maximum";
    else if (o->type == OPT_STRING || o->type == OPT_TEXT)
        low = "minLength", high = "maxLength";
    else if (o->type == OPT_LIST || o->type == OPT_SECTIONS)
        low = "minItems", high = "maxItems";
    if (low != NULL && option_has_min(o) && o->min != 0)
        json_kf64(j, low, o->min);
    if (high != NULL && option_has_max(o))
        json_kf64(j, high, o->max);
}

static void schema_one(const struct option *o, struct json *j)
{
    if (o->type == OPT_SECTION) {
        options_schema(o->sub, j);
        return;
    }
    json_obj(j);
    schema_type(o, j);
    if (o->type == OPT_SECTIONS) {
        json_key(j, "items");
        options_schema(o->sub, j);
    }
    schema_bounds(o, j);
    if (o->def != NULL && o->type != OPT_LIST && o->type != OPT_RANGES && o->type != OPT_MAP) {
        json_key(j, "default");
        put_default(o, j);
    }
    if (o->help.en != NULL)
        json_kstr(j, "description", o->help.en);
    if (o->secret)
        json_kbool(j, "writeOnly", true);
    json_end(j);
}

void options_schema(const struct option *table, struct json *j)
{
    must(table != NULL);
    bool required = false;
    json_obj(j);
    json_kstr(j, "type", "object");
    json_kobj(j, "properties");
    for (const struct option *o = table; o->name != NULL; o++) {
        json_key(j, o->name);
        schema_one(o, j);
        required |= o->required;
    }
    json_end(j);
    if (required) {
        json_karr(j, "required");
        for (const struct option *o = table; o->name != NULL; o++)
            if (o->required)
                json_str(j, o->name);
        json_end(j);
    }
    json_kbool(j, "additionalProperties", false);
    json_end(j);
}

/* --- Markdown ------------------------------------------------------------------------------------
 */

/* A cell: no bar and no line break may end it early. */
static void put_cell(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '|')
            buf_puts(out, "\\|");
        else
            buf_putc(out, *s == '\n' ? ' ' : *s);
    }
}

static void put_value_column(const struct option *o, struct buf *out, bool zh)
{
    char low[SIZE_TEXT], high[SIZE_TEXT];
    buf_puts(out, option_type_name(o->type));
    if (o->type == OPT_ENUM) {
        buf_puts(out, ": ");
        for (const char *const *c = o->choices; *c != NULL; c++)
            buf_printf(out, "%s`%s`", c == o->choices ? "" : ", ", *c);
        return;
    }
    if (o->type == OPT_STRING || o->type == OPT_TEXT)
        return; /* bounds of lengths are sanity checks, not worth reading */
    bool counted = o->type == OPT_LIST || o->type == OPT_SECTIONS;
    const char *of = !counted ? "" : zh ? " 项" : " items";
    if (option_has_min(o) && option_has_max(o))
        buf_printf(out, zh ? "，%s 至 %s%s" : ", %s to %s%s", option_bound_text(o, o->min, low),
                   option_bound_text(o, o->max, high), of);
    else if (option_has_min(o))
        buf_printf(out, zh ? "，至少 %s%s" : ", at least %s%s", option_bound_text(o, o->min, low),
                   of);
    if (o->unit != NULL)
        buf_printf(out, " (%s)", o->unit);
}

static void doc_one(const struct option *o, struct buf *out, const char *name, bool zh)
{
    buf_printf(out, "| `%s` | ", name);
    put_value_column(o, out, zh);
    buf_puts(out, " | ");
    if (o->required)
        buf_puts(out, zh ? "**必填**" : "**required**");
    else if (o->def != NULL && o->def[0] != '\0') {
        buf_putc(out, '`');
        put_cell(out, o->def);
        buf_putc(out, '`');
    }
    buf_puts(out, " | ");
    const char *help = zh && o->help.zh != NULL ? o->help.zh : o->help.en;
    put_cell(out, help != NULL ? help : "");
    if (o->secret)
        buf_puts(out, zh ? "*机密，显示为 `" SECRET_MASK "`。*"
                         : " *Secret: shown as `" SECRET_MASK "`.*");
    if (o->example != NULL) {
        buf_puts(out, zh ? "例：`" : " Example: `");
        put_cell(out, o->example);
        buf_putc(out, '`');
    }
    buf_puts(out, " |\n");
}

void options_doc(const struct option *table, struct buf *out, const char *prefix, bool zh)
{
    must(table != NULL && prefix != NULL);
    for (const struct option *o = table; o->name != NULL; o++) {
        char name[200];
        snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", o->name);
        doc_one(o, out, name, zh);
        if (o->sub == NULL)
            continue;
        if (o->type == OPT_SECTIONS)
            snprintf(name, sizeof(name), "%s%s%s[]", prefix, prefix[0] != '\0' ? "." : "", o->name);
        options_doc(o->sub, out, name, zh);
    }
}
