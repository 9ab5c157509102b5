/* The embedded page: a search by halves in the generated table. Called by api/ on HTTP threads; holds no
 * state, so any thread may ask at any time. */
#include "page/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "page/page_priv.h"

static int by_path(const void *key, const void *row)
{
    return strcmp(key, ((const struct page_file *)row)->path);
}

const struct page_file *page_find(const char *path)
{
    must(path);
    while (*path == '/')
        path++;
    const char *name = *path ? path : "index.html";
    const struct page_file *found =
        bsearch(name, page_files, page_files_count, sizeof(page_files[0]), by_path);
    must(!found || strcmp(found->path, name) == 0);
    return found;
}
