/* An SSH session for ssh and sftp: connected, its host key judged, logged in. libssh2 never blocks here and never waits
 * by itself: every call that answers LIBSSH2_ERROR_EAGAIN is repeated after ssh_wait. Runs in watchers, on fibers.
 *
 *     while ((rc = libssh2_x(…)) == LIBSSH2_ERROR_EAGAIN)
 *         if (ssh_wait(s, "asking", err) != 0)
 *             return -1;
 */
#ifndef PROBE_SSH_SESSION_H
#define PROBE_SSH_SESSION_H

#include <libssh2.h>

#include "probe/service.h"

struct ssh_keys {
    const char *private_key_file, *passphrase;
    struct str_list host_keys; /* "SHA256:…", as ssh-keygen -l shows; none: any */
};

struct ssh;

/* Without a username it ends after the key exchange, not logged in. The banner and the host key become facts.
 * NULL: *r has failed. Nothing secret is sent before the host key was judged. */
struct ssh *ssh_open(struct probe *p, const struct service *service, const struct ssh_keys *keys,
                     struct result *r);
void ssh_close(struct ssh **s);
LIBSSH2_SESSION *ssh_session(struct ssh *s);
const char *ssh_banner(const struct ssh *s);
/* Waits for what libssh2 waits for. TIMEOUT "timeout while DOING 10.0.0.5:22". */
int ssh_wait(struct ssh *s, const char *doing, struct err *err);
/* The session's last error in words: "cannot DOING 10.0.0.5:22: …". Returns -1. */
int ssh_failed(struct ssh *s, const char *doing, struct err *err);

/* Problems of what the rows below hold. */
void ssh_keys_validate(const struct service *service, const struct ssh_keys *keys,
                       struct problems *p, const char *path);

/* Rows of an option table; C has a `struct service service` and a `struct ssh_keys keys`. */
/* clang-format off: initializers in a macro */
#define SSH_OPTIONS(C)                                                                             \
    SERVICE_ADDRESS(C, "22"), SERVICE_ACCOUNT(C),                                                  \
        {"private_key_file", OPT_STRING, offsetof(C, keys.private_key_file),                       \
         .example = "/etc/belfry/id_ed25519",                                                      \
         .help = {"Log in with this key instead of a password.", "用此私钥文件登录，代替密码。"}}, \
        {"passphrase",   OPT_STRING,       offsetof(C, keys.passphrase),                           \
         .secret = true, .advanced = true, .help = {"Opens the key.", "私钥的口令。"}},            \
        {"host_key",                                                                               \
         OPT_LIST,                                                                                 \
         offsetof(C, keys.host_keys),                                                              \
         .max = 16,                                                                                \
         .example = "[\"SHA256:jLvbBcOT0cZkNxlIIpBJyLcOvbpVGzmpnlVPYYv7Wmo\"]",                    \
         .help =                                                                                   \
             {"The server's key must have one of these fingerprints; ssh-keygen -l shows them.",   \
              "服务器主机密钥的指纹必须是其中之一，可用 ssh-keygen -l 查看。"}},                   \
        OPTION_IP_VERSION(C, service.ip_version)
/* clang-format on */

#endif
