/* Socket addresses as plain data. */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    };
};

/* PREFER: the other family only when there is no address of this one. */
enum ip_version { IP_ANY, IP_4, IP_6, IP_PREFER_4, IP_PREFER_6 };

bool addr_parse_ip(const char *text, uint16_t port,
                   struct addr *out); /* literal only, "[::1]" too */
socklen_t addr_len(const struct addr *a);
#define ADDR_TEXT 64
char *addr_ip(const struct addr *a, char *buf);   /* "10.0.0.1" / "::1" */
char *addr_text(const struct addr *a, char *buf); /* "10.0.0.1:80" / "[::1]:80" */
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
#define HOST_SIZE 256 /* a host name (at most 253 bytes) and its NUL */
/* "host:port", "[v6]:port", "host" (port stays *port). host is written NUL-terminated. */
int hostport_parse(const char *text, char *host, size_t host_size, uint16_t *port, struct err *err);

#endif
