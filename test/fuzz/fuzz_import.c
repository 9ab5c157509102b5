/* The importers: whatever the old files hold, what is written loads (import_check inside), or there
 * is an error that blames the input. The first byte chooses the importer; 0xFF separates the files.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "cli/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next file; absent when the input ends. Made UTF-8 as import_read does. */
static struct import_file next_file(struct str *rest, const char *name, struct arena *a)
{
    struct import_file f = {.name = name};
    struct str part;
    if (rest->n == 0 || !str_next(rest, '\xff', &part))
        return f;
    struct buf clean = BUF_INIT(16u << 20);
    utf8_clean(&clean, part.p, part.n);
    f.text =
        (struct str){arena_strndup(a, clean.data != NULL ? clean.data : "", clean.len), clean.len};
    buf_done(&clean);
    return f;
}

/* Of other supervisors: 2 supervisord, 4 systemd, 6 Monit. */
static int import_programs_of(int kind, struct str rest, struct arena *a, struct buf *yaml,
                              struct problems *p, struct err *err)
{
    static const char *const names[][5] = {
        [2] = {"/etc/supervisord.conf", "/etc/conf.d/a.conf", "/etc/conf.d/b.conf", "c", "d"},
        [4] = {"web.service", "web.service.d/x.conf", "web.timer", "db@7.service", "db@7.timer"},
        [6] = {"monitrc", "conf.d/a", "conf.d/b", "c", "d"},
    };
    struct import_file files[5];
    size_t n = 0;
    while (n < array_len(files) && rest.n > 0) {
        files[n] = next_file(&rest, names[kind][n], a);
        n += files[n].text.p != NULL;
    }
    return kind == 2   ? import_supervisor_texts(files, n, yaml, p, err)
           : kind == 4 ? import_systemd_texts(files, n, yaml, p, err)
                       : import_monit_texts(files, n, yaml, p, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    struct buf yaml = BUF_INIT(16u << 20);
    problems_init(&p, a);
    struct str rest = {(const char *)data + 1, size - 1};
    int rc;
    if ((data[0] & 1) == 0 && (data[0] & 7) != 0) {
        rc = import_programs_of(data[0] & 7, rest, a, &yaml, &p, &err);
    } else if (data[0] & 1) {
        struct import_file global = next_file(&rest, "conf/global.json", a);
        struct import_group groups[2] = {{.name = "group1"}, {.name = "group2"}};
        for (int i = 0; i < 2; i++) {
            groups[i].settings = next_file(&rest, "conf/group.json", a);
            groups[i].targets = next_file(&rest, "conf/targets.txt", a);
        }
        rc = import_waf_texts(&global, groups, 2, &yaml, &p, &err);
    } else {
        struct import_file conf = next_file(&rest, "conf.ini", a);
        struct import_file urls = next_file(&rest, "urlInput.txt", a);
        struct import_file template = next_file(&rest, "urlTrigger.tpl", a);
        rc = import_connmon_texts(&conf, &urls, &template, &yaml, &p, &err);
    }
    must(rc == 0 || err.code == ERR_MALFORMED || err.code == ERR_TOO_LARGE);
    buf_done(&yaml);
    problems_done(&p);
    arena_free(a);
    return 0;
}
