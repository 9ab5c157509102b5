/* Between the files of the sender. Everything but remote_writers' lists is the sender thread's alone. */
#ifndef REMOTE_SENDER_PRIV_H
#define REMOTE_SENDER_PRIV_H

#include <pthread.h>

#include "io/fiber.h"
#include "io/http_client.h"
#include "remote/sender.h"
#include "wire/relabel.h"

struct remote_config { /* one item of remote_write:, bound */
    const char *url, *name, *proxy_url;
    int64_t remote_timeout_ms;
    struct pair_list headers;
    bool follow_redirects, enable_http2, send_exemplars, send_native_histograms;
    const char *protobuf_message;
    struct {
        const char *username, *username_file, *password, *password_file;
    } basic_auth;
    struct {
        const char *type, *credentials, *credentials_file;
    } authorization;
    const char *bearer_token, *bearer_token_file;
    struct {
        const char *ca_file, *cert_file, *key_file, *server_name;
        bool insecure_skip_verify;
        int min_version;
    } tls;
    struct section_list write_relabel_configs;
    struct {
        int64_t capacity, max_shards, min_shards, max_samples_per_send, batch_send_deadline_ms,
            min_backoff_ms, max_backoff_ms, sample_age_limit_ms;
        bool retry_on_http_429;
    } queue;
    struct {
        bool send;
        int64_t send_interval_ms, max_samples_per_send;
    } metadata;
};
/* Binds and checks one item in `a`; *relabel is made (may be NULL without rules). */
bool remote_config_bind(const struct node *item, struct arena *a, struct remote_config *out,
                        struct relabel **relabel, struct problems *p, const char *path);

#define QUEUE_MAGIC 0x9e3e0e0du
struct queue {
    uint32_t magic;
    struct remote_writers *writers;
    struct arena *arena; /* of the configuration */
    struct remote_config config;
    struct relabel *relabel;
    struct labels external;
    uint64_t hash; /* of its description: the same means that nothing changed */
    const char *name, *place_path;

    struct tsdb_tail *tail;
    struct tsdb_place place; /* delivered up to here */
    int64_t since_ms;        /* a new queue: samples before are the past. 0: none */
    int64_t saved_ns, metadata_ns;

    struct tsdb_row *rows; /* of the round */
    size_t n_rows, max_rows;
    struct queue_slot {
        uint32_t shard, row;
    } * order;

    struct fiber *fiber;       /* the queue's own; NULL: it ended */
    unsigned children;         /* requests under way */
    struct fiber **active;     /* theirs, max_shards of them */
    bool ending, unsent;       /* a request was given up because the queue ends */
    struct remote_stats stats; /* under writers->lock */
};

struct remote_writers {
    struct remote_options opt;
    char *dir;
    pthread_t thread;
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
    struct fiber *manager;

    pthread_mutex_t lock; /* guards the rest, and all stats */
    vec_of(struct queue *) queues;
    vec_of(struct queue *) wanted; /* of a reload that the manager has not seen */
    bool reload, stop;
};

/* queue.c: the life of a queue, on a fiber. */
void queue_run(void *arg);
void queue_end(struct queue *q); /* soon; the manager is woken when it has ended */
void queue_free(struct queue *q);

/* place.c */
/* NOT_FOUND, DAMAGED */
int place_load(const char *path, struct tsdb_place *out, int64_t *since_ms, struct err *err);
int place_save(const char *path, struct tsdb_place place, int64_t since_ms, struct err *err);

/* send.c: rows [from, to) of q->order, in requests; on a fiber. */
void send_rows(struct queue *q, size_t from, size_t to);
void send_metadata(struct queue *q);

#endif
