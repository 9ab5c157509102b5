/* What both ends of the link share. */
#ifndef IPC_LINK_PRIV_H
#define IPC_LINK_PRIV_H

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "ipc/link.h"

/* Descriptors, non-blocking and close-on-exec; -1 on error. */
int link__listen(const char *path, struct err *err);
int link__connect(const char *path, struct err *err);
int link__send(int fd, enum link_type type, uint64_t id, const void *p, size_t n, struct err *err);
/* 1 a message that borrows from packet, 0 none at the moment, -1 the other side closed or is insane. */
int link__receive(int fd, uint8_t *packet, size_t size, struct link_message *m);
bool link__parse(const uint8_t *packet, size_t n, struct link_message *m);

#endif
