/* What the probers of databases share: account, TLS by ssl_mode, a query of the user's own with the value that is wanted.
 * A prober embeds `struct service service; struct sql_config sql;` in its configuration (the
 * service's tls part is not used: ssl_mode is) and `struct latency_bound latency; struct value_check value;` in its
 * `expect` section; the rows below are for its option tables. */
#ifndef PROBE_SQL_H
#define PROBE_SQL_H

#include "probe/service.h"
#include "probe/value.h"

#define SQL_VALUE_MAX 1000 /* bytes of an own query's answer that are compared */

/* As libpq names them; from SSL_REQUIRE on nothing is said in clear text. */
enum ssl_mode { SSL_DISABLE, SSL_PREFER, SSL_REQUIRE, SSL_VERIFY_CA, SSL_VERIFY_FULL };
extern const char *const ssl_modes[];

struct sql_config {
    const char *database;
    int ssl_mode; /* enum ssl_mode */
    const char *ssl_ca_file, *ssl_cert_file, *ssl_key_file;
    bool statistics;
    const char *query;
};

/* clang-format off: initializers in macros */
#define SQL_SSL(C)                                                                                        \
    {"ssl_mode",                                                                                          \
     OPT_ENUM,                                                                                            \
     offsetof(C, sql.ssl_mode),                                                                           \
     .def = "disable",                                                                                    \
     .choices = ssl_modes,                                                                                \
     .help = {"Whether the connection is encrypted, and what of the server's certificate is "             \
              "checked.",                                                                                 \
              "是否加密连接，以及如何校验服务器证书。"}},                                                 \
        {"ssl_ca_file", OPT_STRING, offsetof(C, sql.ssl_ca_file), .advanced = true,                       \
         .help =                                                                                          \
             {"PEM file of trusted authorities for verify-ca and verify-full; the system's when absent.", \
              "verify-ca 与 verify-full 信任的 CA（PEM 文件）；默认用系统自带的。"}},                     \
        {"ssl_cert_file", OPT_STRING, offsetof(C, sql.ssl_cert_file), .advanced = true,                   \
         .help = {"Client certificate, PEM.", "客户端证书（PEM）。"}},                                    \
    {                                                                                                     \
        "ssl_key_file", OPT_STRING, offsetof(C, sql.ssl_key_file), .advanced = true, .help = {            \
            "Key of the client certificate, PEM.",                                                        \
            "客户端证书的私钥（PEM）。"                                                        \
        }                                                                                                 \
    }
#define SQL_QUERY(C)                                                                                     \
    {"statistics",                                                                                       \
     OPT_BOOL,                                                                                           \
     offsetof(C, sql.statistics),                                                                        \
     .def = "true",                                                                                      \
     .advanced = true,                                                                                   \
     .help = {                                                                                           \
         "Ask for connections, replication, slow queries and the rest; off: only connect and SELECT 1.", \
         "查询连接数、复制、慢查询等统计；关闭则只连接并执行 SELECT 1。"}},                              \
    {                                                                                                    \
        "query", OPT_TEXT, offsetof(C, sql.query),                                                       \
            .max = 8192, .example = "SELECT count(*) FROM orders WHERE paid IS NULL",                    \
            .help =                                                                                      \
        { "A query of your own; the first column of its first row is judged by expect.value.",           \
          "自定义查询；其首行首列由 expect.value 判断。" }                                               \
    }
/* E: the `expect` struct, with `latency` and `value` in it. */
#define SQL_EXPECT(E)                                                                             \
    {"value",                                                                                     \
     OPT_STRING,                                                                                  \
     offsetof(E, value.value),                                                                    \
     .max = SQL_VALUE_MAX,                                                                        \
     .example = "0",                                                                              \
     .help = {"What the own query must answer, compared by `op`.",                                \
              "自定义查询应得的值，按 op 比较。"}},                                               \
        {"op",                                                                                    \
         OPT_ENUM,                                                                                \
         offsetof(E, value.op),                                                                   \
         .def = "==",                                                                             \
         .choices = value_ops,                                                                    \
         .help =                                                                                  \
             {"How the answer is compared: numbers as numbers; matches is a regular expression; " \
              "exists asks for a row.",                                                           \
              "比较方式：数字按数值比较；matches 为正则；exists 要求有结果行。"}},                \
        EXPECT_LATENCY(E)
/* clang-format on */

/* A server that would otherwise be told the name of Belfry's own user. */
void sql_need_user(const struct service *s, struct problems *p, const char *path);
/* Compiles the check; faults become problems. */
void sql_validate(const struct sql_config *c, struct value_check *want, struct arena *a,
                  struct problems *p, const char *path);
/* Judges what the own query answered; got NULL: no row, or NULL in it. Fails *r, or adds `metric` for a number. */
void sql_judge(const struct value_check *want, const char *got, const char *metric,
               struct result *r);
/* The URL form with the path as the database, sslmode & co. in libpq's and MySQL's spelling as ours. */
struct node *sql_from_url(const char *text, struct arena *a, struct err *err);
/* "10.0.0.5:5432/app" */
void sql_describe(const struct service *s, const char *database, struct buf *out);
/* One try to connect and log in. 0, or -1 with *err; what it leaves behind is the next try's to close. */
typedef int sql_try(void *talk, const struct addr *to, int64_t deadline_ns, struct err *err);
/* Tries the addresses in order, each for its share of the time; *used is the last tried. 0, or -1 with its *err. */
int sql_connect(const struct resolved *to, int64_t deadline_ns, sql_try *connect, void *talk,
                struct addr *used, struct err *err);
/* A library's text about an error in one line: without the line breaks, prefix up to `after` cut off each line. */
const char *sql_one_line(const char *text, const char *after, struct arena *a);

#endif
