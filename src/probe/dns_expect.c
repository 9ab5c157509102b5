/* See dns_expect.h. Runs in watchers; the answer was read by dns_wire.c. */
#include "probe/dns_expect.h"

#include <stdio.h>
#include <strings.h>

#include "base/str.h"
#include "io/addr.h"
#include "probe/common.h"

static const char *const need_choices[] = {"all", "any", NULL};

static const struct option rule_options[] = {
    {"no_record_matches", OPT_LIST, offsetof(struct dns_rules, none), .max = 32,
     .help = {"Regular expressions that no record may match.", "任何记录都不得匹配的正则。"}},
    {"all_records_match", OPT_LIST, offsetof(struct dns_rules, all), .max = 32,
     .help = {"Regular expressions that each record must match.", "每条记录都必须匹配的正则。"}},
    {"some_record_matches", OPT_LIST, offsetof(struct dns_rules, some), .max = 32,
     .help = {"Regular expressions one of which some record must match.",
              "至少一条记录须匹配其中之一的正则。"}},
    {"not_empty", OPT_BOOL, offsetof(struct dns_rules, not_empty), .def = "false",
     .help = {"Without records in it, the answer is bad.", "没有记录即为失败。"}},
    OPTION_END,
};

const struct option dns_expect_options[] = {
    {"rcode", OPT_LIST, offsetof(struct dns_expect, rcode), .max = 11, .choices = dns_rcode_names,
     .example = "[NOERROR, NXDOMAIN]",
     .help = {"Response codes that are good; NOERROR when a name is asked for, else any.",
              "正常的应答码；查询域名时默认为 NOERROR，否则不限。"}},
    {"min_answers", OPT_INT, offsetof(struct dns_expect, min_answers), .def = "1", .min = 0,
     .max = 1000,
     .help = {"Fewer records of the type asked for than this is a failure.",
              "所查类型的记录少于此数视为失败。"}},
    {"records", OPT_LIST, offsetof(struct dns_expect, records), .max = 64,
     .example = "[93.184.216.34]",
     .help =
         {"Records that must be among the answers, such as 10.0.0.1 or \"10 mail.example.com\".",
          "应答中必须有的记录，如 10.0.0.1 或 \"10 mail.example.com\"。"}},
    {"records_match", OPT_LIST, offsetof(struct dns_expect, records_match), .max = 32,
     .advanced = true,
     .help = {"Regular expressions each of which some record must match; a record reads "
              "\"name TTL IN type value\", with tabs.",
              "每个正则都必须有记录匹配；记录的文本为以制表符分隔的“名称 TTL IN 类型 值”。"}},
    {"records_not_match", OPT_LIST, offsetof(struct dns_expect, records_not_match), .max = 32,
     .advanced = true,
     .help = {"Regular expressions that no record may match.", "任何记录都不得匹配的正则。"}},
    {"answer", OPT_SECTION, offsetof(struct dns_expect, answer), .sub = rule_options,
     .advanced = true,
     .help =
         {"Rules for the answer's records as lines of a zone file: \"name. TTL IN type value\", "
          "with tabs and trailing dots.",
          "对应答记录的要求；记录按区文件格式书写，以制表符分隔，域名以点结尾。"}},
    {"authority", OPT_SECTION, offsetof(struct dns_expect, authority), .sub = rule_options,
     .advanced = true, .help = {"The same for the authority section.", "对授权段记录的同样要求。"}},
    {"additional", OPT_SECTION, offsetof(struct dns_expect, additional), .sub = rule_options,
     .advanced = true,
     .help = {"The same for the additional section.", "对附加段记录的同样要求。"}},
    EXPECT_CONDITIONS(struct dns_expect),
    {"servers", OPT_ENUM, offsetof(struct dns_expect, servers), .def = "all",
     .choices = need_choices,
     .help =
         {"Whether all of several servers must answer well, or any one (the others' failures are "
          "then warnings).",
          "多台服务器时：全部正常才算正常，还是任意一台即可（其余失败为警告）。"}},
    {"max_latency", OPT_DURATION, offsetof(struct dns_expect, max_latency_ms), .example = "200ms",
     .help = {"Slower than this is degraded (or down, see max_latency_action).",
              "超过此时间视为降级（或故障，见 max_latency_action）。"}},
    {"max_latency_action", OPT_ENUM, offsetof(struct dns_expect, max_latency_action), .def = "warn",
     .choices = latency_action_choices, .advanced = true,
     .help = {"What slowness means.", "过慢意味着什么。"}},
    OPTION_END,
};

static void read_rcodes(struct dns_expect *e, struct problems *p, const char *field)
{
    for (size_t i = 0; i < e->rcode.n; i++) {
        unsigned code = 0;
        while (dns_rcode_names[code] && strcasecmp(dns_rcode_names[code], e->rcode.at[i]) != 0)
            code++;
        if (dns_rcode_names[code])
            e->rcodes |= 1u << code;
        else
            problem_add(p, NULL, field, "rcode: got \"%.40s\"; want a name such as NOERROR",
                        e->rcode.at[i]);
    }
}

