/* DIR/NAME.place: how far a queue has come in the WAL, one line:
 *
 *     belfry remote write 1 SEGMENT OFFSET SINCE\n
 *
 * SINCE: samples of an earlier time (ms) are the past, from before the queue; 0 once it has caught up with the present.
 * Replaced as a whole; not synced each time, because an older place only means that samples are sent twice. */
#include "remote/sender_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/must.h"

#define HEAD "belfry remote write 1 "

static bool parse(struct str rest, struct tsdb_place *place, int64_t *since_ms)
{
    struct str segment, offset, since;
    if (!str_starts(rest, STR(HEAD)) || rest.p[rest.n - 1] != '\n')
        return false;
    rest = (struct str){rest.p + strlen(HEAD), rest.n - strlen(HEAD) - 1};
    return str_cut(rest, ' ', &segment, &rest) && str_cut(rest, ' ', &offset, &since) &&
           str_to_u64(segment, &place->segment, NULL) == 0 &&
           str_to_u64(offset, &place->offset, NULL) == 0 && str_to_i64(since, since_ms, NULL) == 0;
}

int place_load(const char *path, struct tsdb_place *out, int64_t *since_ms, struct err *err)
{
    struct buf text = BUF_INIT(200);
    struct tsdb_place place;
    int64_t since;
    if (!fs_exists(path))
        return err_set(err, ERR_NOT_FOUND, "cannot read \"%s\": it does not exist", path);
    int rc = fs_read(path, &text, err);
    if (rc == 0 && !parse((struct str){text.data, text.len}, &place, &since))
        rc = err_set(err, ERR_DAMAGED, "cannot read \"%s\": it holds no place", path);
    buf_done(&text);
    if (rc == 0) {
        *out = place;
        *since_ms = since;
    }
    return rc;
}

int place_save(const char *path, struct tsdb_place place, int64_t since_ms, struct err *err)
{
    char text[100];
    int n = snprintf(text, sizeof(text), HEAD "%" PRIu64 " %" PRIu64 " %" PRId64 "\n",
                     place.segment, place.offset, since_ms);
    must(n > 0 && n < (int)sizeof(text));
    return fs_write_atomic(path, text, (size_t)n, 0600, false, err);
}
