/* Handles of Kafka clusters (librdkafka), one for each set of brokers and credentials, shared by all targets of a watcher
 * that name it. librdkafka brings threads of its own and mostly blocks, so a question runs on one of a few threads that
 * a cluster has, while the fiber that asked is parked until its own deadline, never longer.
 *
 * Everything here belongs to the loop's thread; a job's ask() does not. */
#ifndef PROBE_KAFKA_HUB_H
#define PROBE_KAFKA_HUB_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/workers.h"

struct rd_kafka_s;
struct kafka_hub;
/* Opens nothing yet. Without librdkafka it is NULL. */
struct kafka_hub *kafka_hub_new(struct loop *l);
/* Before the loop; waits for questions under way, which end at their deadlines. */
void kafka_hub_free(struct kafka_hub **h);

/* Where a cluster is and who we are; equal ones share a handle. NULL: not given. */
struct kafka_login {
    const char *brokers;   /* "a:9092,b:9092" */
    const char *mechanism; /* "PLAIN", "SCRAM-SHA-256"; NULL: no SASL */
    const char *username, *password;
    bool tls, verify, check_name;
    const char *ca_file, *cert_file, *key_file;
};

/* One question. It and all that it needs lie in its arena, because it may outlive the fiber that asked. */
struct kafka_job {
    struct worker_job work;
    struct arena *arena; /* owned */
    void (*ask)(
        struct kafka_job *job); /* on a thread; may wait until deadline_ns; answers into the job */
    struct rd_kafka_s *rk;
    int64_t deadline_ns;
    int rc; /* what ask answered: 0, or -1 with err */
    struct err err;
    /* The hub's: */
    struct kafka_cluster *cluster;
    struct kafka_job *next;
    struct fiber *waiter; /* NULL: nobody waits any more */
    _Atomic bool finished;
    _Atomic bool refused; /* the cluster is known to be out of reach: ask may give up */
};

/* Parks the fiber until the answer, the cluster's failure, or the deadline. 0: job->rc and the answer may be read, and
 * kafka_job_free is the caller's. -1: the hub frees the job when its thread is done with it. */
int kafka_hub_ask(struct kafka_hub *h, const struct kafka_login *login, struct kafka_job *job,
                  struct err *err);
void kafka_job_free(struct kafka_job *job);

/* A configuration with everything that the login says and our limits; for the thread of a job. NULL with *err. */
struct rd_kafka_conf_s *kafka_conf(const struct kafka_login *login, struct err *err);
/* A copy in the arena. */
struct kafka_login *kafka_login_copy(const struct kafka_login *l, struct arena *a);

#endif