/* Addresses in their usual spelling, names without the trailing dot. */
static const char *normalize_record(const char *text, struct arena *a)
{
    struct addr ip;
    char room[ADDR_TEXT];
    size_t n = strlen(text);
    if (addr_parse_ip(text, 0, &ip))
        return arena_strdup(a, addr_ip(&ip, room));
    return n > 1 && text[n - 1] == '.' ? arena_strndup(a, text, n - 1) : text;
}

static void compile_rules(struct dns_rules *u, const char *section, struct arena *a,
                          struct problems *p, const char *path)
{
    const char *at = arena_printf(a, "%s.%s", path, section);
    u->none_re = pattern_compile_list(&u->none, a, p, at, "no_record_matches");
    u->all_re = pattern_compile_list(&u->all, a, p, at, "all_records_match");
    u->some_re = pattern_compile_list(&u->some, a, p, at, "some_record_matches");
}

static bool has_rules(const struct dns_rules *u)
{
    return u->none.n || u->all.n || u->some.n || u->not_empty;
}

bool dns_expect_needs_all(const struct dns_expect *e)
{
    return has_rules(&e->authority) || has_rules(&e->additional);
}

void dns_expect_validate(struct dns_expect *e, bool has_name, struct arena *a, struct problems *p,
                         const char *path)
{
    char field[200];
    must(e->rcodes == 0); /* freshly bound */
    snprintf(field, sizeof(field), "%s%sexpect", path, *path ? "." : "");
    read_rcodes(e, p, field);
    e->compiled = conditions_compile(&e->conditions, a, p, path);
    if (!e->rcode.n && has_name && !conditions_name(e->compiled, "[DNS_RCODE]"))
        e->rcodes = 1; /* NOERROR */
    compile_rules(&e->answer, "answer", a, p, field);
    compile_rules(&e->authority, "authority", a, p, field);
    compile_rules(&e->additional, "additional", a, p, field);
    if (!has_name && (e->records.n || e->records_match.n || e->records_not_match.n))
        problem_add(p, NULL, field, "records are expected but no name is asked for; want a name");
    e->wanted = arena_array_of(a, const char *, e->records.n + 1);
    for (size_t i = 0; i < e->records.n; i++)
        e->wanted[i] = normalize_record(e->records.at[i], a);
    e->match = pattern_compile_list(&e->records_match, a, p, field, "records_match");
    e->not_match = pattern_compile_list(&e->records_not_match, a, p, field, "records_not_match");
}

static bool is_record(const struct dns_rr *rr, const char *wanted)
{
    if (rr->type == DNS_TYPE_TXT || rr->type == DNS_TYPE_CAA)
        return streq(rr->value, wanted);
    if (strcasecmp(rr->value, wanted) == 0)
        return true;
    const char *last = strrchr(rr->value, ' '); /* of MX and SRV the name alone will do */
    return last && (rr->type == DNS_TYPE_MX || rr->type == DNS_TYPE_SRV) &&
           strcasecmp(last + 1, wanted) == 0;
}

static bool has_record(const struct dns_message *m, const char *wanted)
{
    for (int i = 0; i < m->n_kept; i++)
        if (is_record(&m->answers[i], wanted))
            return true;
    return false;
}

static int count_type(const struct dns_message *m, uint16_t type)
{
    int n = 0;
    for (int i = 0; i < m->n_kept; i++)
        n += m->answers[i].type == type || type == DNS_TYPE_ANY;
    return n + (m->n_answers - m->n_kept); /* those past the limit count as right */
}

