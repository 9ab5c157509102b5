/* The table that embed.mjs generates, sorted by path; page.c searches it. */
#ifndef PAGE_PAGE_PRIV_H
#define PAGE_PAGE_PRIV_H

#include "page/page.h"

extern const struct page_file page_files[];
extern const size_t page_files_count;

#endif
