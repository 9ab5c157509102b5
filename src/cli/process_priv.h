/* Among the files of `belfry process`: process.c (verbs that show and change), process_act.c (start, stop … and waiting),
 * process_log.c, process_text.c. */
#ifndef CLI_PROCESS_PRIV_H
#define CLI_PROCESS_PRIV_H

#include "base/vec.h"
#include "cli/resource.h"

#define PROCESS_PATH "/api/v1/processes"

/* session.own: the command's own options. */
struct process_flags {
    bool rolling, no_wait, follow, timestamps, every;
    int64_t timeout_ms; /* of waiting */
    int64_t lines;      /* -n; -1 not given */
    const char *since, *stream, *contains, *status, *type;
};

/* The processes that words mean: ids, patterns ('worker-*'), all. Items of the list, each once, in its order. */
typedef vec_of(const struct node *) process_list;
/* 0, or the exit status: one of the words fits nothing (printed, with the nearest id). none: what no words mean. */
int process_choose(struct session *s, char **words, int n, process_list *out);
/* All pages of the list; query: "" or "&status=…". */
int process_fetch(struct session *s, const char *query, process_list *out);
const char *process_id(const struct node *item);
/* "/api/v1/processes/ID" and tail. */
const char *process_path(struct session *s, const char *id, const char *tail);

int process_start(struct session *s, char **words, int n);
int process_stop(struct session *s, char **words, int n);
int process_restart(struct session *s, char **words, int n);
int process_reset(struct session *s, char **words, int n);
int process_enable(struct session *s, char **words, int n);
int process_disable(struct session *s, char **words, int n);
int process_signal(struct session *s, char **words, int n);
int process_log(struct session *s, char **words, int n);
/* Prints the last lines of its output, indented. */
void process_print_tail(struct session *s, const char *id, int lines);

/* --- process_text.c: pure --- */
double field_num(const struct node *map, const char *key); /* 0 when absent */
bool field_flag(const struct node *map, const char *key);
/* "3d4h", "12m5s", "45s", "250ms", "-" for 0. */
const char *human_seconds(double seconds, struct arena *a);
/* "12.3M"; "-" for 0. */
const char *human_bytes(double bytes, struct arena *a);
/* Came to rest: waiting longer changes nothing. */
enum process_rest { REST_NOT_YET, REST_GOOD, REST_BAD };
/* item: as it is now; wanted: "stop", or anything else for what is to run. */
enum process_rest process_rest(const struct node *item, const char *wanted);
/* What the list says of it: its message, when it starts or runs next, that its monitor is off. */
const char *process_note(const struct node *item, struct arena *a);
/* "ss-001: running (pid 123)", "ss-001: fatal: exit status 1". */
const char *process_line(const struct node *item, struct arena *a);

#endif
