/* See ssh_session.h. What the server sends passes take_bytes, which counts it: libssh2 would read a banner without end
 * as long as bytes come. */
#include "probe/ssh_session.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"

#define BEFORE_LOGIN_MAX (512 * 1024)      /* bytes of banner, key exchange and login */
#define AFTER_LOGIN_MAX  (8 * 1024 * 1024) /* of everything else */
#define FINGERPRINT      64

struct ssh {
    uint32_t magic;
    LIBSSH2_SESSION *session;
    struct stream *stream;
    int64_t deadline_ns;
    size_t budget;        /* bytes the server may still send */
    bool over;            /* being closed: no more is said or heard */
    const char *password; /* what a server that asks in a dialogue is told; NULL: none asked yet */
    char name[ADDR_TEXT];
};
#define SSH_MAGIC 0x55e55104u

LIBSSH2_SESSION *ssh_session(struct ssh *s)
{
    check_magic(s, SSH_MAGIC);
    return s->session;
}

const char *ssh_banner(const struct ssh *s)
{
    const char *banner = libssh2_session_banner_get(s->session);
    return banner ? banner : "";
}

/* libssh2 wants -errno. */
static ssize_t take_bytes(libssh2_socket_t fd, void *p, size_t n, int flags, void **arg)
{
    struct ssh *s = *arg;
    check_magic(s, SSH_MAGIC);
    if (s->over || s->budget == 0 || clock_mono_ns() >= s->deadline_ns)
        return -ECONNABORTED;
    ssize_t got = recv(fd, p, n < s->budget ? n : s->budget, flags);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    s->budget -= (size_t)got;
    return got;
}

static ssize_t give_bytes(libssh2_socket_t fd, const void *p, size_t n, int flags, void **arg)
{
    struct ssh *s = *arg;
    check_magic(s, SSH_MAGIC);
    if (s->over)
        return -ECONNABORTED;
    ssize_t put = send(fd, p, n, flags | MSG_NOSIGNAL);
    return put >= 0 ? put : errno == EINTR ? -EAGAIN : -errno;
}

int ssh_wait(struct ssh *s, const char *doing, struct err *err)
{
    struct err e = {0};
    int directions = libssh2_session_block_directions(s->session);
    int events = (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND ? IO_WRITE : 0) |
                 (directions & LIBSSH2_SESSION_BLOCK_INBOUND ? IO_READ : 0);
    if (io_wait(stream_fd(s->stream), events ? events : IO_READ, s->deadline_ns, &e) >= 0)
        return 0;
    if (e.code == ERR_TIMEOUT)
        return err_set(err, ERR_TIMEOUT, "timeout while %s %s", doing, s->name);
    return err_set(err, e.code, "%s", e.msg);
}

int ssh_failed(struct ssh *s, const char *doing, struct err *err)
{
    char *text = NULL;
    int code = libssh2_session_last_error(s->session, &text, NULL, 0);
    must(doing != NULL && code <= 0);
    if (s->budget == 0)
        return err_set(err, ERR_TOO_LARGE, "cannot %s %s: it never stops talking", doing, s->name);
    if (clock_mono_ns() >= s->deadline_ns)
        return err_set(err, ERR_TIMEOUT, "cannot %s %s within the timeout", doing, s->name);
    if (code == LIBSSH2_ERROR_SOCKET_DISCONNECT || code == LIBSSH2_ERROR_SOCKET_RECV)
        return err_set(err, ERR_PROTOCOL, "cannot %s %s: it closed the connection", doing, s->name);
    return err_set(err, ERR_PROTOCOL, "cannot %s %s: %s", doing, s->name, text ? text : "?");
}

/* --- the host key --- */

static const char *fingerprint(struct ssh *s, char out[FINGERPRINT])
{
    const char *hash = libssh2_hostkey_hash(s->session, LIBSSH2_HOSTKEY_HASH_SHA256);
    struct buf text = BUF_INIT(FINGERPRINT);
    if (hash)
        base64_encode(&text, hash, 32);
    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    snprintf(out, FINGERPRINT, "SHA256:%.*s", (int)text.len, text.data ? text.data : "");
    buf_done(&text);
    return out;
}

