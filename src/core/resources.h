/* Resources as JSON, in the shapes of CONTRACT.md: used by the API's answers and by the event stream. Secrets are
 * masked. Pure. */
#ifndef CORE_RESOURCES_H
#define CORE_RESOURCES_H

#include "base/json.h"
#include "core/core.h"
#include "model/alert.h"

void target_json(const struct core_target *t, struct json *j);
/* As target_json, but the object stays open for further keys; the caller ends it. */
void target_json_open(const struct core_target *t, struct json *j);
void channel_json(const struct channel *ch, size_t waiting, struct json *j);
/* Without "notified": the API adds the deliveries. */
void alert_json(const struct alert *a, struct json *j);
/* As alert_json, but the object stays open for further keys; the caller ends it. */
void alert_json_open(const struct alert *a, struct json *j);
void maintenance_json(const struct window *w, int64_t now_ms, struct json *j);
/* As maintenance_json, but the object stays open for further keys; the caller ends it. */
void maintenance_json_open(const struct window *w, int64_t now_ms, struct json *j);
/* Its "target_ids", "groups" and "matchers". */
void maintenance_whom_json(const struct maintenance *m, struct json *j);
/* "matchers":[{"name","op","value"}] */
void matchers_json(const struct label_match *m, uint32_t n, struct json *j);
/* {"id"?,"target_id","success","degraded","latency_ms","message","metrics","warnings","checked_at","address"} */
void result_json(const struct result *r, struct json *j);
void result_json_open(const struct result *r, struct json *j); /* the document stays open */

#endif
