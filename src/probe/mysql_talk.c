/* See mysql_talk.h. Runs in watchers. */
#include "probe/mysql_talk.h"

#include <mysql.h>

#include <errmsg.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"

#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
/* What a server may ask of us: nothing that sends the password in clear text, nothing that opens a dialogue. */
#define AUTH_PLUGINS "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password"

/* --- waiting --- */

static int timed_out(struct my_talk *t, const char *doing, struct err *err)
{
    t->broken = true;
    return err_set(err, ERR_TIMEOUT, "timeout while %s %s", doing, t->who);
}

/* What the library waits for; its flags of what came, or -1. */
static int wait_for(struct my_talk *t, int wants, int64_t deadline_ns, const char *doing,
                    struct err *err)
{
    struct err e = {0};
    int events = (wants & (MYSQL_WAIT_READ | MYSQL_WAIT_EXCEPT) ? IO_READ : 0) |
                 (wants & MYSQL_WAIT_WRITE ? IO_WRITE : 0);
    int fd = (int)mysql_get_socket(t->conn);
    must(events != 0);
    if (fd < 0)
        return err_set(err, ERR_PROTOCOL, "%s closed the connection", t->who);
    if (clock_mono_ns() >= deadline_ns) /* one that never stops talking */
        return timed_out(t, doing, err);
    int got = io_wait(fd, events, deadline_ns, &e);
    if (got >= 0)
        return (got & IO_READ ? MYSQL_WAIT_READ : 0) | (got & IO_WRITE ? MYSQL_WAIT_WRITE : 0);
    t->broken = true;
    if (e.code == ERR_TIMEOUT)
        return timed_out(t, doing, err);
    return err_set(err, e.code, "%s", e.msg);
}

/* "Can't connect to server on '10.0.0.5' (111)" in an operator's words. */
static const char *plain(struct my_talk *t)
{
    uint64_t number;
    const char *text = mysql_error(t->conn), *open = strrchr(text, '(');
    struct str digits = {open ? open + 1 : "", open ? strcspn(open + 1, ")") : 0};
    unsigned code = mysql_errno(t->conn);
    if ((code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR) &&
        str_to_u64(digits, &number, NULL) == 0 && number > 0 && number < 4096)
        return arena_printf(t->probe->arena, "cannot connect: %s", strerror((int)number));
    return sql_one_line(text, NULL, t->probe->arena);
}

/* The library's own errors mean that the connection is gone, the server's that it refused something. */
static int failed(struct my_talk *t, struct err *err)
{
    unsigned code = mysql_errno(t->conn);
    const char *why = plain(t);
    if (code < CR_MIN_ERROR || code > CR_MAX_ERROR)
        return err_set(err, ERR_DENIED, "%s", why);
    t->broken = true;
    return err_set(err, ERR_PROTOCOL, "%s: %s", t->who, why);
}

/* --- connecting --- */

static void set_flag(MYSQL *conn, enum mysql_option option, my_bool on)
{
    mysql_optionsv(conn, option, &on);
}

static void set_tls(MYSQL *conn, const struct sql_config *c)
{
    if (c->ssl_mode == SSL_DISABLE)
        return;
    set_flag(conn, MYSQL_OPT_SSL_ENFORCE, 1);
    set_flag(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, c->ssl_mode == SSL_VERIFY_FULL);
    if (c->ssl_mode >= SSL_VERIFY_CA)
        mysql_optionsv(conn, MYSQL_OPT_SSL_CA, c->ssl_ca_file ? c->ssl_ca_file : CA_BUNDLE);
    if (c->ssl_cert_file)
        mysql_optionsv(conn, MYSQL_OPT_SSL_CERT, c->ssl_cert_file);
    if (c->ssl_key_file || c->ssl_cert_file)
        mysql_optionsv(conn, MYSQL_OPT_SSL_KEY,
                       c->ssl_key_file ? c->ssl_key_file : c->ssl_cert_file);
}