static int judge_key(struct ssh *s, const struct ssh_keys *keys, struct result *r, struct err *err)
{
    char got[FINGERPRINT];
    const char *kind = libssh2_session_methods(s->session, LIBSSH2_METHOD_HOSTKEY);
    fingerprint(s, got);
    result_fact(r, "ssh_host_key", arena_printf(r->arena, "%s %s", kind ? kind : "?", got));
    for (size_t i = 0; i < keys->host_keys.n; i++)
        if (streq(keys->host_keys.at[i], got))
            return 0;
    if (keys->host_keys.n == 0)
        return 0;
    return err_set(err, ERR_INVALID, "the host key of %s is %s %s; want %s%s", s->name,
                   kind ? kind : "?", got, keys->host_keys.at[0],
                   keys->host_keys.n > 1 ? " or another of the list" : "");
}

/* --- login --- */

static int try_key(struct ssh *s, const struct service *c, const struct ssh_keys *keys,
                   struct err *err)
{
    int rc;
    while ((rc = libssh2_userauth_publickey_fromfile_ex(
                s->session, c->username, (unsigned)strlen(c->username), NULL,
                keys->private_key_file, keys->passphrase)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "logging in at", err) != 0)
            return -1;
    if (rc == LIBSSH2_ERROR_FILE)
        return err_set(err, ERR_INVALID,
                       "cannot use the key %.150s: it cannot be read, or its "
                       "passphrase is another",
                       keys->private_key_file);
    return rc == 0 ? 0 : ssh_failed(s, "log in at", err);
}

static int try_password(struct ssh *s, const struct service *c, struct err *err)
{
    int rc;
    const char *password = c->password ? c->password : "";
    must(c->username != NULL);
    while ((rc = libssh2_userauth_password_ex(
                s->session, c->username, (unsigned)strlen(c->username), password,
                (unsigned)strlen(password), NULL)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "logging in at", err) != 0)
            return -1;
    return rc == 0 ? 0 : ssh_failed(s, "log in at", err);
}

/* What the server asks for without an echo is the password; libssh2 frees the answers. */
static void answer_prompts(const char *name, int name_n, const char *text, int text_n, int n,
                           const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                           LIBSSH2_USERAUTH_KBDINT_RESPONSE *answers, void **arg)
{
    struct ssh *s = *arg;
    check_magic(s, SSH_MAGIC);
    must(s->password != NULL);
    for (int i = 0; i < n; i++) {
        answers[i].text = strdup(prompts[i].echo ? "" : s->password);
        must(answers[i].text != NULL);
        answers[i].length = (unsigned)strlen(answers[i].text);
    }
}

/* The only way that many appliances and PAM set-ups offer. A server that asks on and on hits the budget or the deadline. */
static int try_dialogue(struct ssh *s, const struct service *c, struct err *err)
{
    int rc;
    s->password = c->password ? c->password : "";
    while ((rc = libssh2_userauth_keyboard_interactive_ex(s->session, c->username,
                                                          (unsigned)strlen(c->username),
                                                          answer_prompts)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "logging in at", err) != 0)
            return -1;
    return rc == 0 ? 0 : ssh_failed(s, "log in at", err);
}

static int try_words(struct ssh *s, const struct service *c, const char *ways, struct err *err)
{
    bool password = str_lists(str_of(ways), ',', "password");
    bool dialogue = str_lists(str_of(ways), ',', "keyboard-interactive");
    return dialogue && !password ? try_dialogue(s, c, err) : try_password(s, c, err);
}

/* The ways to log in that the server names; NULL with 0: it lets us in without any. */
static int ask_ways(struct ssh *s, const struct service *c, char **ways, struct err *err)
{
    while (
        !(*ways = libssh2_userauth_list(s->session, c->username, (unsigned)strlen(c->username)))) {
        if (libssh2_userauth_authenticated(s->session))
            return 0;
        if (libssh2_session_last_errno(s->session) != LIBSSH2_ERROR_EAGAIN)
            return ssh_failed(s, "log in at", err);
        if (ssh_wait(s, "logging in at", err) != 0)
            return -1;
    }
    return 0;
}

