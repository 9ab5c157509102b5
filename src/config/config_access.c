/* The option table of the section `access`, and what the table cannot check. */
#include <arpa/inet.h>
#include <string.h>

#include "config/config_priv.h"

#define HOUR_MS (3600 * 1000.0)
#define DAY_MS  (24 * HOUR_MS)

static const char *const role_choices[] = {"none", "viewer", "editor", "admin", NULL};

static const struct option oidc_options[] = {
    {"issuer", OPT_STRING, offsetof(struct config_oidc, issuer), .def = "", .max = 1000,
     .help = {"Address of the provider; its /.well-known/openid-configuration is read. Empty: off.",
              "身份提供方的地址；会读取其 /.well-known/openid-configuration。留空则关闭。"},
     .example = "https://id.example.com/realms/main"},
    {"client_id", OPT_STRING, offsetof(struct config_oidc, client_id), .def = "", .max = 500,
     .help = {"Belfry's name at the provider.", "Belfry 在提供方处的客户端标识。"}},
    {"client_secret", OPT_STRING, offsetof(struct config_oidc, client_secret), .def = "",
     .max = 1000, .secret = true,
     .help = {"Its secret; empty for a public client (PKCE is used in any case).",
              "客户端密钥；公开客户端可留空（始终使用 PKCE）。"}},
    {"label", OPT_STRING, offsetof(struct config_oidc, label), .def = "OpenID Connect", .min = 1,
     .max = 60, .help = {"What the page's button says.", "登录页按钮上的文字。"}},
    {"scopes", OPT_LIST, offsetof(struct config_oidc, scopes), .max = 30,
     .help = {"Scopes asked for beside openid; profile and email when absent.",
              "除 openid 之外请求的 scope；缺省为 profile 与 email。"}},
    {"name_claim", OPT_STRING, offsetof(struct config_oidc, name_claim),
     .def = "preferred_username", .min = 1, .max = 200,
     .help = {"Claim that names the account; email or sub when it is missing.",
              "用作账号名称的声明；缺失时用 email 或 sub。"}},
    {"role_claim", OPT_STRING, offsetof(struct config_oidc, role_claim), .def = "groups", .min = 1,
     .max = 200,
     .help = {"Claim that is compared with roles; dots go into objects.",
              "与 roles 对照的声明；点号进入嵌套对象。"},
     .example = "realm_access.roles"},
    {"roles", OPT_MAP, offsetof(struct config_oidc, roles), .max = 200,
     .help = {"Role for a value of the claim; the highest counts.",
              "声明的取值对应的角色；取最高者。"},
     .example = "{admins: admin, staff: viewer}"},
    {"default_role", OPT_STRING, offsetof(struct config_oidc, default_role), .def = "none",
     .choices = role_choices,
     .help = {"Role of those to whom roles gives none; none refuses them.",
              "roles 未给出角色者的角色；none 表示拒绝登录。"}},
    {"redirect_uri", OPT_STRING, offsetof(struct config_oidc, redirect_uri), .def = "", .max = 1000,
     .advanced = true,
     .help = {"Where the provider sends people back; public_url/api/v1/oidc/callback when empty.",
              "登录后返回的地址；留空则为 public_url/api/v1/oidc/callback。"}},
    {"ca_file", OPT_STRING, offsetof(struct config_oidc, ca_file), .def = "", .max = 1000,
     .advanced = true,
     .help = {"Certificates that the provider's is checked against, instead of the system's.",
              "用于校验提供方证书的 CA 文件；缺省为系统证书。"}},
    OPTION_END,
};

static const struct option proxy_options[] = {
    {"from", OPT_LIST, offsetof(struct config_proxy, from), .max = 100,
     .help = {"Addresses of the proxies before Belfry: their X-Forwarded-For is believed.",
              "Belfry 之前的代理的地址；信任其 X-Forwarded-For。"},
     .example = "[127.0.0.1/32, 10.0.0.0/8]"},
    {"header", OPT_STRING, offsetof(struct config_proxy, header), .def = "", .max = 100,
     .help = {"Header in which these proxies name the user that they signed in. Empty: off. "
              "The proxy must remove it from what comes in.",
              "这些代理用来标明已登录用户的请求头；留空则关闭。代理必须删除外来请求中的该请求头。"},
     .example = "X-Forwarded-User"},
    {"role", OPT_STRING, offsetof(struct config_proxy, role), .def = "viewer",
     .choices = role_choices, .help = {"Role of users named so.", "以此方式登录的用户的角色。"}},
    {"roles_header", OPT_STRING, offsetof(struct config_proxy, roles_header), .def = "", .max = 100,
     .help = {"Header with the user's groups, comma-separated; the highest role in roles counts.",
              "列出用户所属组的请求头（逗号分隔）；取 roles 中最高的角色。"},
     .example = "X-Forwarded-Groups"},
    {"roles", OPT_MAP, offsetof(struct config_proxy, roles), .max = 200,
     .help = {"Role for a value of roles_header.", "roles_header 的取值对应的角色。"},
     .example = "{admins: admin}"},
    OPTION_END,
};

