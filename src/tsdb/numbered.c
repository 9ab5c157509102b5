/* The numbered files of a directory, listed (numbered.h): segments of the WAL and of the series log. Any thread. */
#include "tsdb/numbered.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int numbered_list(const char *dir, const char *suffix, struct numbers *out, struct err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(err, ERR_IO, "cannot read %s", dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        uint64_t number;
        const char *dot = strchr(e->d_name, '.');
        if (dot && streq(dot, suffix) &&
            str_to_u64((struct str){e->d_name, (size_t)(dot - e->d_name)}, &number, NULL) == 0)
            vec_push(out, number);
    }
    closedir(d);
    if (out->n > 0)
        qsort(out->at, out->n, sizeof(*out->at), compare_numbers);
    return 0;
}