static int login(struct ssh *s, const struct service *c, const struct ssh_keys *keys,
                 struct err *err)
{
    char *list, ways[200];
    must(c->username != NULL && (keys->private_key_file || c->password));
    bool with_key = keys->private_key_file != NULL;
    if (ask_ways(s, c, &list, err) != 0)
        return -1;
    if (!list)
        return 0;
    snprintf(ways, sizeof(ways), "%s", list); /* libssh2 uses its memory again */
    int rc = with_key ? try_key(s, c, keys, err) : try_words(s, c, ways, err);
    int why = libssh2_session_last_errno(s->session);
    if (rc != 0 &&
        (why == LIBSSH2_ERROR_AUTHENTICATION_FAILED || why == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED))
        return err_set(err, ERR_REFUSED, "%s refused the login of %s by %s; it takes %s", s->name,
                       c->username, with_key ? "key" : "password", ways);
    return rc;
}

/* --- opening and closing --- */

static int open_session(struct ssh *s, const struct service *c, const struct ssh_keys *keys,
                        struct result *r, struct err *err)
{
    int rc;
    libssh2_session_set_blocking(s->session, 0);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_RECV, (void *)take_bytes);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_SEND, (void *)give_bytes);
    while ((rc = libssh2_session_handshake(s->session, stream_fd(s->stream))) ==
           LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "exchanging keys with", err) != 0)
            return -1;
    if (rc != 0)
        return ssh_failed(s, "exchange keys with", err);
    result_fact(r, "ssh_banner", arena_strdup(r->arena, ssh_banner(s)));
    if (judge_key(s, keys, r, err) != 0 || (c->username && login(s, c, keys, err) != 0))
        return -1;
    s->budget = AFTER_LOGIN_MAX;
    return 0;
}

struct ssh *ssh_open(struct probe *p, const struct service *service, const struct ssh_keys *keys,
                     struct result *r)
{
    struct err err = {0};
    struct stream *stream = service_connect(p, service, r);
    if (!stream)
        return NULL;
    struct ssh *s = arena_new_of(p->arena, struct ssh);
    *s = (struct ssh){.magic = SSH_MAGIC,
                      .stream = stream,
                      .deadline_ns = p->deadline_ns,
                      .budget = BEFORE_LOGIN_MAX};
    addr_text(stream_peer(stream), s->name);
    must(libssh2_init(0) == 0);
    s->session = libssh2_session_init_ex(NULL, NULL, NULL, s);
    must(s->session != NULL);
    if (open_session(s, service, keys, r, &err) != 0) {
        result_fail_err(r, &err);
        ssh_close(&s);
    }
    return s;
}

void ssh_close(struct ssh **ps)
{
    struct ssh *s = *ps;
    if (!s)
        return;
    check_magic(s, SSH_MAGIC);
    s->over = true; /* what is still open is only freed */
    for (int i = 0; i < 100 && libssh2_session_free(s->session) == LIBSSH2_ERROR_EAGAIN; i++)
        continue;
    libssh2_exit();
    stream_close(&s->stream);
    s->magic = 0;
    *ps = NULL;
}

void ssh_keys_validate(const struct service *service, const struct ssh_keys *keys,
                       struct problems *p, const char *path)
{
    char field[200];
    for (size_t i = 0; i < keys->host_keys.n; i++) {
        const char *key = keys->host_keys.at[i];
        snprintf(field, sizeof(field), "%s%shost_key[%zu]", path, *path ? "." : "", i);
        if (strncmp(key, "SHA256:", 7) != 0 || strlen(key) != 7 + 43)
            problem_add(p, NULL, field,
                        "got \"%.60s\"; want SHA256: and 43 characters, as ssh-keygen -l shows",
                        key);
    }
    if (service->username && !service->password && !keys->private_key_file)
        problem_add(p, NULL, path,
                    "got a username without a password or private_key_file; want one of them");
}
