/* What the files of ipc/ share. */
#ifndef IPC_PRIV_H
#define IPC_PRIV_H

#include <stdalign.h>
#include <stdint.h>
#include <sys/types.h>

/* Allocates bytes [from, to) of the file, which end it now, so that no later store into a mapping of it can meet a
 * full disk. 0, or -1 with errno. */
int ipc__allocate(int fd, off_t from, off_t to);
/* Hash of what identifies this boot of the machine; 0 where nothing does. */
uint64_t ipc__boot_hash(void);

#endif
