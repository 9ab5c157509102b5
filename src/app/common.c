/* What several roles and commands do at their start. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/roles.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/hooks.h"
#include "proc/crash.h"

struct config *load_config(const char *path)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config_input in = {.path = path};
    struct config *cfg = config_load(&in, core_config_hooks(), &p);
    if (!cfg)
        problems_print(&p);
    problems_done(&p);
    arena_free(a);
    return cfg;
}

void open_role_log(const struct config *cfg, const char *component, const char *folder,
                   const char *file)
{
    struct err err = {0};
    char *dir = path_join(cfg->log.dir, folder), *path = path_join(dir, file);
    struct log_config log = {
        .level = (enum log_level)cfg->log.level,
        .format = (enum log_format)cfg->log.format,
        .component = component,
        .file = path,
        .keep_days = (int)cfg->log.keep_days,
        .also_stderr = getenv(FOREGROUND_ENV) != NULL,
    };
    if (fs_mkdirs(dir, 0755, &err) != 0 || log_open(&log, &err) != 0) {
        log.file = NULL;
        log_open(&log, NULL);
        log_warn("cannot open the log file; logging to stderr", F_STR("file", path), F_ERR(&err));
    }
    free(dir);
    free(path);
}

void install_crash_handlers(const char *run_dir)
{
    struct err err = {0};
    char *dir;
    must(asprintf(&dir, "%s/../crash", run_dir) > 0);
    if (crash_install(dir, &err) != 0)
        log_warn("crashes will leave no backtrace", F_ERR(&err));
    free(dir);
}

void raise_open_files(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    l.rlim_cur = l.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &l) != 0)
        log_warn("cannot raise the limit of open files; fewer probes run at once");
}
