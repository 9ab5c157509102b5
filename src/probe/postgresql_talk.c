/* See postgresql_talk.h. Runs in watchers. libpq reads environment and files of the home folder where it is not told otherwise;
 * whatever could change what is probed is told. */
#include "probe/postgresql_talk.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"

#define NO_FILE   "/nonexistent" /* libpq does not look for files of its own */
#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define SINCE_16  160000 /* libpq takes sslrootcert=system */

static void ignore_notice(void *arg, const PGresult *notice)
{
}

static int timed_out(const struct pg_talk *t, const char *doing, struct err *err)
{
    return err_set(err, ERR_TIMEOUT, "timeout while %s %s", doing, t->who);
}

static int wait_for(struct pg_talk *t, int events, int64_t deadline_ns, const char *doing,
                    struct err *err)
{
    struct err e = {0};
    if (PQsocket(t->conn) < 0)
        return err_set(err, ERR_PROTOCOL, "%s closed the connection", t->who);
    int got = io_wait(PQsocket(t->conn), events, deadline_ns, &e);
    if (got >= 0)
        return got;
    if (e.code == ERR_TIMEOUT)
        return timed_out(t, doing, err);
    return err_set(err, e.code, "%s", e.msg);
}

/* --- connecting --- */

static const char *ca_of(const struct sql_config *c)
{
    if (c->ssl_mode < SSL_VERIFY_CA)
        return NO_FILE; /* with one, libpq would verify although nobody asked */
    if (c->ssl_ca_file)
        return c->ssl_ca_file;
    return PQlibVersion() >= SINCE_16 ? "system" : CA_BUNDLE;
}

static PGconn *start(const struct service *s, const struct sql_config *c, const struct addr *to)
{
    char ip[ADDR_TEXT], port[8];
    snprintf(port, sizeof(port), "%d", (int)s->port);
    const struct {
        const char *key, *value;
    } given[] = {
        {"host", s->host},
        {"hostaddr", addr_ip(to, ip)},
        {"port", port},
        {"user", s->username},
        {"password", s->password ? s->password : ""},
        {"dbname", c->database},
        {"sslmode", ssl_modes[c->ssl_mode]},
        {"sslrootcert", ca_of(c)},
        {"sslcert", c->ssl_cert_file ? c->ssl_cert_file : NO_FILE},
        {"sslkey", c->ssl_key_file ? c->ssl_key_file : c->ssl_cert_file},
        {"passfile", NO_FILE},
        {"gssencmode", "disable"},
        {"application_name", "belfry"},
        {"client_encoding", "UTF8"},
    };
    const char *keys[array_len(given) + 1] = {0}, *values[array_len(given) + 1] = {0};
    for (size_t i = 0; i < array_len(given); i++) {
        keys[i] = given[i].key;
        values[i] = given[i].value;
    }
    return PQconnectStartParams(keys, values, 0);
}

static int refused(struct pg_talk *t, struct err *err)
{
    const char *why = sql_one_line(PQerrorMessage(t->conn), "failed: ", t->probe->arena);
    why += strncmp(why, "FATAL:  ", 8) == 0 ? 8 : 0;
    return err_set(err, ERR_REFUSED, "%s: %s", t->who, why);
}

struct step {
    PGconn *conn;
    PostgresPollingStatusType next;
};

static void take_step(void *arg)
{
    struct step *s = arg;
    s->next = PQconnectPoll(s->conn);
}

/* It never waits, but SCRAM hashes the password as many thousand times as the server says: milliseconds, on another thread. */
static PostgresPollingStatusType go_on(struct pg_talk *t)
{
    struct step s = {t->conn, PGRES_POLLING_FAILED};
    if (t->service->password && PQstatus(t->conn) == CONNECTION_AWAITING_RESPONSE)
        io_blocking(take_step, &s);
    else
        take_step(&s);
    return s.next;
}

