/* What RabbitMQ's management API says of the nodes, and the bounds of the prober. */
#ifndef PROBE_RABBITMQ_NODES_H
#define PROBE_RABBITMQ_NODES_H

#include "probe/amqp_wire.h"
#include "probe/service.h"

/* 0: no bound. */
struct rabbitmq_bounds {
    int64_t messages, messages_down, consumers, nodes;
};

void rabbitmq_judge_queue(const char *name, const struct amqp_queue *q,
                          const struct rabbitmq_bounds *b, struct result *r);
/* Alarms, partitions and stopped nodes are warnings; so is an API that does not answer. */
void rabbitmq_look_at_nodes(struct probe *p, const struct service *api, uint16_t port,
                            const struct rabbitmq_bounds *b, struct result *r);

#endif
