/* /probe as blackbox_exporter answers it (docs/blackbox.md); in a worker of the HTTP server, the probe itself in a watcher. */
#ifndef API_PROBE_H
#define API_PROBE_H

#include <stdatomic.h>

#include "core/figures.h"

struct call;

/* At once; further ones are answered 503. Each holds a worker while it waits. */
#define PROBES_MAX 100

/* Of one API. Any thread. */
struct probe_gate {
    atomic_int running;
    atomic_ullong asked, refused, unknown; /* unknown: named a module that there is not */
};

void probe_answer(struct call *k);
void probe_page(struct call *k); /* the last probes */
void probe_logs(struct call *k);
void probe_config(struct call *k);
void probe_figures(struct probe_gate *g, struct figures *f);

#endif