static int connect_one(void *talk, const struct addr *to, int64_t deadline_ns, struct err *err)
{
    struct pg_talk *t = talk;
    addr_text(to, t->who);
    pg_close(t); /* an earlier try's */
    t->conn = start(t->service, t->config, to);
    must(t->conn != NULL);
    if (PQstatus(t->conn) == CONNECTION_BAD)
        return refused(t, err);
    PQsetNoticeReceiver(t->conn, ignore_notice, NULL);
    for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
        const char *doing =
            PQstatus(t->conn) <= CONNECTION_MADE ? "connecting to" : "logging in to";
        int events = next == PGRES_POLLING_READING ? IO_READ : IO_WRITE;
        if (wait_for(t, events, deadline_ns, doing, err) < 0)
            return -1;
        if (clock_mono_ns() >= deadline_ns) /* one that never stops talking */
            return timed_out(t, doing, err);
        next = go_on(t);
        if (next == PGRES_POLLING_FAILED)
            return refused(t, err);
    }
    return PQsetnonblocking(t->conn, 1) == 0 ? 0 : refused(t, err);
}

int pg_connect(struct pg_talk *t, const struct resolved *to, struct addr *used, struct err *err)
{
    must(t->conn == NULL);
    return sql_connect(to, t->probe->connect_deadline_ns, connect_one, t, used, err);
}

void pg_close(struct pg_talk *t)
{
    PQfinish(t->conn); /* NULL is fine; says good-bye without waiting */
    t->conn = NULL;
}

/* --- asking --- */

static int lost(struct pg_talk *t, struct err *err)
{
    const char *why = sql_one_line(PQerrorMessage(t->conn), NULL, t->probe->arena);
    return err_set(err, ERR_PROTOCOL, "%s: %s", t->who, why);
}

static int flush(struct pg_talk *t, struct err *err)
{
    for (int rc; (rc = PQflush(t->conn)) != 0;) {
        if (rc < 0)
            return lost(t, err);
        int got = wait_for(t, IO_READ | IO_WRITE, t->probe->deadline_ns, "asking", err);
        if (got < 0 || ((got & IO_READ) && !PQconsumeInput(t->conn)))
            return got < 0 ? -1 : lost(t, err);
    }
    return 0;
}

/* Takes what is there, until a result is whole. */
static int await(struct pg_talk *t, struct err *err)
{
    while (PQisBusy(t->conn)) {
        int waiting = 0;
        if (wait_for(t, IO_READ, t->probe->deadline_ns, "waiting for an answer from", err) < 0)
            return -1;
        if (clock_mono_ns() >= t->probe->deadline_ns)
            return timed_out(t, "waiting for an answer from", err);
        ioctl(PQsocket(t->conn), FIONREAD, &waiting);
        t->taken += (size_t)waiting;
        if (t->taken > PG_TAKEN_MAX)
            return err_set(err, ERR_TOO_LARGE, "%s answered more than %zu MiB", t->who,
                           PG_TAKEN_MAX >> 20);
        if (!PQconsumeInput(t->conn))
            return lost(t, err);
    }
    return 0;
}

static int judge(const PGresult *res, struct pg_talk *t, struct err *err)
{
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return 0;
    const char *why = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (!why && PQstatus(t->conn) == CONNECTION_BAD)
        return lost(t, err);
    if (!why)
        return err_set(err, ERR_PROTOCOL, "%s answered %s", t->who, PQresStatus(status));
    return err_set(err, ERR_DENIED, "%s", sql_one_line(why, NULL, t->probe->arena));
}

/* All results of what was sent; the last one is kept. A COPY is none of ours. */
static int gather(struct pg_talk *t, PGresult **last, struct err *err)
{
    int rc = 0;
    for (;;) {
        if (await(t, rc == 0 ? err : NULL) != 0)
            return -1;
        PGresult *res = PQgetResult(t->conn);
        if (!res)
            return rc;
        PQclear(*last);
        *last = res;
        if (rc == 0)
            rc = judge(res, t, err);
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return rc;
    }
}

PGresult *pg_query(struct pg_talk *t, const char *sql, struct err *err)
{
    PGresult *last = NULL;
    int64_t left_ms = (t->probe->deadline_ns - clock_mono_ns()) / NS_PER_MS;
    must(t->conn != NULL && sql != NULL);
    if (left_ms <= 0) {
        timed_out(t, "asking", err);
        return NULL;
    }
    const char *text = arena_printf(t->probe->arena, "SET LOCAL statement_timeout = %d; %s",
                                    (int)left_ms + 1, sql);
    int rc = PQsendQuery(t->conn, text) ? flush(t, err) : lost(t, err);
    if (rc == 0)
        rc = gather(t, &last, err);
    if (rc != 0) {
        PQclear(last);
        return NULL;
    }
    return last;
}
