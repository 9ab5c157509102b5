/* Whole directory trees (fs.h). Symbolic links are never followed. */
#include "base/fs.h"

#include <fts.h>
#include <stdio.h>
#include <unistd.h>

int fs_remove_tree(const char *path, struct err *err)
{
    char *const roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    int rc = 0;
    if (!walk)
        return err_sys(err, ERR_IO, "cannot remove %s", path);
    for (FTSENT *e; (e = fts_read(walk));) {
        if (e->fts_info == FTS_D || (e->fts_info == FTS_NS && e->fts_errno == ENOENT))
            continue;
        if (remove(e->fts_accpath) != 0 && errno != ENOENT)
            rc = err_sys(err, ERR_IO, "cannot remove %s", e->fts_path);
    }
    fts_close(walk);
    return rc;
}