/* 1 some record matches, 0 none, -1 the pattern is too much work. */
static int some_match(const struct dns_message *m, const struct pattern *re, struct arena *a,
                      struct err *err)
{
    for (int i = 0; i < m->n_kept; i++) {
        const char *text = dns_rr_text(&m->answers[i], a);
        int rc = pattern_match(re, text, strlen(text), err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int judge_patterns(const struct dns_expect *e, const struct dns_message *m, struct arena *a,
                          struct err *err)
{
    for (size_t i = 0; i < e->records_match.n; i++) {
        int rc = some_match(m, e->match[i], a, err);
        if (rc == 0)
            err_set(err, ERR_PROTOCOL, "no record matches \"%.80s\"", e->records_match.at[i]);
        if (rc <= 0)
            return -1;
    }
    for (size_t i = 0; i < e->records_not_match.n; i++) {
        int rc = some_match(m, e->not_match[i], a, err);
        if (rc > 0)
            err_set(err, ERR_PROTOCOL, "a record matches \"%.80s\", which none may",
                    e->records_not_match.at[i]);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* The first record and expression that match, or do not, as wanted; 1, with *which, 0 none, -1. */
static int find_record(const struct dns_records *rs, const struct str_list *texts,
                       struct pattern *const *res, bool wanted, const char **which, struct arena *a,
                       struct err *err)
{
    for (int i = 0; i < rs->n; i++) {
        const char *line = dns_rr_zone_text(&rs->at[i], a);
        for (size_t k = 0; k < texts->n; k++) {
            int rc = pattern_match(res[k], line, strlen(line), err);
            if (rc < 0)
                return -1;
            *which = arena_printf(a, "\"%.100s\"; it is %.200s", pattern_text(res[k]), line);
            if ((rc > 0) == wanted)
                return 1;
        }
    }
    return 0;
}

static int judge_rules(const struct dns_rules *u, const char *section, const struct dns_records *rs,
                       struct arena *a, struct err *err)
{
    const char *which = "";
    if (rs->n == 0 && u->not_empty)
        return err_set(err, ERR_PROTOCOL, "no record in its %s section", section);
    int rc = find_record(rs, &u->none, u->none_re, true, &which, a, err);
    if (rc > 0)
        return err_set(err, ERR_PROTOCOL, "a record of its %s section matches %s", section, which);
    if (rc == 0)
        rc = find_record(rs, &u->all, u->all_re, false, &which, a, err);
    if (rc > 0)
        return err_set(err, ERR_PROTOCOL, "a record of its %s section does not match %s", section,
                       which);
    if (rc == 0 && u->some.n) {
        rc = find_record(rs, &u->some, u->some_re, true, &which, a, err);
        if (rc == 0)
            return err_set(err, ERR_PROTOCOL, "no record of its %s section matches \"%.100s\"",
                           section, pattern_text(u->some_re[0]));
    }
    return rc < 0 ? -1 : 0;
}

static int judge_sections(const struct dns_expect *e, const struct dns_message *m, struct arena *a,
                          struct err *err)
{
    struct dns_records answers = {m->answers, m->n_kept};
    if (judge_rules(&e->answer, "answer", &answers, a, err) != 0 ||
        judge_rules(&e->authority, "authority", &m->authority, a, err) != 0)
        return -1;
    return judge_rules(&e->additional, "additional", &m->additional, a, err);
}

struct str dns_last_value(const struct dns_message *m, struct arena *a)
{
    static const uint16_t shown[] = {DNS_TYPE_A,  DNS_TYPE_AAAA, DNS_TYPE_CNAME, DNS_TYPE_MX,
                                     DNS_TYPE_NS, DNS_TYPE_PTR,  DNS_TYPE_SRV};
    if (m->n_kept == 0)
        return (struct str){"", 0};
    const struct dns_rr *last = &m->answers[m->n_kept - 1];
    bool known = false;
    for (size_t i = 0; i < array_len(shown); i++)
        known |= shown[i] == last->type;
    unsigned port;
    const char *name = strrchr(last->zone, ' ');
    name = name ? name + 1 : last->zone;
    if (last->type == DNS_TYPE_SRV && sscanf(last->zone, "%*u %*u %u", &port) == 1)
        name = arena_printf(a, "%s:%u", name, port);
    return str_of(known ? name : "");
}

/* "1.2.3.4, 1.2.3.5, …" */
const char *dns_values_text(const struct dns_message *m, struct arena *a)
{
    char room[200];
    struct buf out = BUF_FIXED(room);
    room[0] = '\0';
    for (int i = 0; i < m->n_kept && !out.failed; i++) {
        size_t n = strlen(m->answers[i].value);
        if (out.len + n + 6 > sizeof(room) - 1) {
            buf_puts(&out, i ? ", …" : "…");
            break;
        }
        buf_puts(&out, i ? ", " : "");
        buf_add(&out, m->answers[i].value, n);
    }
    must(out.len < sizeof(room));
    return arena_strndup(a, room, out.len);
}

int dns_expect_judge(const struct dns_expect *e, bool has_name, uint16_t type,
                     const struct dns_message *m, struct arena *a, struct err *err)
{
    char code[16], name[16];
    must(m->n_kept >= 0 && m->n_kept <= m->n_answers);
    if (e->rcodes && !(m->rcode < 32 && e->rcodes & 1u << m->rcode))
        return err_set(err, ERR_PROTOCOL, "it answered %s%s%s", dns_rcode_name(m->rcode, code),
                       e->rcode.n ? "; want " : "", e->rcode.n ? e->rcode.at[0] : "");
    if (judge_sections(e, m, a, err) != 0)
        return -1;
    if (!has_name)
        return 0;
    int found = count_type(m, type);
    if (m->rcode == 0 && found < e->min_answers)
        return err_set(err, ERR_PROTOCOL, "%d %s record%s; want at least %d", found,
                       dns_type_name(type, name), found == 1 ? "" : "s", (int)e->min_answers);
    for (size_t i = 0; i < e->records.n; i++)
        if (!has_record(m, e->wanted[i]))
            return err_set(err, ERR_PROTOCOL, "record %.80s is missing; got %s", e->wanted[i],
                           m->n_kept ? dns_values_text(m, a) : "none");
    return judge_patterns(e, m, a, err);
}
