/* See host_proc.h. */
#include "probe/host_proc.h"

#include <string.h>

#include "base/must.h"

static struct str word_of(struct str *rest)
{
    while (rest->n && char_in(*rest->p, " \t"))
        rest->p++, rest->n--;
    size_t i = 0;
    while (i < rest->n && !char_in(rest->p[i], " \t\n"))
        i++;
    struct str word = {rest->p, i};
    rest->p += i;
    rest->n -= i;
    return word;
}

bool loadavg_parse(struct str text, double load[3])
{
    double got[3];
    for (int i = 0; i < 3; i++)
        if (str_to_f64(word_of(&text), &got[i], NULL) != 0 || !(got[i] >= 0))
            return false;
    memcpy(load, got, sizeof(got));
    return true;
}

double meminfo_get(struct str text, const char *name)
{
    struct str line, key, value;
    uint64_t kb;
    while (text.p && str_next(&text, '\n', &line))
        if (str_cut(line, ':', &key, &value) && str_eqz(key, name) &&
            str_to_u64(word_of(&value), &kb, NULL) == 0)
            return (double)kb * 1024;
    return -1;
}

static bool psi_number(struct str word, const char *name, double *out)
{
    struct str key, value;
    return str_cut(word, '=', &key, &value) && str_eqz(key, name) &&
           str_to_f64(value, out, NULL) == 0;
}

bool psi_parse(struct str text, const char *kind, struct psi *out)
{
    struct str line;
    struct psi got = {0};
    while (text.p && str_next(&text, '\n', &line)) {
        if (!str_eqz(word_of(&line), kind))
            continue;
        bool good = psi_number(word_of(&line), "avg10", &got.avg10) &&
                    psi_number(word_of(&line), "avg60", &got.avg60) &&
                    psi_number(word_of(&line), "avg300", &got.avg300) &&
                    psi_number(word_of(&line), "total", &got.total_s);
        got.total_s /= 1e6;
        if (good)
            *out = got;
        return good;
    }
    return false;
}

bool mount_holds_data(const char *type)
{
    static const char *const none[] = {
        "autofs",     "binfmt_misc", "bpf",      "cgroup",  "cgroup2",   "configfs", "debugfs",
        "devpts",     "devtmpfs",    "efivarfs", "fusectl", "hugetlbfs", "iso9660",  "mqueue",
        "nsfs",       "overlay",     "proc",     "procfs",  "pstore",    "ramfs",    "rpc_pipefs",
        "securityfs", "selinuxfs",   "squashfs", "sysfs",   "tmpfs",     "tracefs",  "udf"};
    for (size_t i = 0; i < array_len(none); i++)
        if (streq(type, none[i]))
            return false;
    return strncmp(type, "fuse.", 5) != 0 || streq(type, "fuse.sshfs");
}

/* "\040" is a blank. */
static const char *unescape(struct str s, struct arena *a)
{
    char *text = arena_strndup(a, s.p, s.n), *w = text;
    for (const char *p = text; *p; p++) {
        bool octal = *p == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                     p[3] >= '0' && p[3] <= '7';
        *w++ = octal ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : *p;
        p += octal ? 3 : 0;
    }
    *w = '\0';
    must((size_t)(w - text) <= s.n);
    return text;
}

/* "36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue" */
static bool parse_mount(struct str line, struct arena *a, struct mount *out)
{
    struct str w[6];
    for (size_t i = 0; i < array_len(w); i++)
        if ((w[i] = word_of(&line)).n == 0)
            return false;
    struct str type, device, options;
    for (struct str field = word_of(&line); !str_eqz(field, "-"); field = word_of(&line))
        if (field.n == 0)
            return false;
    type = word_of(&line);
    device = word_of(&line);
    options = word_of(&line);
    *out = (struct mount){
        .device = unescape(device, a), .point = unescape(w[4], a), .type = unescape(type, a)};
    out->read_only = str_eqz(w[5], "ro") || str_starts(w[5], STR("ro,")) ||
                     str_eqz(options, "ro") || str_starts(options, STR("ro,"));
    return type.n > 0 && device.n > 0 && *out->point == '/';
}

size_t mountinfo_parse(struct str text, struct arena *a, struct mount out[MOUNTS_MAX])
{
    size_t n = 0;
    struct str line;
    while (text.n && str_next(&text, '\n', &line)) {
        struct mount m;
        if (!parse_mount(line, a, &m))
            continue;
        size_t at = 0;
        while (at < n && !streq(out[at].point, m.point))
            at++;
        if (at < MOUNTS_MAX)
            out[at] = m; /* a later one hides the one before it */
        n += at == n && n < MOUNTS_MAX;
    }
    must(n <= MOUNTS_MAX);
    return n;
}
