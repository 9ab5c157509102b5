/* Adoption (adopt.h): pid files, and the pure parts of the other ways. Called by the supervisor
 * for each adopted unit that it does not know the process of. */
#include "proc/adopt.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "proc/adopt_priv.h"
#include "proc/proc_priv.h"

pid_t adopt__parse_pid(const char *text, size_t n)
{
    uint64_t number = 0;
    if (str_to_u64(str_trim((struct str){text, n}), &number, NULL) < 0 || number > INT32_MAX)
        return 0;
    return (pid_t)number;
}

bool adopt__name_matches(const char *pattern, const char *cmdline, size_t n)
{
    char line[4096];
    while (n > 0 && cmdline[n - 1] == '\0')
        n--;
    if (n == 0) /* a thread of the kernel */
        return false;
    n = n < sizeof(line) ? n : sizeof(line) - 1;
    memcpy(line, cmdline, n);
    line[n] = '\0';
    const char *slash = strrchr(line, '/'); /* within argv[0] yet */
    if (fnmatch(pattern, slash ? slash + 1 : line, 0) == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\0')
            line[i] = ' ';
    return fnmatch(pattern, line, 0) == 0;
}

bool adopt__in_unit(const char *cgroup, size_t n, const char *unit)
{
    struct str rest = {cgroup, n}, line, id, kind, path, part;
    while (str_next(&rest, '\n', &line)) {
        if (!str_cut(line, ':', &id, &line) || !str_cut(line, ':', &kind, &path))
            continue;
        if (kind.n > 0 && !str_eqz(kind, "name=systemd"))
            continue;
        while (str_next(&path, '/', &part))
            if (str_eqz(part, unit))
                return true;
    }
    return false;
}

/* Whoever wrote the file knew the number, so the process was there already; one that began later
 * has only got the number again. */
static bool wrote_before(int64_t written_ms, uint64_t start_time)
{
    enum { UNSURE_MS = 2000 }; /* the kernel tells its own start to the second */
    int64_t started_ms = adopt__started_ms(start_time);
    return started_ms == 0 || started_ms <= written_ms + UNSURE_MS;
}

/* Systems without start times: whether there is such a process. */
static bool exists(pid_t pid)
{
    return process_start_time(getpid()) == 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static bool by_pid_file(const char *path, struct spawn_id *out)
{
    enum { LONGEST = 64 };
    struct buf text = BUF_INIT(LONGEST);
    struct stat st;
    pid_t pid = 0;
    if (stat(path, &st) == 0 && fs_read_regular(path, &text, NULL) == 0 && text.len > 0)
        pid = adopt__parse_pid(text.data, text.len);
    buf_done(&text);
    if (pid <= 1 || pid == getpid())
        return false;
    bool raised = proc__raise(); /* where /proc hides others' processes */
    uint64_t start_time = process_start_time(pid);
    proc__unraise(raised);
    if (start_time ? !wrote_before((int64_t)st.st_mtime * 1000, start_time) : !exists(pid))
        return false;
    *out = (struct spawn_id){.pid = (int32_t)pid, .start_time = start_time};
    return true;
}

bool adopt_find(const struct unit_adopt *a, struct spawn_id *out)
{
    switch (a->kind) {
    case ADOPT_NONE:
        return false;
    case ADOPT_PID_FILE:
        return by_pid_file(a->what, out);
    case ADOPT_NAME:
    case ADOPT_SYSTEMD:
        return adopt__search(a, out);
    }
    return false;
}
