/* What a Nagios plugin prints: a first line, further text, performance data.
 *
 *   TEXT | 'label'=value[UOM];[warn];[crit];[min];[max] …
 *   long text
 *   long text | more performance data
 *   all lines after that are performance data
 *
 * Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and "Performance data"; nagios.org, "Plugin API". Pure
 * functions over foreign bytes; texts are borrowed from them. */
#ifndef PROBE_PERFDATA_H
#define PROBE_PERFDATA_H

#include "base/arena.h"
#include "base/str.h"

#define PERFDATA_MAX 200 /* of one output; more are left out */

struct plugin_output {
    struct str first;   /* without performance data, trimmed */
    struct str text;    /* the lines after it, without performance data */
    struct str perf[2]; /* of the first line; of the others */
};
void plugin_parse(struct str output, struct plugin_output *out);

/* [@]start:end: alert when outside (with @ inside) of it. "10" is 0:10, "10:" has no end, "~:10" no start. */
struct perf_range {
    bool given, inside;
    double start, end; /* -INFINITY, INFINITY: none */
};
struct perf {
    const char *label; /* quotes resolved */
    const char *
        unit; /* of the values here: "seconds", "bytes", "ratio", "count", "" or the plugin's own */
    double value;
    struct perf_range warn, crit;
    bool has_min, has_max;
    double min, max;
};
/* All that can be read, in base units; what cannot is skipped. Returns how many. */
size_t perf_parse(struct str text, struct arena *a, struct perf *out, size_t room);

#endif
