/* A sample_sink over the store (tsdb.h, tsdb_sink): rows wait until they are flushed, or are 1000. One thread. */
#include <stdlib.h>

#include "tsdb/tsdb_priv.h"

#define SINK_ROWS 1000u

struct sink {
    struct tsdb *db;
    uint32_t source, n;
    struct tsdb_row rows[SINK_ROWS];
};

/* A series may have been forgotten between append and flush: its rows are sent again by whoever made them. */
static int sink_flush(void *self, struct err *err)
{
    struct sink *s = self;
    uint32_t n = s->n;
    s->n = 0;
    return n > 0 ? tsdb_append(s->db, s->rows, n, NULL, err) : 0;
}

static int sink_append(void *self, const struct labels *l, int64_t t_ms, double v, struct err *err)
{
    struct sink *s = self;
    tsdb_ref ref = tsdb_series(s->db, s->source, l, err);
    if (ref == 0)
        return -1;
    s->rows[s->n++] = (struct tsdb_row){ref, t_ms, v};
    return s->n == SINK_ROWS ? sink_flush(s, err) : 0;
}

static const struct sample_sink_ops sink_ops = {sink_append, sink_flush};

struct sample_sink tsdb_sink(struct tsdb *db, uint32_t source)
{
    struct sink *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->db = db;
    s->source = source;
    return (struct sample_sink){&sink_ops, s};
}

void tsdb_sink_free(struct sample_sink *sink)
{
    must(sink->ops == &sink_ops || sink->ops == NULL);
    free(sink->self);
    *sink = (struct sample_sink){0};
}
