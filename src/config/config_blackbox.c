/* server.blackbox_file: the modules of /probe, read with the configuration, so that both are in force together. What the text means
 * is probe/blackbox.h's, reached through the hooks. */
#include "base/fs.h"
#include "config/config_priv.h"

#define BLACKBOX_MAX (4u << 20)

void loader_blackbox(struct loader *l, const struct node *at)
{
    struct config_server *s = &l->cfg->server;
    struct buf text = BUF_INIT(BLACKBOX_MAX);
    struct err err = {0};
    must(s->blackbox_file[0] != '\0');
    if (l->in->alone) {
        problem_add(l->problems, at, "server.blackbox_file", "cannot read files here");
        return;
    }
    if (fs_read_regular(s->blackbox_file, &text, &err) != 0) {
        problem_add(l->problems, at, "server.blackbox_file", "%s", err.msg);
    } else {
        s->blackbox_text =
            (struct str){arena_strndup(l->arena, text.data ? text.data : "", text.len), text.len};
        loader_used(l, s->blackbox_file);
        if (l->hooks->check_blackbox)
            l->hooks->check_blackbox(l->hooks->ctx, s->blackbox_text, s->blackbox_file,
                                     l->problems);
    }
    buf_done(&text);
}
