/* /etc/hosts as a table, so that a local name costs neither a file read nor a DNS query per probe.
 * Inside io/: resolve.c owns one and reads it again when the file changes. */
#ifndef IO_HOSTS_H
#define IO_HOSTS_H

#include "io/addr.h"

struct hosts;

/* Reads the file; one that is missing or unreadable gives an empty table. */
struct hosts *hosts_load(const char *path);
void hosts_free(struct hosts *h);
/* Addresses of a lower-case name (port 0), IPv4 first; returns how many. "localhost" always has some
 * (RFC 6761). */
int hosts_find(const struct hosts *h, const char *name, enum ip_version v, struct addr *out,
               int max);

#endif
