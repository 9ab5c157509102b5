/* The dialogue of a tcp probe: steps that each send, expect, or change over to TLS. Split from tcp.c, which connects.
 *
 * An expected line is searched for: lines that do not match are passed over until one does, the service closes, or the
 * deadline passes. What a step's send and labels say of the last match ($1, ${1}) is put in when `expand` asks for it.
 * Metric names and the meaning of probe_failed_due_to_* are blackbox_exporter's: 1 when the service had its say and it was
 * the wrong thing, 0 when it went silent or broke off. */
#ifndef PROBE_TCP_TALK_H
#define PROBE_TCP_TALK_H

#include "probe/pattern.h"
#include "probe/service.h"

struct tcp_bytes { /* a text of the configuration, its escapes resolved; p NULL: none */
    const char *p;
    size_t n;
};

struct tcp_step {
    const char *send, *expect, *expect_bytes;
    struct pair_list labels;
    bool starttls, expand;
    /* compiled by tcp_talk_validate */
    struct tcp_bytes out, in;
    struct pattern *pattern; /* of expect */
};
extern const struct option tcp_step_options[];

/* steps: struct tcp_step; secured: TLS is spoken before the first. */
void tcp_talk_validate(struct section_list *steps, bool secured, struct arena *a,
                       struct problems *p, const char *path);
/* Runs the steps; a failure is in *r. Adds probe_failed_due_to_regex, probe_failed_due_to_bytes and, for labels,
 * probe_expect_info. */
void tcp_talk_run(struct probe *p, const struct service *service, struct stream *s,
                  const struct section_list *steps, struct result *r);

/* Turns \r \n \t \0 \\ \xNN into bytes, in a copy; p NULL when an escape is not known. */
struct tcp_bytes tcp_unescape(const char *text, struct arena *a);

#endif
