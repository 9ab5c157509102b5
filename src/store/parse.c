/* JSON columns of our own back into lists. What does not parse (somebody edited the file) reads as empty: a
 * label less is better than no start. jansson's names collide with base/json.h, so it has this room alone. */
#include <jansson.h>

#include "base/must.h"
#include "model/alert.h"
#include "model/target.h"

void store__parse_ids(const char *json, struct arena *a, struct id_list *out);
void store__parse_labels(const char *json, struct arena *a, struct label **out, uint32_t *n);
void store__parse_strings(const char *json, struct arena *a, const char ***out, uint32_t *n);

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
