/* What a unit needs of this machine: its user and groups, its folder, its program (config/process.h). Blocking: asks the
 * user database and the file system; for `belfry config check` and for what the core logs at a reload. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "config/process_priv.h"

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct look {
    const struct process_unit *unit;
    struct arena *arena;
    struct map_str *known; /* "u:NAME", "g:NAME", "d:PATH", "p:NAME" → found[] */
    void (*warn)(void *arg, const struct node *at, const char *field, const char *text);
    void *arg;
};

static void warn(const struct look *l, const char *key, const char *text)
{
    const struct process_unit *u = l->unit;
    const struct node *at = u->at != NULL ? node_get(u->at, key) : NULL;
    const char *path = u->path != NULL ? u->path : "";
    l->warn(l->arg, at != NULL ? at : u->at,
            arena_printf(l->arena, "%s%s%s", path, path[0] != '\0' ? "." : "", key), text);
}

static bool is_number(const char *s)
{
    return s[0] != '\0' && strspn(s, "0123456789") == strlen(s);
}

static bool there_is_user(const char *name)
{
    return is_number(name) || getpwnam(name) != NULL;
}

static bool there_is_group(const char *name)
{
    return is_number(name) || getgrnam(name) != NULL;
}

static bool there_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? S_ISDIR(st.st_mode) : errno != ENOENT && errno != ENOTDIR;
}

/* What we may not see counts as there. */
static bool there_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? S_ISREG(st.st_mode) : errno != ENOENT && errno != ENOTDIR;
}

static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    struct str rest = str_of(path != NULL ? path : USUAL_PATH), folder;
    char file[4096];
    while (str_next(&rest, ':', &folder)) {
        int n = snprintf(file, sizeof(file), "%.*s/%s", (int)folder.n, folder.p, name);
        if (n > 0 && (size_t)n < sizeof(file) && there_is_file(file))
            return true;
    }
    return false;
}

static bool there_is_program(const char *name)
{
    return strchr(name, '/') != NULL ? there_is_file(name) : is_in_path(name);
}

/* Each thing is looked for once, however many units name it. */
static bool there_is(const struct look *l, char kind, const char *name, bool (*look)(const char *))
{
    const char *key = arena_printf(l->arena, "%c:%s", kind, name);
    static const char found[2]; /* its addresses are the answers */
    const char *known = map_str_get(l->known, key, strlen(key));
    if (known == NULL) {
        known = &found[look(name)];
        map_str_put(l->known, key, strlen(key), (void *)(uintptr_t)known);
    }
    return known == &found[1];
}

static void look_at_people(const struct look *l)
{
    const struct process_config *c = l->unit->config;
    if (c->user[0] != '\0' && !there_is(l, 'u', c->user, there_is_user))
        warn(l, "user", arena_printf(l->arena, "there is no user \"%s\" on this machine", c->user));
    if (c->group[0] != '\0' && !there_is(l, 'g', c->group, there_is_group))
        warn(l, "group",
             arena_printf(l->arena, "there is no group \"%s\" on this machine", c->group));
    for (size_t i = 0; i < c->groups.n; i++)
        if (!there_is(l, 'g', c->groups.at[i], there_is_group))
            warn(l, "groups",
                 arena_printf(l->arena, "there is no group \"%s\" on this machine",
                              c->groups.at[i]));
}

/* The program of an argv; "./run" is looked for from the unit's folder. */
static void look_at_program(const struct look *l, const char *key, const struct str_list *argv)
{
    const struct process_config *c = l->unit->config;
    if (argv->n == 0 || (c->shell && argv == &c->command))
        return;
    const char *name = argv->at[0];
    bool relative = name[0] != '/' && strchr(name, '/') != NULL;
    const char *path = relative ? arena_printf(l->arena, "%s/%s", c->directory, name) : name;
    /* A unit's own PATH is not ours to follow: its variables may stand in a file that only its user reads. */
    bool own_path = strchr(name, '/') == NULL && (c->environment.n > 0 || c->environment_file[0]);
    if (!own_path && !there_is(l, 'p', path, there_is_program))
        warn(l, key, arena_printf(l->arena, "there is no program \"%s\" on this machine", name));
}

void process_warn_machine(const struct process_unit *units, uint32_t n, struct arena *a,
                          void (*tell)(void *arg, const struct node *at, const char *field,
                                       const char *text),
                          void *arg)
{
    struct look l = {.arena = a, .known = map_str_new(), .warn = tell, .arg = arg};
    for (uint32_t i = 0; i < n; i++) {
        if (units[i].replica > 1)
            continue; /* as the first */
        l.unit = &units[i];
        const struct process_config *c = units[i].config;
        look_at_people(&l);
        if (c->directory[0] != '\0' && !there_is(&l, 'd', c->directory, there_is_folder))
            warn(&l, "directory",
                 arena_printf(a, "there is no folder \"%s\" on this machine", c->directory));
        look_at_program(&l, "command", &c->command);
        look_at_program(&l, "pre_start", &c->pre_start);
        look_at_program(&l, "post_stop", &c->post_stop);
    }
    map_str_free(l.known);
}
