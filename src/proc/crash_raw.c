/* Reading the raw file of a crash, and turning its addresses into names (crash_priv.h). Runs in the warden. The
 * file's writer has crashed: nothing in it is believed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/crash_priv.h"

/* --- the raw file --------------------------------------------------------------------------- */

static bool hex(struct str s, uint64_t *out)
{
    *out = 0;
    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit == 16)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* "11 code 1 address 0 pc 55f0" behind "signal " */
static void parse_signal(struct str line, struct crash_raw *out)
{
    struct str key = STR("signal"), value;
    while (str_next(&line, ' ', &value)) {
        uint64_t number = 0;
        (void)hex(value, &number);
        int64_t decimal = 0;
        (void)str_to_i64(value, &decimal, NULL);
        if (str_eqz(key, "signal"))
            out->signo = decimal > 0 && decimal < 128 ? (int)decimal : 0;
        else if (str_eqz(key, "code"))
            out->code = decimal >= 0 && decimal < 1024 ? (int)decimal : 0;
        else if (str_eqz(key, "address"))
            out->address = number;
        else if (str_eqz(key, "pc"))
            out->pc = number;
        if (!str_next(&line, ' ', &key))
            break;
    }
}

static bool take_line(struct str line, const char *word, struct str *rest)
{
    size_t n = strlen(word);
    if (line.n <= n || memcmp(line.p, word, n) != 0 || line.p[n] != ' ')
        return false;
    *rest = (struct str){line.p + n + 1, line.n - n - 1};
    return true;
}

bool crash__raw_parse(struct str text, struct crash_raw *out)
{
    *out = (struct crash_raw){0};
    struct str rest = text, line, value;
    if (!str_next(&rest, '\n', &line) || !str_eqz(line, "belfry-crash 1"))
        return false;
    while (str_next(&rest, '\n', &line)) {
        if (str_eqz(line, "maps")) {
            out->maps = rest;
            break;
        }
        if (take_line(line, "signal", &value))
            parse_signal(value, out);
        else if (take_line(line, "must", &value))
            out->must = value;
        else if (take_line(line, "frame", &value) && out->n_frames < CRASH_FRAMES)
            out->n_frames += hex(value, &out->frames[out->n_frames]);
    }
    return out->signo > 0;
}

/* --- addresses to names --------------------------------------------------------------------- */

struct mapping {
    uint64_t start, end, offset;
    char path[512];
};

/* "START-END PERMS OFFSET DEV INODE    PATH" */
static bool parse_mapping(struct str line, struct mapping *m)
{
    struct str range, perms, offset, skip, start, end;
    if (!str_next(&line, ' ', &range) || !str_next(&line, ' ', &perms) ||
        !str_next(&line, ' ', &offset) || !str_next(&line, ' ', &skip) ||
        !str_next(&line, ' ', &skip))
        return false;
    struct str path = str_trim(line);
    if (!str_cut(range, '-', &start, &end) || !hex(start, &m->start) || !hex(end, &m->end) ||
        !hex(offset, &m->offset) || path.n >= sizeof(m->path))
        return false;
    memcpy(m->path, path.p ? path.p : "", path.n);
    m->path[path.n] = '\0';
    return true;
}

static bool find_mapping(struct str maps, uint64_t address, struct mapping *m)
{
    struct str line;
    while (str_next(&maps, '\n', &line))
        if (parse_mapping(line, m) && address >= m->start && address < m->end)
            return true;
    return false;
}

/* The program itself is read through /proc/self/exe: the file at its path may be a newer one by now. */
static const char *openable(const struct mapping *m)
{
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    if (n > 0 && strcmp(m->path, self) == 0)
        return "/proc/self/exe";
    if (strncmp(m->path, "/usr/", 5) == 0 || strncmp(m->path, "/lib", 4) == 0)
        return m->path;
    return NULL; /* whatever a crashed process names is not opened */
}

static void put_frame(unsigned i, uint64_t address, bool is_return, struct str maps,
                      struct buf *out)
{
    struct mapping m;
    buf_printf(out, "#%u 0x%" PRIx64, i, address);
    uint64_t at = is_return && address > 0 ? address - 1 : address; /* inside the call */
    if (!find_mapping(maps, at, &m) || m.path[0] != '/') {
        buf_puts(out, " in unknown code\n");
        return;
    }
    const char *base = strrchr(m.path, '/') + 1;
    const char *file = openable(&m);
    char name[256];
    uint64_t distance, vaddr, offset = at - m.start + m.offset;
    if (file && crash__elf_symbol(file, offset, name, sizeof(name), &distance, &vaddr))
        buf_printf(out, " %s+0x%" PRIx64 " (%s+0x%" PRIx64 ")\n", name, distance + (at != address),
                   base, vaddr + (at != address));
    else
        buf_printf(out, " (%s, file offset 0x%" PRIx64 ")\n", base, offset);
}

/* The frames of the handler itself stand before the one that crashed. */
static uint32_t first_frame(const struct crash_raw *raw)
{
    for (uint32_t i = 0; i < raw->n_frames; i++)
        if (raw->frames[i] == raw->pc)
            return i;
    return 0;
}

void crash__traceback(const struct crash_raw *raw, struct buf *out)
{
    must(raw->n_frames <= CRASH_FRAMES);
    uint32_t first = first_frame(raw);
    unsigned shown = 0;
    if (raw->pc && (raw->n_frames == 0 || raw->frames[first] != raw->pc))
        put_frame(shown++, raw->pc, false, raw->maps, out);
    for (uint32_t i = first; i < raw->n_frames; i++)
        put_frame(shown++, raw->frames[i], raw->frames[i] != raw->pc, raw->maps, out);
}
