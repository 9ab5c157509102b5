/* File-owned targets and channels, and the monitors of supervised programs, that a person switched off or on by hand: the
 * switch outlives reloads and restarts until the file says the same, or the person switches back. Kept in the store's
 * settings as "t7=0 c2=1 pss-001=0"; a unit's id has no white space and no "=". Main loop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/core_priv.h"

#define SETTING "switched"

static uint64_t key_of(char kind, uint64_t id)
{
    must(kind == 't' || kind == 'c');
    return id << 1 | (kind == 'c');
}

/* Values of the map are pointers: 1 is off, 2 is on. */
static void *value_of(bool enabled)
{
    return (void *)(uintptr_t)(enabled ? 2 : 1);
}

void core__switched_save(struct core *c)
{
    struct buf out = BUF_INIT(4 << 20);
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(c->switched, &it, &key, &value);)
        buf_printf(&out, "%s%c%" PRIu64 "=%d", out.len ? " " : "", key & 1 ? 'c' : 't', key >> 1,
                   (int)(uintptr_t)value - 1);
    const char *unit;
    size_t len;
    for (size_t it = 0; map_str_next(c->switched_units, &it, &unit, &len, &value);)
        buf_printf(&out, "%sp%.*s=%d", out.len ? " " : "", (int)len, unit,
                   (int)(uintptr_t)value - 1);
    batch_setting_put(core__batch(c), SETTING, out.len ? out.data : NULL);
    buf_done(&out);
}

void core__switch(struct core *c, char kind, uint64_t id, bool enabled)
{
    map_u64_put(c->switched, key_of(kind, id), value_of(enabled));
    core__switched_save(c);
}

void core__unswitch(struct core *c, char kind, uint64_t id)
{
    if (map_u64_del(c->switched, key_of(kind, id)))
        core__switched_save(c);
}

bool core__switched(struct core *c, char kind, uint64_t id, bool file_says)
{
    void *value = map_u64_get(c->switched, key_of(kind, id));
    if (!value)
        return file_says;
    bool enabled = value == value_of(true);
    if (enabled == file_says)
        core__unswitch(c, kind, id);
    return enabled;
}

void core__switch_unit(struct core *c, const char *unit, bool enabled)
{
    must(!strpbrk(unit, " ="));
    map_str_put(c->switched_units, unit, strlen(unit), value_of(enabled));
    core__switched_save(c);
}

void core__unswitch_unit(struct core *c, const char *unit)
{
    if (map_str_del(c->switched_units, unit, strlen(unit)))
        core__switched_save(c);
}

bool core__switched_unit(struct core *c, const char *unit, bool file_says)
{
    void *value = map_str_get(c->switched_units, unit, strlen(unit));
    if (!value)
        return file_says;
    bool enabled = value == value_of(true);
    if (enabled == file_says)
        core__unswitch_unit(c, unit);
    return enabled;
}

/* One word of the setting; what is none is ignored. */
static void load_word(struct core *c, struct str word)
{
    struct str id, on;
    uint64_t n;
    if (word.n <= 3 || !str_cut(word, '=', &id, &on) || id.n < 2)
        return;
    struct str name = {id.p + 1, id.n - 1};
    if (*id.p == 'p')
        map_str_put(c->switched_units, name.p, name.n, value_of(str_eqz(on, "1")));
    else if ((*id.p == 't' || *id.p == 'c') && str_to_u64(name, &n, NULL) == 0)
        map_u64_put(c->switched, key_of(*id.p, n), value_of(str_eqz(on, "1")));
}

int core__switched_load(struct core *c, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct store_reader *r = store_reader_open(c->store, err);
    if (!r)
        return -1;
    struct str rest = str_of(store_setting(r, SETTING, a)), word;
    while (str_next(&rest, ' ', &word))
        load_word(c, word);
    store_reader_close(&r);
    return 0;
}
