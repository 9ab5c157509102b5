/* The OpenAPI 3.1 document, made from the routing table and the option tables: it cannot disagree with them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"

static void put_parameter(struct json *j, const char *name, const char *in, const char *type)
{
    json_obj(j);
    json_kstr(j, "name", name);
    json_kstr(j, "in", in);
    json_kbool(j, "required", strcmp(in, "path") == 0);
    json_kobj(j, "schema");
    json_kstr(j, "type", type);
    json_end(j);
    json_end(j);
}

static void put_parameters(struct json *j, const struct route *r)
{
    struct str rest = str_of(r->query), name;
    char text[64];
    json_karr(j, "parameters");
    if (strstr(r->pattern, "{id}"))
        put_parameter(j, "id", "path", "integer");
    if (strstr(r->pattern, "{unit}"))
        put_parameter(j, "unit", "path", "string");
    while (str_next(&rest, ' ', &name)) {
        snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
        bool number = streq(text, "limit") || streq(text, "points") || streq(text, "recent") ||
                      streq(text, "target_id") || streq(text, "lines");
        put_parameter(j, text, "query", number ? "integer" : "string");
    }
    json_end(j);
}

static void put_body(struct json *j, const struct route *r)
{
    if (!r->body)
        return;
    json_kobj(j, "requestBody");
    json_kbool(j, "required", true);
    json_kobj(j, "content");
    json_kobj(j, "application/json");
    json_key(j, "schema");
    options_schema(r->body, j);
    json_end(j);
    json_end(j);
    json_end(j);
}

static void put_content(struct json *j, const char *type, const char *schema)
{
    json_kobj(j, "content");
    json_kobj(j, type);
    json_kobj(j, "schema");
    if (*schema == '#')
        json_kstr(j, "$ref", schema);
    else
        json_kstr(j, "type", schema);
    json_end(j);
    json_end(j);
    json_end(j);
}

static void put_responses(struct json *j, const struct route *r)
{
    char status[8];
    bool stream = strcmp(r->pattern, "/api/v1/events") == 0;
    snprintf(status, sizeof(status), "%d", r->success ? r->success : 200);
    json_kobj(j, "responses");
    json_kobj(j, status);
    json_kstr(j, "description", "good");
    if (r->success != 204)
        put_content(j, stream ? "text/event-stream" : "application/json",
                    stream      ? "string"
                    : r->answer ? r->answer
                                : "object");
    json_end(j);
    json_kobj(j, "default");
    json_kstr(j, "description", "a problem (RFC 9457)");
    put_content(j, "application/problem+json", "#/components/schemas/Problem");
    json_end(j);
    json_end(j);
}

/* "targets_post", "targets_id_check_post": unique by construction. */
static void operation_id(const struct route *r, char *out, size_t size)
{
    size_t n = 0;
    must(strncmp(r->pattern, "/api/v1/", 8) == 0);
    for (const char *p = r->pattern + strlen("/api/v1/"); *p && n + 8 < size; p++)
        if (isalnum((unsigned char)*p))
            out[n++] = *p;
        else if (n && out[n - 1] != '_')
            out[n++] = '_';
    if (n && out[n - 1] == '_')
        n--;
    out[n++] = '_';
    for (const char *p = r->method; *p && n + 1 < size; p++)
        out[n++] = (char)tolower((unsigned char)*p);
    must(n < size);
    out[n] = '\0';
}

static void put_operation(struct json *j, const struct route *r)
{
    must(r->tag && r->summary.en && r->summary.zh);
    char method[8] = "", id[128];
    for (size_t i = 0; r->method[i] && i < sizeof(method) - 1; i++)
        method[i] = (char)tolower((unsigned char)r->method[i]);
    operation_id(r, id, sizeof(id));
    json_kobj(j, method);
    json_kstr(j, "operationId", id);
    json_kstr(j, "summary", r->summary.en);
    json_kstr(j, "x-summary-zh", r->summary.zh);
    json_karr(j, "tags");
    json_str(j, r->tag);
    json_end(j);
    put_parameters(j, r);
    put_body(j, r);
    put_responses(j, r);
    json_end(j);
}

/* The methods of a pattern stand in one table. */
static bool seen_before(const struct route *table, const struct route *r)
{
    for (const struct route *p = table; p < r; p++)
        if (p->tag && strcmp(p->pattern, r->pattern) == 0)
            return true;
    return false;
}

static void put_table(struct json *j, const struct route *table)
{
    for (const struct route *r = table; r->method; r++) {
        if (!r->tag || seen_before(table, r))
            continue;
        json_kobj(j, r->pattern);
        for (const struct route *m = r; m->method; m++)
            if (m->tag && strcmp(m->pattern, r->pattern) == 0)
                put_operation(j, m);
        json_end(j);
    }
}

static void put_paths(struct json *j)
{
    json_kobj(j, "paths");
    for (size_t t = 0; api_tables[t]; t++)
        put_table(j, api_tables[t]);
    json_end(j);
}

/* A target without locations has no "places". */
static void put_check_schema(struct json *j)
{
    static const char text[] =
        "{\"type\":\"object\",\"description\":\"A result: of this server when the target is probed from here, else of the "
        "first location that answered. With places when the target names locations.\","
        "\"required\":[\"success\",\"degraded\",\"message\",\"checked_at\"],\"properties\":{"
        "\"target_id\":{\"type\":\"integer\"},\"success\":{\"type\":\"boolean\"},\"degraded\":{\"type\":\"boolean\"},"
        "\"latency_ms\":{\"type\":\"number\"},\"resolve_ms\":{\"type\":\"number\"},\"message\":{\"type\":\"string\"},"
        "\"address\":{\"type\":\"string\"},\"metrics\":{\"type\":\"object\"},\"warnings\":{\"type\":\"array\","
        "\"items\":{\"type\":\"string\"}},\"checked_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
        "\"places\":{\"type\":\"array\",\"description\":\"Each location that the target names, in its order.\","
        "\"items\":{\"type\":\"object\",\"required\":[\"location\",\"answered\",\"message\",\"result\"],\"properties\":{"
        "\"location\":{\"type\":\"string\"},\"answered\":{\"type\":\"boolean\"},\"message\":{\"type\":\"string\","
        "\"description\":\"of the result, or why there is none\"},\"result\":{\"type\":[\"object\",\"null\"]}}}}}}";
    json_key(j, "Check");
    json_raw(j, text, sizeof(text) - 1);
}

static void put_problem_schema(struct json *j)
{
    static const char text[] =
        "{\"type\":\"object\",\"required\":[\"title\",\"status\"],\"properties\":{\"type\":{\"type\":\"string\"},"
        "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
        "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"field\":{\"type\":\"string\"},"
        "\"message\":{\"type\":\"string\"},\"file\":{\"type\":\"string\"},\"line\":{\"type\":\"integer\"},"
        "\"column\":{\"type\":\"integer\"}}}}}}";
    json_key(j, "Problem");
    json_raw(j, text, sizeof(text) - 1);
}

static void put_components(struct json *j)
{
    json_kobj(j, "components");
    json_kobj(j, "schemas");
    put_problem_schema(j);
    put_check_schema(j);
    json_end(j);
    json_end(j);
}

void openapi_document(struct call *k)
{
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "openapi", "3.1.0");
    json_kobj(&j, "info");
    json_kstr(&j, "title", "Belfry");
    json_kstr(&j, "version", BELFRY_VERSION);
    json_end(&j);
    put_paths(&j);
    put_components(&j);
    json_end(&j);
}
