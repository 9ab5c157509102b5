/* DIR/NAME.place: how far a queue has come in the WAL, one line:
 *
 *     belfry remote write 1 SEGMENT OFFSET\n
 *
 * Replaced as a whole; not synced each time, because an older place only means that samples are sent twice. */
#include "remote/sender_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/must.h"

#define HEAD "belfry remote write 1 "

int place_load(const char *path, struct tsdb_place *out, struct err *err)
{
    struct buf text = BUF_INIT(200);
    struct str rest, segment, offset;
    struct tsdb_place place;
    if (!fs_exists(path))
        return err_set(err, ERR_NOT_FOUND, "cannot read \"%s\": it does not exist", path);
    int rc = fs_read(path, &text, err);
    rest = (struct str){text.data, text.len};
    if (rc == 0) {
        bool good = str_starts(rest, STR(HEAD)) && rest.p[rest.n - 1] == '\n';
        rest = good ? (struct str){rest.p + strlen(HEAD), rest.n - strlen(HEAD) - 1} : STR("");
        if (!good || !str_cut(rest, ' ', &segment, &offset) ||
            str_to_u64(segment, &place.segment, NULL) < 0 ||
            str_to_u64(offset, &place.offset, NULL) < 0)
            rc = err_set(err, ERR_DAMAGED, "cannot read \"%s\": it holds no place", path);
    }
    buf_done(&text);
    if (rc == 0)
        *out = place;
    return rc;
}

int place_save(const char *path, struct tsdb_place place, struct err *err)
{
    char text[100];
    int n =
        snprintf(text, sizeof(text), HEAD "%" PRIu64 " %" PRIu64 "\n", place.segment, place.offset);
    must(n > 0 && n < (int)sizeof(text));
    return fs_write_atomic(path, text, (size_t)n, 0600, false, err);
}
