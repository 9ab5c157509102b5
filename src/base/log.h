/* The log: one line per event with key=value fields, as JSON or text, to stderr or a file that is
 * rotated at local midnight and kept keep_days (CONTRACT.md, logs/<group>/…).
 *
 * The only file-scope state of base/. Thread-safe: a line is formatted in the caller's stack and
 * written with one write(2). Roles and handlers log; libraries return errors (STYLE.md 24).
 * A line says what happened and what follows from it. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_config {
    enum log_level level;
    enum log_format format;
    const char *component; /* "core", "watcher:payments" … copied */
    const char *file; /* NULL: stderr. Otherwise path; renamed to FILE.YYYY-MM-DD at midnight */
    int keep_days;    /* rotated files older than this are removed; 0 keeps all */
    bool also_stderr;
};

int log_open(const struct log_config *cfg, struct err *err); /* may be called again to change */
void log_close(void);
bool log_enabled(enum log_level level);

/* log_info("target is down", "target", name, "fails", n) is spelled with typed fields:
 *   log_info("target is down; alert fires", F_STR("target", name), F_INT("fails", 3));
 * Values of fields whose key contains "password", "secret", "token" are written as "********". A first field "component"
 * stands for the log's own; NULL: the line has none. */
struct log_field {
    const char *key;
    enum { LOG_F_END, LOG_F_STR, LOG_F_INT, LOG_F_F64, LOG_F_BOOL, LOG_F_JSON } kind;
    const char *str;
    long long num;
    double f64;
};
#define F_STR(k, v)  ((struct log_field){.key = (k), .kind = LOG_F_STR, .str = (v)})
#define F_INT(k, v)  ((struct log_field){.key = (k), .kind = LOG_F_INT, .num = (long long)(v)})
#define F_F64(k, v)  ((struct log_field){.key = (k), .kind = LOG_F_F64, .f64 = (v)})
#define F_BOOL(k, v) ((struct log_field){.key = (k), .kind = LOG_F_BOOL, .num = (v)})
#define F_JSON(k, v) \
    ((struct log_field){.key = (k), .kind = LOG_F_JSON, .str = (v)}) /* JSON text of ours */
#define F_ERR(e) F_STR("error", (e)->msg)

void log_write(enum log_level level, const char *message, const struct log_field *fields);
#define log_at(level, message, ...) \
    log_write((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(m, ...) log_at(LOG_DEBUG, m, ##__VA_ARGS__)
#define log_info(m, ...)  log_at(LOG_INFO, m, ##__VA_ARGS__)
#define log_warn(m, ...)  log_at(LOG_WARN, m, ##__VA_ARGS__)
#define log_error(m, ...) log_at(LOG_ERROR, m, ##__VA_ARGS__)

/* A further rotated file with the same format, e.g. logs/<group>/health.log. NULL is a no-op sink. */
struct log_sink;
struct log_sink *log_sink_open(const char *file, int keep_days, struct err *err);
void log_sink_write(struct log_sink *s, enum log_level level, const char *message,
                    const struct log_field *fields);
void log_sink_close(struct log_sink *s);

#endif
