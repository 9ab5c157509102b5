/* forbid_syscalls PROGRAM ARGUMENTS…: runs it as on an old kernel (forbid.h). */
#include <stdio.h>
#include <unistd.h>

#include "forbid.h"

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: forbid_syscalls PROGRAM ARGUMENTS…\n");
        return 2;
    }
    if (forbid_syscalls() < 0) {
        perror("forbid_syscalls: cannot install the filter");
        return 77; /* skipped, to Meson and run_tests.py */
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