static MYSQL *new_conn(const struct sql_config *c)
{
    unsigned long packet = MY_PACKET_MAX;
    unsigned local_files = 0; /* a server could ask for any file of ours */
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    MYSQL *conn = mysql_init(NULL);
    must(conn != NULL);
    mysql_optionsv(conn, MYSQL_OPT_NONBLOCK, 0);
    mysql_optionsv(conn, MYSQL_OPT_LOCAL_INFILE, &local_files);
    mysql_optionsv(conn, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_optionsv(conn, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_optionsv(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(conn, MARIADB_OPT_RESTRICTED_AUTH, AUTH_PLUGINS);
    set_tls(conn, c);
    return conn;
}

/* The first step of connecting. */
struct first_step {
    MYSQL *conn;
    const char *host, *username, *password, *database;
    unsigned port;
    MYSQL *done;
    int wants;
};

static void begin(void *arg)
{
    struct first_step *f = arg;
    f->wants = mysql_real_connect_start(&f->done, f->conn, f->host, f->username, f->password,
                                        f->database, f->port, NULL, 0);
}

/* The library verifies the name that it connects to, so for verify-full it must resolve the name itself: once more, as we
 * know that it can be, and where waiting holds nobody up. Its resolver knows no deadline: at ours the probe goes on without it, and
 * what the thread needs outlives the probe. Shared by two fibers: freed by the second when the probe has left, else with the
 * connection. */
struct by_name {
    struct arena *arena; /* holds this and all texts */
    struct first_step step;
    struct fiber *waits; /* NULL: the probe has left */
    bool over;
};

static void by_name_free(struct by_name *b)
{
    arena_free(b->arena);
}

static void resolve_and_begin(void *arg)
{
    struct by_name *b = arg;
    io_blocking(begin, &b->step);
    must(!b->over);
    b->over = true;
    if (b->waits) {
        fiber_wake(b->waits);
        return;
    }
    int fd = (int)mysql_get_socket(b->step.conn);
    if (fd >= 0) /* in the middle of connecting: no good-bye */
        shutdown(fd, SHUT_RDWR);
    mysql_close(b->step.conn);
    by_name_free(b);
}

static struct by_name *by_name_new(const struct first_step *f)
{
    struct arena *a = arena_new();
    struct by_name *b = arena_new_of(a, struct by_name);
    *b = (struct by_name){.arena = a, .step = *f, .waits = fiber_self()};
    b->step.host = arena_strdup(a, f->host);
    b->step.username = f->username ? arena_strdup(a, f->username) : NULL;
    b->step.password = arena_strdup(a, f->password);
    b->step.database = f->database ? arena_strdup(a, f->database) : NULL;
    return b;
}

static int begin_by_name(struct my_talk *t, struct first_step *f, int64_t deadline_ns,
                         struct err *err)
{
    struct err e = {0};
    struct by_name *b = by_name_new(f);
    int rc = fiber_start(t->probe->env->loop, resolve_and_begin, b, err);
    if (rc != 0) {
        by_name_free(b);
        return -1;
    }
    while (!b->over && rc == 0)
        rc = fiber_park(deadline_ns, &e);
    if (b->over) {
        must(t->texts == NULL);
        t->texts = b->arena; /* the library looks at them until it has connected */
        *f = b->step;
        return 0;
    }
    b->waits = NULL;
    t->conn = NULL; /* the thread's */
    return e.code == ERR_TIMEOUT
               ? err_set(err, ERR_TIMEOUT, "timeout while resolving \"%s\" again to verify it",
                         t->service->host)
               : err_set(err, e.code, "%s", e.msg);
}

static int begin_connect(struct my_talk *t, struct first_step *f, const struct addr *to,
                         int64_t deadline_ns, struct err *err)
{
    char ip[ADDR_TEXT];
    struct addr literal;
    const struct service *s = t->service;
    *f = (struct first_step){.conn = t->conn,
                             .host = s->host,
                             .username = s->username,
                             .password = s->password ? s->password : "",
                             .database = t->config->database,
                             .port = (unsigned)s->port};
    if (t->config->ssl_mode == SSL_VERIFY_FULL && !addr_parse_ip(s->host, 0, &literal))
        return begin_by_name(t, f, deadline_ns, err);
    f->host = addr_ip(to, ip);
    begin(f);
    return 0;
}

static int judge_connection(struct my_talk *t, struct err *err)
{
    if (t->config->ssl_mode >= SSL_REQUIRE && !mysql_get_ssl_cipher(t->conn))
        return err_set(err, ERR_TLS, "%s does not speak TLS; want ssl_mode %s", t->who,
                       ssl_modes[t->config->ssl_mode]);
    return 0;
}

static int connect_one(void *talk, const struct addr *to, int64_t deadline_ns, struct err *err)
{
    struct my_talk *t = talk;
    struct first_step f;
    addr_text(to, t->who);
    my_close(t); /* an earlier try's */
    t->conn = new_conn(t->config);
    t->broken = false;
    if (begin_connect(t, &f, to, deadline_ns, err) != 0)
        return -1;
    must(f.conn == t->conn);
    for (bool first = true; f.wants; first = false) {
        int got = wait_for(t, f.wants, deadline_ns, first ? "connecting to" : "logging in to", err);
        if (got < 0)
            return -1;
        f.wants = mysql_real_connect_cont(&f.done, t->conn, got);
    }
    if (f.done)
        return judge_connection(t, err);
    failed(t, err);
    if (err->code == ERR_DENIED)
        err_prefix(err, "%s", t->who);
    t->broken = true;
    return -1;
}

int my_connect(struct my_talk *t, const struct resolved *to, struct addr *used, struct err *err)
{
    must(t->conn == NULL);
    return sql_connect(to, t->probe->connect_deadline_ns, connect_one, t, used, err);
}

void my_close(struct my_talk *t)
{
    if (!t->conn)
        return;
    int fd = (int)mysql_get_socket(t->conn);
    if (t->broken && fd >= 0) /* the library would say good-bye, and wait */
        shutdown(fd, SHUT_RDWR);
    mysql_close(t->conn);
    t->conn = NULL;
    arena_free(t->texts);
    t->texts = NULL;
}

/* --- asking --- */

const char *my_row_get(const struct my_row *row, const char *name)
{
    for (unsigned i = 0; i < row->n; i++)
        if (strcasecmp(row->fields[i].name, name) == 0)
            return row->at[i];
    return NULL;
}

static int send_query(struct my_talk *t, const char *sql, struct err *err)
{
    int rc = 0;
    int wants = mysql_real_query_start(&rc, t->conn, sql, strlen(sql));
    while (wants) {
        int got = wait_for(t, wants, t->probe->deadline_ns, "waiting for an answer from", err);
        if (got < 0)
            return -1;
        wants = mysql_real_query_cont(&rc, t->conn, got);
    }
    return rc == 0 ? 0 : failed(t, err);
}

/* 1, 0 at the end, -1. */
static int next_row(struct my_talk *t, MYSQL_RES *res, MYSQL_ROW *row, struct err *err)
{
    int wants = mysql_fetch_row_start(row, res);
    while (wants) {
        int got = wait_for(t, wants, t->probe->deadline_ns, "waiting for an answer from", err);
        if (got < 0)
            return -1;
        wants = mysql_fetch_row_cont(row, res, got);
    }
    if (*row)
        return 1;
    return mysql_errno(t->conn) ? failed(t, err) : 0;
}

static int take_rows(struct my_talk *t, MYSQL_RES *res,
                     void (*on_row)(void *arg, const struct my_row *row), void *arg,
                     struct err *err)
{
    MYSQL_ROW at = NULL;
    int rc;
    while ((rc = next_row(t, res, &at, err)) > 0) {
        struct my_row row = {mysql_fetch_fields(res), mysql_num_fields(res), at};
        const unsigned long *lengths = mysql_fetch_lengths(res);
        for (unsigned i = 0; i < row.n; i++)
            t->taken += lengths[i] + 1;
        if (t->taken > MY_TAKEN_MAX) {
            t->broken = true;
            return err_set(err, ERR_TOO_LARGE, "%s answered more than %zu MiB", t->who,
                           MY_TAKEN_MAX >> 20);
        }
        on_row(arg, &row);
    }
    return rc;
}

int my_query(struct my_talk *t, const char *sql,
             void (*on_row)(void *arg, const struct my_row *row), void *arg, struct err *err)
{
    must(t->conn != NULL && sql != NULL && !t->broken);
    if (send_query(t, sql, err) != 0)
        return -1;
    MYSQL_RES *res = mysql_use_result(t->conn);
    if (!res)
        return mysql_errno(t->conn) ? failed(t, err) : 0;
    int rc = take_rows(t, res, on_row, arg, err);
    if (t->broken) /* mysql_free_result would read on to the end */
        shutdown((int)mysql_get_socket(t->conn), SHUT_RDWR);
    mysql_free_result(res);
    return rc;
}
