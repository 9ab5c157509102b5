/* belfry metrics check: is a text of metrics what it claims to be? For exporters and their tests; needs no running Belfry. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "wire/exposition.h"

#define TEXT_MAX (256u << 20)

static const char help[] =
    "usage: belfry metrics check [--format text|openmetrics] [FILE]\n\n"
    "Reads Prometheus' text format 0.0.4 or OpenMetrics 1.0 from FILE or stdin, tells the first fault\n"
    "with its line, and ends with 1 if there is one. Without --format it is OpenMetrics when the text\n"
    "ends with \"# EOF\".\n";

static int read_text(const char *path, struct buf *out, struct err *err)
{
    if (path && strcmp(path, "-") != 0)
        return fs_read(path, out, err);
    char piece[65536];
    ssize_t n;
    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
        buf_add(out, piece, (size_t)n);
    if (n < 0)
        return err_sys(err, ERR_IO, "cannot read standard input");
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the text is larger than %u bytes", TEXT_MAX)
                       : 0;
}

/* A text's lines and label sets, each by itself. *samples: how many. */
static int check_text(struct str text, enum exposition_format f, size_t *samples, struct err *err)
{
    struct exposition x;
    struct exposition_entry e;
    enum exposition_item item;
    struct labels labels;
    cleanup(arena_freep) struct arena *a = arena_new();
    struct labels_builder b = {0};
    int rc = 0;
    exposition_init(&x, f);
    exposition_feed(&x, text, true);
    while (rc == 0 && (item = exposition_next(&x, &e, err)) > EXPOSITION_END)
        if (item == EXPOSITION_SAMPLE) {
            arena_reset(a);
            rc = exposition_labels(&e, f, a, &b, &labels, err);
            ++*samples;
        }
    return rc != 0 || item == EXPOSITION_FAILED ? -1 : 0;
}

static bool ends_with_eof(struct str text)
{
    static const char eof[] = "# EOF";
    while (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    size_t n = sizeof(eof) - 1;
    return text.n >= n && memcmp(text.p + text.n - n, eof, n) == 0;
}

static int check(const char *format, const char *path)
{
    struct err err = {0};
    size_t samples = 0;
    struct buf text = BUF_INIT(TEXT_MAX);
    int rc = read_text(path, &text, &err);
    struct str all = {text.data ? text.data : "", text.len};
    bool om = format ? strcmp(format, "openmetrics") == 0 : ends_with_eof(all);
    if (rc == 0)
        rc = check_text(all, om ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT, &samples, &err);
    if (rc == 0 && om)
        rc = openmetrics_check(all, &err);
    if (rc == 0)
        printf("%zu samples, %s: good\n", samples, om ? "OpenMetrics 1.0" : "text 0.0.4");
    else
        fprintf(stderr, "belfry metrics check: %s\n", err.msg);
    buf_done(&text);
    return rc == 0 ? EXIT_GOOD : EXIT_BAD;
}

int cmd_metrics(int argc, char **argv)
{
    struct client_args args;
    if (client_args(argc, argv, &args) != 0)
        return EXIT_USAGE;
    const char *format = args_take(&args, "--format");
    bool known = !format || strcmp(format, "text") == 0 || strcmp(format, "openmetrics") == 0;
    bool verb = args.argc >= 2 && args.argc <= 3 && strcmp(args.argv[1], "check") == 0;
    if (args.help || !verb || !known) {
        fputs(help, args.help ? stdout : stderr);
        return args.help ? EXIT_GOOD : EXIT_USAGE;
    }
    if (args.argc == 3 && strcmp(args.argv[2], "-") != 0 && args_unknown(&args))
        return EXIT_USAGE;
    return check(format, args.argc == 3 ? args.argv[2] : NULL);
}
