/* belfry backup: everything that Belfry knows, as one file, while it runs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"

static const char help[] =
    "usage: belfry backup FILE|- [--with-key]\n\n"
    "Writes the database, the series and their description into FILE (a tar in zstd), consistent, while Belfry runs.\n"
    "Secrets in it are sealed with data/secret.key, which is put in only with --with-key: without that, keep a copy of\n"
    "the key elsewhere. belfry restore FILE brings it back.\n\n"
    "options: -c FILE, --server URL, --token T\n";

struct saving {
    int fd;
    uint64_t bytes;
    struct err err;
    bool failed;
};

static void on_piece(void *arg, const char *p, size_t n)
{
    struct saving *s = arg;
    while (n > 0 && !s->failed) {
        ssize_t w = write(s->fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0) {
            err_sys(&s->err, ERR_IO, "cannot write the backup");
            s->failed = true;
            return;
        }
        p += w;
        n -= (size_t)w;
        s->bytes += (uint64_t)w;
    }
}

static int fetch(const struct client_args *args, bool with_key, struct saving *s)
{
    struct err err = {0};
    struct client *c = client_open(args, &err);
    if (!c)
        return client_fail(&err);
    struct arena *a cleanup(arena_freep) = arena_new();
    int rc = client_stream(c, with_key ? "/api/v1/backup?with_key=true" : "/api/v1/backup", a,
                           on_piece, s, &err);
    client_close(&c);
    if (rc == 0 && s->failed)
        err = s->err;
    return rc == 0 && !s->failed ? EXIT_GOOD : client_fail(&err);
}

/* Under another name until it is whole. */
static int to_file(const struct client_args *args, const char *path, bool with_key)
{
    struct err err = {0};
    char *partial;
    must(asprintf(&partial, "%s.partial", path) > 0);
    struct saving s = {.fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    int status = EXIT_BAD;
    if (s.fd < 0) {
        err_sys(&err, ERR_IO, "cannot write %s", partial);
        client_fail(&err);
    } else if ((status = fetch(args, with_key, &s)) == EXIT_GOOD &&
               (fsync(s.fd) != 0 || rename(partial, path) != 0)) {
        err_sys(&err, ERR_IO, "cannot write %s", path);
        status = client_fail(&err);
    }
    if (s.fd >= 0)
        close(s.fd);
    if (status != EXIT_GOOD)
        unlink(partial);
    else
        fprintf(stderr, "%s: %.1f MB%s\n", path, (double)s.bytes / 1e6,
                with_key ? "; it holds the key of the secrets: keep it safe" : "");
    free(partial);
    return status;
}

int cmd_backup(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    bool with_key = args_take_flag(&args, "--with-key");
    if (args.argc == 2 && streq(args.argv[1], "-")) {
        if (!isatty(STDOUT_FILENO))
            return fetch(&args, with_key, &(struct saving){.fd = STDOUT_FILENO});
        fputs("belfry: a backup is not for a terminal; redirect it\n", stderr);
        return EXIT_USAGE;
    }
    if (args_unknown(&args))
        return EXIT_USAGE;
    if (args.argc != 2) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    return to_file(&args, args.argv[1], with_key);
}
