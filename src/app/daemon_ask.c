/* The one question that a command of this machine asks the warden itself, without the core between them. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "app/daemon.h"
#include "base/fs.h"
#include "ipc/command.h"

#define ANSWER_MS \
    75000 /* the warden lets the new program check the configuration first, for a minute */

int daemon_ask_upgrade(const char *data_dir, pid_t warden, struct err *err)
{
    struct command c = {.version = COMMAND_VERSION, .type = COMMAND_UPGRADE, .id = 1}, answer;
    char *path = daemon_run_path(data_dir, "warden.sock");
    cleanup(fd_closep) int fd = command_connect(path, err);
    free(path);
    if (fd < 0)
        return -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = 0;
    if (command_send(fd, &c) && poll(&p, 1, ANSWER_MS) == 1)
        rc = command_receive(fd, &answer);
    if (rc <= 0)
        return err_set(err, rc < 0 ? ERR_REFUSED : ERR_TIMEOUT, "the warden does not answer");
    if (answer.code == ERR_CONFLICT)
        return kill(warden, SIGUSR2) < 0
                   ? err_sys(err, ERR_IO, "cannot tell process %ld", (long)warden)
                   : 0;
    return answer.code == 0 ? 0 : err_set(err, ERR_INVALID, "%s", answer.text);
}
