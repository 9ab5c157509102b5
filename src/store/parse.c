/* JSON columns of our own back into lists. What does not parse (somebody edited the file) reads as empty: a
 * label less is better than no start. jansson's names collide with base/json.h, so it has this room alone. */
#include <jansson.h>
#include <string.h>

#include "base/must.h"
#include "model/alert.h"
#include "model/target.h"

void store__parse_ids(const char *json, struct arena *a, struct id_list *out);
void store__parse_labels(const char *json, struct arena *a, struct label **out, uint32_t *n);
void store__parse_strings(const char *json, struct arena *a, const char ***out, uint32_t *n);
void store__parse_schedule(const char *json, struct arena *a, struct schedule *out);
void store__parse_matchers(const char *json, struct arena *a, struct label_match **out,
                           uint32_t *n);

void store__parse_ids(const char *json, struct arena *a, struct id_list *out)
{
    must(json != NULL && a != NULL);
    json_t *root = json_loads(json, 0, NULL);
    size_t n = json_array_size(root);
    *out = (struct id_list){n ? arena_array_of(a, uint64_t, n) : NULL, (uint32_t)n};
    for (size_t i = 0; i < n; i++)
        out->at[i] = (uint64_t)json_integer_value(json_array_get(root, i));
    json_decref(root);
}

void store__parse_labels(const char *json, struct arena *a, struct label **out, uint32_t *n)
{
    must(json != NULL && a != NULL);
    json_t *root = json_loads(json, 0, NULL);
    size_t max = json_object_size(root);
    *out = max ? arena_array_of(a, struct label, max) : NULL;
    *n = 0;
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        if (!json_is_string(value))
            continue;
        must(*n < max);
        (*out)[(*n)++] =
            (struct label){arena_strdup(a, name), arena_strdup(a, json_string_value(value))};
    }
    json_decref(root);
}

void store__parse_strings(const char *json, struct arena *a, const char ***out, uint32_t *n)
{
    must(json != NULL && a != NULL);
    json_t *root = json_loads(json, 0, NULL);
    size_t max = json_array_size(root);
    *out = max ? arena_array_of(a, const char *, max) : NULL;
    *n = 0;
    for (size_t i = 0; i < max; i++) {
        const char *text = json_string_value(json_array_get(root, i));
        if (text)
            (*out)[(*n)++] = arena_strdup(a, text);
    }
    json_decref(root);
}

static const char *text_of(json_t *map, const char *key, struct arena *a)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? arena_strdup(a, text) : "";
}

static int32_t small_of(json_t *map, const char *key, int32_t most)
{
    json_int_t v = json_integer_value(json_object_get(map, key));
    return v >= 0 && v <= most ? (int32_t)v : 0;
}

/* What is not understood comes once: a window too short is seen, one for ever is not. */
void store__parse_schedule(const char *json, struct arena *a, struct schedule *out)
{
    must(json != NULL && a != NULL);
    json_t *root = json_loads(json, 0, NULL);
    const char *kind = json_string_value(json_object_get(root, "kind"));
    *out = (struct schedule){
        .kind = SCHEDULE_ONCE,
        .days = (uint32_t)small_of(root, "days", 0x7f),
        .from_min = small_of(root, "from", 1440),
        .to_min = small_of(root, "to", 1440),
        .cron = text_of(root, "cron", a),
        .duration_ms = json_integer_value(json_object_get(root, "duration_ms")),
        .zone = text_of(root, "zone", a),
    };
    for (enum schedule_kind k = SCHEDULE_ONCE; kind && k <= SCHEDULE_CRON; k++)
        if (strcmp(kind, schedule_kind_name(k)) == 0)
            out->kind = k;
    json_decref(root);
}

static bool parse_match(json_t *one, struct arena *a, struct label_match *out)
{
    const char *name = json_string_value(json_array_get(one, 0));
    const char *value = json_string_value(json_array_get(one, 2));
    const char *op = json_string_value(json_array_get(one, 1));
    if (!name || !value || !op || !matcher_op_parse(op, &out->op))
        return false;
    out->name = arena_strdup(a, name);
    out->value = arena_strdup(a, value);
    return true;
}

/* All or none: with one left out, they would match more. */
void store__parse_matchers(const char *json, struct arena *a, struct label_match **out, uint32_t *n)
{
    must(json != NULL && a != NULL);
    json_t *root = json_loads(json, 0, NULL);
    size_t max = json_array_size(root);
    *out = max ? arena_array_of(a, struct label_match, max) : NULL;
    *n = (uint32_t)max;
    for (size_t i = 0; i < max; i++)
        if (!parse_match(json_array_get(root, i), a, &(*out)[i]))
            *n = 0;
    json_decref(root);
}
