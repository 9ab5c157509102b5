/* One connection to PostgreSQL by libpq, on a fiber: never blocks, never resolves names, keeps deadlines, takes a bounded
 * amount of what the server says. */
#ifndef PROBE_POSTGRESQL_TALK_H
#define PROBE_POSTGRESQL_TALK_H

#include "probe/sql.h"

struct pg_conn;
struct pg_result;

#define PG_TAKEN_MAX ((size_t)4 << 20) /* bytes of all answers of one probe */

struct pg_talk {
    struct probe *probe;
    const struct service *service;
    const struct sql_config *config;
    struct pg_conn *conn; /* libpq's PGconn */
    char who[ADDR_TEXT];  /* "10.0.0.5:5432" */
    size_t taken;
};

/* Tries the addresses in order; *used is the last tried. 0, or -1 with *err. pg_close in any case. */
int pg_connect(struct pg_talk *t, const struct resolved *to, struct addr *used, struct err *err);
/* The last result of a query; the caller clears it. NULL with *err: DENIED when the server refused the query (one can go
 * on), else the connection is of no more use. The server ends what takes longer than the probe may. */
struct pg_result *pg_query(struct pg_talk *t, const char *sql, struct err *err);
void pg_close(struct pg_talk *t);

#endif
