/* The numbered files of a directory, listed and written (numbered.h): segments of the WAL, of the series log, of the head. Any thread. */
#include "tsdb/numbered.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int numbered_write(int fd, const void *p, size_t n, uint64_t at)
{
    must(p || n == 0);
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(fd, (const char *)p + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        done += (size_t)got;
    }
    return 0;
}
