/* Uptime Kuma's monitors of hosts, networks and jobs (import_kuma.h). */
#include "cli/import_kuma.h"

#include <string.h>

/* --- addresses --- */

static void put_ip_version(struct kuma *k, const struct node *m, struct node *config)
{
    const char *family = kuma_text(k, m, "ipFamily");
    if (streq(family, "ipv4") || streq(family, "ipv6"))
        kuma_put(k, config, "ip_version", streq(family, "ipv4") ? "4" : "6");
}

static const char *fill_port(struct kuma *k, const struct node *m, struct node *config)
{
    const char *security = kuma_text(k, m, "smtpSecurity"),
               *alert = kuma_text(k, m, "expectedTlsAlert");
    if (*alert && !streq(alert, "none") && !streq(alert, "null"))
        return "it is good when TLS is refused";
    if (streq(security, "secure"))
        import_doc_flag(&k->doc, config, "tls", true);
    else if (streq(security, "starttls"))
        kuma_put(k, config, "starttls", "smtp");
    if (*security)
        kuma_tls(k, m, config, "tls_options");
    put_ip_version(k, m, config);
    return kuma_host(k, m, config, true);
}

static const char *fill_ping(struct kuma *k, const struct node *m, struct node *config)
{
    double size = kuma_number(k, m, "packetSize", 56), count = kuma_number(k, m, "ping_count", 1);
    if (size != 56)
        import_doc_int(&k->doc, config, "size", (int64_t)(size > 65400 ? 65400 : size));
    if (count > 1) /* Uptime Kuma is content with one that comes back */
        import_doc_int(&k->doc, config, "count", (int64_t)(count > 100 ? 100 : count));
    put_ip_version(k, m, config);
    kuma_put(k, config, "host", kuma_text(k, m, "hostname"));
    return *kuma_text(k, m, "hostname") ? NULL : "it has no host";
}

static const char *fill_host(struct kuma *k, const struct node *m, struct node *config)
{
    return kuma_host(k, m, config, false);
}

/* --- DNS --- */

/* record equals 192.0.2.1 and the like; a record reads "name TTL IN type value", with tabs. */
static void put_record(struct kuma *k, const struct node *m, struct node *config)
{
    const char *op, *value;
    if (!kuma_condition(k, m, "record", &op, &value))
        return;
    struct node *expect = import_doc_section(&k->doc, config, "expect");
    if (streq(op, "=="))
        import_doc_append(&k->doc, expect, "records", node_text(k->arena, value));
    else if (streq(op, "contains"))
        import_doc_append(&k->doc, expect, "records_match",
                          node_text(k->arena, import_doc_regex(k->arena, value)));
    else if (streq(op, "matches") && *value == '^')
        import_doc_append(&k->doc, expect, "records_match",
                          node_text(k->arena, arena_printf(k->arena, "\\t%s", value + 1)));
    else if (streq(op, "matches"))
        import_doc_append(&k->doc, expect, "records_match", node_text(k->arena, value));
    else if (streq(op, "!="))
        import_doc_append(&k->doc, expect, "records_not_match",
                          node_text(k->arena, arena_printf(k->arena, "\\t%s$",
                                                           import_doc_regex(k->arena, value))));
    else
        kuma_changed(k, m, "the condition about its records is not carried over");
}

static const char *fill_dns(struct kuma *k, const struct node *m, struct node *config)
{
    struct str rest = str_of(kuma_text(k, m, "dns_resolve_server")), one;
    int port = (int)kuma_number(k, m, "port", 53);
    kuma_put(k, config, "name", kuma_text(k, m, "hostname"));
    kuma_put(k, config, "type", kuma_text(k, m, "dns_resolve_type"));
    while (rest.n && str_next(&rest, ',', &one)) {
        one = str_trim(one);
        bool v6 = one.n && memchr(one.p, ':', one.n);
        if (one.n)
            import_doc_append(
                &k->doc, config, "server",
                node_text(k->arena, port == 53
                                        ? arena_strndup(k->arena, one.p, one.n)
                                        : arena_printf(k->arena, v6 ? "[%.*s]:%d" : "%.*s:%d",
                                                       (int)one.n, one.p, port)));
    }
    const struct node *servers = node_get(config, "server");
    if (servers && servers->count > 1)
        kuma_put(k, import_doc_section(&k->doc, config, "expect"), "servers", "any");
    put_record(k, m, config);
    return NULL;
}

/* --- this host --- */

static const char *fill_docker(struct kuma *k, const struct node *m, struct node *config)
{
    const char *id = kuma_text(k, m, "docker_host");
    const struct node *h = k->docker_hosts->first;
    while (h && !streq(kuma_text(k, h, "id"), id))
        h = h->next;
    struct str daemon = str_of(h ? kuma_text(k, h, "dockerDaemon") : "");
    kuma_put(k, config, "container", kuma_text(k, m, "docker_container"));
    if (str_starts(daemon, STR("unix://")))
        daemon = (struct str){daemon.p + 7, daemon.n - 7};
    bool far = daemon.n && daemon.p[0] != '/', tls = far && str_starts(daemon, STR("https://"));
    if (far)
        kuma_put(k, config, "host", daemon.p);
    else if (daemon.n && !str_eqz(daemon, "/var/run/docker.sock"))
        kuma_put(k, config, "socket", daemon.p);
    if (tls)
        kuma_changed(
            k, m,
            "its Docker host speaks TLS: name ca_file, cert_file and key_file in tls_options");
    if (!h)
        kuma_changed(k, m, "its Docker host is not in the backup: taken as this machine's");
    return NULL;
}