const struct option config_access_options[] = {
    {"session_idle", OPT_DURATION, offsetof(struct config_access, session_idle_ms), .def = "24h",
     .min = 60 * 1000.0, .max = 365 * DAY_MS,
     .help = {"A session ends when it was not used for so long.", "会话闲置超过此时间即失效。"}},
    {"session_max", OPT_DURATION, offsetof(struct config_access, session_max_ms), .def = "30d",
     .min = 60 * 1000.0, .max = 365 * DAY_MS,
     .help = {"A session ends after so long in any case.", "会话无论如何在此时间后失效。"}},
    {"audit_keep", OPT_DURATION, offsetof(struct config_access, audit_keep_ms), .def = "400d",
     .min = DAY_MS, .max = 3660 * DAY_MS,
     .help = {"Entries of the audit log are kept so long; read at the start.",
              "审计日志的保留时间；启动时读取。"}},
    {"oidc", OPT_SECTION, offsetof(struct config_access, oidc), .sub = oidc_options,
     .help = {"Sign-in by OpenID Connect.", "通过 OpenID Connect 登录。"}},
    {"proxy", OPT_SECTION, offsetof(struct config_access, proxy), .sub = proxy_options,
     .help = {"Proxies before Belfry, and sign-in by them.",
              "Belfry 之前的代理，及由其代为登录。"}},
    OPTION_END,
};

static void check_roles(struct loader *l, const struct pair_list *roles, const struct node *at,
                        const char *field)
{
    for (size_t i = 0; i < roles->n; i++) {
        bool known = false;
        for (size_t k = 0; role_choices[k]; k++)
            known = known || streq(roles->at[i].value, role_choices[k]);
        if (!known)
            problem_add(l->problems, at, field,
                        "got the role \"%s\" for \"%s\"; want none, viewer, editor or admin",
                        roles->at[i].value, roles->at[i].key);
    }
}

static bool one_of(const char *text, const char *const *choices)
{
    for (size_t i = 0; choices[i]; i++)
        if (streq(text, choices[i]))
            return true;
    return false;
}

static void check_oidc(struct loader *l, const struct node *at)
{
    const struct config_oidc *o = &l->cfg->access.oidc;
    struct str issuer = str_of(o->issuer);
    check_roles(l, &o->roles, at, "access.oidc.roles");
    if (!one_of(o->default_role, role_choices))
        problem_add(l->problems, at, "access.oidc.default_role",
                    "got \"%s\"; want none, viewer, editor or admin", o->default_role);
    if (issuer.n == 0)
        return;
    if (!str_starts(issuer, STR("https://")) && !str_starts(issuer, STR("http://")))
        problem_add(l->problems, at, "access.oidc.issuer", "got \"%s\"; want https://…", o->issuer);
    if (o->client_id[0] == '\0')
        problem_add(l->problems, at, "access.oidc.client_id", "is missing");
    if (o->redirect_uri[0] == '\0' && l->cfg->server.public_url[0] == '\0')
        problem_add(l->problems, at, "access.oidc.redirect_uri",
                    "is missing; want it, or server.public_url");
}

/* "10.0.0.0/8", "::1". */
static bool is_cidr(const char *text)
{
    char ip[64];
    unsigned char bytes[16];
    int64_t bits = 0;
    size_t n = strcspn(text, "/");
    if (n == 0 || n >= sizeof(ip))
        return false;
    memcpy(ip, text, n);
    ip[n] = '\0';
    int most = inet_pton(AF_INET, ip, bytes) == 1    ? 32
               : inet_pton(AF_INET6, ip, bytes) == 1 ? 128
                                                     : 0;
    if (most == 0 || text[n] == '\0')
        return most != 0;
    return str_to_i64(str_of(text + n + 1), &bits, NULL) == 0 && bits >= 0 && bits <= most;
}

static void check_proxy(struct loader *l, const struct node *at)
{
    const struct config_proxy *p = &l->cfg->access.proxy;
    check_roles(l, &p->roles, at, "access.proxy.roles");
    for (size_t i = 0; i < p->from.n; i++)
        if (!is_cidr(p->from.at[i]))
            problem_add(l->problems, at, "access.proxy.from",
                        "got \"%s\"; want an address or ADDRESS/BITS", p->from.at[i]);
    if (!one_of(p->role, role_choices))
        problem_add(l->problems, at, "access.proxy.role",
                    "got \"%s\"; want none, viewer, editor or admin", p->role);
    if (p->header[0] && p->from.n == 0)
        problem_add(l->problems, at, "access.proxy.from",
                    "is missing; want the addresses whose %s is believed", p->header);
}

void loader_access(struct loader *l, const struct node *oidc, const struct node *proxy)
{
    must(l->cfg->access.oidc.issuer && l->cfg->access.proxy.role);
    struct config_access *a = &l->cfg->access;
    size_t n = strlen(a->oidc.issuer);
    if (n > 0 && a->oidc.issuer[n - 1] == '/')
        a->oidc.issuer = arena_strndup(l->arena, a->oidc.issuer, n - 1);
    check_oidc(l, oidc);
    check_proxy(l, proxy);
}
