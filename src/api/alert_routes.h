/* Handlers and documents of alert_routes.c. */
#ifndef API_ALERT_ROUTES_H
#define API_ALERT_ROUTES_H

#include "api/api_priv.h"

void alerts_list(struct call *k);
void alerts_get(struct call *k);
void alerts_export(struct call *k);
void alerts_ack(struct call *k);
void alerts_unack(struct call *k);
void alerts_silence(struct call *k);
void silences_list(struct call *k);
void silences_get(struct call *k);
void silences_create(struct call *k);
void silences_patch(struct call *k);
void silences_delete(struct call *k);
void silences_preview(struct call *k);
void maintenances_list(struct call *k);
void maintenances_get(struct call *k);
void maintenances_create(struct call *k);
void maintenances_patch(struct call *k);
void maintenances_delete(struct call *k);
void maintenances_preview(struct call *k);
void maintenances_calendar(struct call *k);
void targets_uptime(struct call *k);
void reports_uptime(struct call *k);

extern const struct option ack_doc_options[], silence_it_doc_options[], silence_doc_options[];

#endif
