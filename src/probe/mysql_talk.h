/* One connection to MySQL or MariaDB by libmariadb, on a fiber: never blocks, keeps deadlines, takes a bounded amount of what
 * the server says. The library's calls run on a small stack of its own and come back wherever they would wait. */
#ifndef PROBE_MYSQL_TALK_H
#define PROBE_MYSQL_TALK_H

#include "probe/sql.h"

struct st_mysql;
struct st_mysql_field;

#define MY_TAKEN_MAX  ((size_t)4 << 20) /* bytes of the rows of one probe */
#define MY_PACKET_MAX (1ul << 20)       /* bytes of one row */

struct my_talk {
    struct probe *probe;
    const struct service *service;
    const struct sql_config *config;
    struct st_mysql *conn; /* libmariadb's MYSQL */
    char who[ADDR_TEXT];   /* "10.0.0.5:3306" */
    size_t taken;
    bool broken;         /* in the middle of something: no good-bye */
    struct arena *texts; /* what the library was given by name; until my_close */
};

/* A row of an answer; the texts are valid during the call. A NULL of the table is NULL. */
struct my_row {
    const struct st_mysql_field *fields;
    unsigned n;
    char **at;
};
const char *my_row_get(const struct my_row *row, const char *name); /* by the column's name; NULL */

/* Tries the addresses in order; *used is the last tried. 0, or -1 with *err. my_close in any case. */
int my_connect(struct my_talk *t, const struct resolved *to, struct addr *used, struct err *err);
/* on_row gets each row. -1 with *err: DENIED when the server refused the query (one can go on), else the connection is of no
 * more use. */
int my_query(struct my_talk *t, const char *sql,
             void (*on_row)(void *arg, const struct my_row *row), void *arg, struct err *err);
void my_close(struct my_talk *t);

#endif