static const char *fill_systemd(struct kuma *k, const struct node *m, struct node *config)
{
    kuma_put(k, config, "unit", kuma_text(k, m, "system_service_name"));
    return *kuma_text(k, m, "system_service_name") ? NULL : "it names no service";
}

/* --- jobs --- */

/* Late by more than its retries: a second at least, as Uptime Kuma's own slack. */
static const char *fill_push(struct kuma *k, const struct node *m, struct node *config)
{
    double period = kuma_number(k, m, "interval", 60);
    double grace = kuma_number(k, m, "maxretries", 0) * kuma_number(k, m, "retryInterval", 60);
    import_doc_ms(&k->doc, config, "period", (int64_t)((period < 1 ? 60 : period) * 1000));
    import_doc_ms(&k->doc, config, "grace",
                  (int64_t)((grace < 1         ? 1
                             : grace > 2678400 ? 2678400
                                               : grace) *
                            1000));
    kuma_put(k, config, "token", kuma_text(k, m, "pushToken"));
    return NULL;
}

/* --- protocols by UDP --- */

/* ntp…Threshold, whatever stands in between. */
static void put_ntp(struct kuma *k, const struct node *n, struct node *config)
{
    static const char *const names[][3] = {{"tratum", "max_stratum", ""},
                                           {"ffset", "max_offset", "ms"},
                                           {"ispersion", "max_root_dispersion", "ms"}};
    double v =
        kuma_number(k, &(struct node){.kind = NODE_MAP, .first = (struct node *)n}, n->key.p, -1);
    for (size_t i = 0; i < array_len(names) && v >= 0; i++)
        if (str_contains(n->key, str_of(names[i][0])))
            kuma_put(k, import_doc_section(&k->doc, config, "expect"), names[i][1],
                     arena_printf(k->arena, "%.0f%s", v, names[i][2]));
}

static const char *fill_ntp(struct kuma *k, const struct node *m, struct node *config)
{
    for (const struct node *n = m->first; n; n = n->next)
        if (str_starts(n->key, STR("ntp")) && str_ends(n->key, STR("hreshold")))
            put_ntp(k, n, config);
    return kuma_host(k, m, config, false);
}

static const char *fill_snmp(struct kuma *k, const struct node *m, struct node *config)
{
    const char *version = kuma_text(k, m, "snmpVersion"), *oid = kuma_text(k, m, "snmpOid");
    const char *op = kuma_text(k, m, "jsonPathOperator"), *value = kuma_text(k, m, "expectedValue");
    struct node *object = node_map(k->arena);
    if (*version)
        kuma_put(k, config, "version", version);
    if (streq(version, "3"))
        kuma_put(k, config, "username", kuma_text(k, m, "snmpV3Username"));
    else
        kuma_put(k, config, "community",
                 kuma_text(k, m, "radiusPassword")); /* where Uptime Kuma keeps it */
    op = *op ? kuma_op(k, op, &value) : "==";
    if (!op)
        return "its comparison has no counterpart";
    kuma_put(k, object, "oid", oid);
    if (*value) {
        kuma_put(k, object, "op", op);
        kuma_put(k, object, "value", value);
    }
    import_doc_append(&k->doc, config, "objects", object);
    if (!streq(kuma_text(k, m, "jsonPath"), "$") && *kuma_text(k, m, "jsonPath"))
        kuma_changed(k, m, "its JSON path is not carried over: the value itself is compared");
    return *oid ? kuma_host(k, m, config, false) : "it has no OID";
}

static const char *fill_radius(struct kuma *k, const struct node *m, struct node *config)
{
    static const char *const names[][2] = {{"radiusSecret", "secret"},
                                           {"radiusUsername", "username"},
                                           {"radiusPassword", "password"},
                                           {"radiusCalledStationId", "called_station_id"},
                                           {"radiusCallingStationId", "calling_station_id"}};
    for (size_t i = 0; i < array_len(names); i++)
        kuma_put(k, config, names[i][1], kuma_text(k, m, names[i][0]));
    return kuma_host(k, m, config, false);
}

const struct kuma_kind kuma_net[] = {
    {"port", "tcp", fill_port, NULL},
    {"ping", "icmp", fill_ping, NULL},
    {"tailscale-ping", "icmp", fill_ping, NULL},
    {"dns", "dns", fill_dns, NULL},
    {"docker", "docker", fill_docker, NULL},
    {"system-service", "systemd", fill_systemd, NULL},
    {"push", "push", fill_push, NULL},
    {"ntp", "ntp", fill_ntp, NULL},
    {"snmp", "snmp", fill_snmp, NULL},
    {"radius", "radius", fill_radius, NULL},
    {"sip-options", "sip", fill_host, NULL},
    {"pm2", NULL, NULL, "take a unit of processes, or exec with pm2"},
    {"manual", NULL, NULL, "Belfry has no targets whose state is set by hand"},
    {"steam", NULL, NULL, "Belfry has no prober for games"},
    {"gamedig", NULL, NULL, "Belfry has no prober for games"},
    {NULL, NULL, NULL, NULL},
};
