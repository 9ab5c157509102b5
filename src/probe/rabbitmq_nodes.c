/* See rabbitmq_nodes.h. Metrics have the names of RabbitMQ's own Prometheus plugin, of rabbitmq_exporter where it has none. */
#include "probe/rabbitmq_nodes.h"

#include "probe/management.h"

#define NODES_SHOWN 16

void rabbitmq_judge_queue(const char *name, const struct amqp_queue *q,
                          const struct rabbitmq_bounds *b, struct result *r)
{
    must(name[0] != '\0');
    result_metric_label(r, "rabbitmq_queue_messages_ready", "queue", name, q->messages);
    result_metric_label(r, "rabbitmq_queue_consumers", "queue", name, q->consumers);
    if (b->messages_down && q->messages > b->messages_down)
        result_fail(r, "queue \"%s\" holds %u messages; want at most %lld", name, q->messages,
                    (long long)b->messages_down);
    else if (b->messages && q->messages > b->messages)
        result_warn(r, "queue \"%s\" holds %u messages; want at most %lld", name, q->messages,
                    (long long)b->messages);
    if (q->consumers < b->consumers)
        result_warn(r, "queue \"%s\" has %u consumers; want at least %lld", name, q->consumers,
                    (long long)b->consumers);
}

static void show_node(const struct node *n, const char *name, struct result *r)
{
    static const struct {
        const char *field, *metric;
    } numbers[] = {
        {"mem_used", "rabbitmq_process_resident_memory_bytes"},
        {"mem_limit", "rabbitmq_resident_memory_limit_bytes"},
        {"disk_free", "rabbitmq_disk_space_available_bytes"},
        {"disk_free_limit", "rabbitmq_disk_space_available_limit_bytes"},
        {"fd_used", "rabbitmq_process_open_fds"},
        {"fd_total", "rabbitmq_process_max_fds"},
    };
    for (size_t i = 0; i < array_len(numbers); i++)
        if (node_get(n, numbers[i].field))
            result_metric_label(r, numbers[i].metric, "node", name,
                                management_number(n, numbers[i].field));
}

static void judge_node(const struct node *n, const char *name, struct result *r)
{
    const struct node *partitions = node_get(n, "partitions");
    if (management_true(n, "mem_alarm"))
        result_warn(r, "memory alarm at %s: %.0f of %.0f MiB are used, publishers are blocked",
                    name, management_number(n, "mem_used") / 1048576,
                    management_number(n, "mem_limit") / 1048576);
    if (management_true(n, "disk_free_alarm"))
        result_warn(r, "disk alarm at %s: %.0f MiB are free, publishers are blocked", name,
                    management_number(n, "disk_free") / 1048576);
    if (partitions && partitions->kind == NODE_LIST && partitions->count > 0)
        result_warn(r, "%s is cut off from %u nodes (network partition)", name, partitions->count);
}

static void judge_nodes(const struct node *list, const struct rabbitmq_bounds *b, struct result *r)
{
    int running = 0, alarms = 0, shown = 0;
    for (const struct node *n = list->first; n; n = n->next) {
        const char *name = management_text(n, "name", r->arena);
        if (!management_true(n, "running")) {
            result_warn(r, "node %s is not running", name);
            continue;
        }
        running++;
        alarms += management_true(n, "mem_alarm") || management_true(n, "disk_free_alarm");
        judge_node(n, name, r);
        if (shown++ < NODES_SHOWN)
            show_node(n, name, r);
    }
    result_metric(r, "rabbitmq_nodes_running", running);
    result_metric(r, "rabbitmq_nodes_with_alarms", alarms);
    if (running < b->nodes)
        result_warn(r, "%d nodes are running; want %lld", running, (long long)b->nodes);
}

static void look_at_totals(struct probe *p, const struct management *m, struct result *r)
{
    struct err err = {0};
    int status;
    const struct node *doc = management_get(p, m, "/api/overview", &status, NULL, &err);
    const struct node *queues = doc ? node_get(doc, "queue_totals") : NULL;
    const struct node *objects = doc ? node_get(doc, "object_totals") : NULL;
    if (queues)
        result_metric(r, "rabbitmq_queue_messages", management_number(queues, "messages"));
    if (!objects)
        return;
    result_metric(r, "rabbitmq_connections", management_number(objects, "connections"));
    result_metric(r, "rabbitmq_channels", management_number(objects, "channels"));
    result_metric(r, "rabbitmq_consumers", management_number(objects, "consumers"));
    result_metric(r, "rabbitmq_queues", management_number(objects, "queues"));
}

void rabbitmq_look_at_nodes(struct probe *p, const struct service *api, uint16_t port,
                            const struct rabbitmq_bounds *b, struct result *r)
{
    const struct management m = {.service = api, .port = port};
    struct err err = {0};
    int status;
    must(r->success);
    const struct node *doc = management_get(p, &m, "/api/nodes", &status, NULL, &err);
    if (doc && doc->kind == NODE_LIST) {
        judge_nodes(doc, b, r);
        look_at_totals(p, &m, r);
    } else {
        result_warn(r, "the management API tells nothing of the nodes: %s",
                    doc ? "no list" : err.msg);
    }
}
