/* belfry install and uninstall (daemon.h): the systemd unit with this installation's paths. What it allows is
 * explained in packaging/belfry.service.in, whose text this follows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "proc/spawn.h"

#define UNIT_PATH "/etc/systemd/system/belfry.service"

static const char always[] =
    "# Programs survive a crash of Belfry: the next one takes them over. A stop is Belfry's to do, in order.\n"
    "KillMode=process\n"
    "TimeoutStopSec=120\n"
    "Restart=always\n"
    "RestartSec=1\n"
    "RestartPreventExitStatus=78\n" /* EXIT_CONFIG: it would fail again */
    "UMask=0077\n"
    "LimitNOFILE=1048576\n"
    "\n";

static const char with_programs[] =
    "# Each program gets a control group of its own.\n"
    "Delegate=yes\n"
    "# What else would harden Belfry (NoNewPrivileges, ProtectSystem, SystemCallFilter, capabilities …) would\n"
    "# bind the programs that it starts, too, so it is left out. Write it anew with `belfry install` when the\n"
    "# configuration has no processes any more.\n";

static const char with_others[] =
    "# Some of them run as other users: Belfry starts as root, goes on as server.user if there is one, and keeps\n"
    "# only the right to start programs as users that the configuration file names.\n";

static const char hardening[] =
    "# Raw sockets for ICMP where unprivileged ones are switched off; nothing else.\n"
    "CapabilityBoundingSet=CAP_NET_RAW\n"
    "AmbientCapabilities=CAP_NET_RAW\n"
    "NoNewPrivileges=yes\n"
    "ProtectSystem=strict\n"
    "PrivateTmp=yes\n"
    "PrivateDevices=yes\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelTunables=yes\n"
    "LockPersonality=yes\n"
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
    "RestrictNamespaces=yes\n"
    "RestrictRealtime=yes\n"
    "RestrictSUIDSGID=yes\n"
    "RemoveIPC=yes\n"
    "SystemCallArchitectures=native\n"
    "SystemCallFilter=@system-service\n"
    "SystemCallErrorNumber=EPERM\n";

/* systemd splits at blanks and expands % and $ in commands. */
static void put_word(struct buf *out, const char *s)
{
    buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_putc(out, '\\');
        if (*s == '%' || *s == '$')
            buf_putc(out, *s);
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

static void put_unit(struct buf *out, const struct daemon_install *in)
{
    char *exe = realpath(in->exe, NULL); /* it may be /proc/self/exe */
    buf_puts(out, "# Written by `belfry install`.\n[Unit]\nDescription=Belfry monitoring\n"
                  "Wants=network-online.target\nAfter=network-online.target\n\n"
                  "[Service]\nType=simple\nExecStart=");
    put_word(out, exe ? exe : in->exe);
    free(exe);
    buf_puts(out, " run -c ");
    put_word(out, in->config_path);
    buf_puts(out, "\nExecReload=/bin/kill -HUP $MAINPID\nReadWritePaths=");
    put_word(out, in->data_dir);
    buf_puts(out, " ");
    put_word(out, in->log_dir);
    buf_puts(out, "\n");
    buf_printf(out, "User=%s\n", in->user && !in->other_users ? in->user : "root");
    buf_puts(out, always);
    buf_puts(out, in->programs ? with_programs : hardening);
    if (in->other_users)
        buf_puts(out, with_others);
    buf_puts(out, "\n[Install]\nWantedBy=multi-user.target\n");
}

/* Best effort: in a container there is no systemd to tell. */
static void reload_systemd(void)
{
    const char *argv[] = {"systemctl", "daemon-reload", NULL};
    struct spawn s = {.path = "/bin/systemctl", .argv = argv};
    pid_t pid;
    if (fs_exists("/run/systemd/system") && spawn_start(&s, &pid, NULL) == 0)
        waitpid(pid, NULL, 0);
}

int daemon_install(const struct daemon_install *in)
{
    cleanup(buf_done) struct buf out = BUF_INIT(65536);
    struct err err = {0};
    if (geteuid() != 0) {
        fprintf(stderr, "belfry: only root can write %s\n", UNIT_PATH);
        return EXIT_BAD;
    }
    put_unit(&out, in);
    if (fs_mkdirs("/etc/systemd/system", 0755, &err) < 0 ||
        fs_mkdirs(in->data_dir, 0750, &err) < 0 || fs_mkdirs(in->log_dir, 0755, &err) < 0 ||
        fs_write_atomic(UNIT_PATH, out.data, out.len, 0644, true, &err) < 0) {
        fprintf(stderr, "belfry: %s\n", err.msg);
        return EXIT_BAD;
    }
    struct spawn_user u;
    if (in->user && spawn_user_find(in->user, &u, &err) == 0 &&
        (chown(in->data_dir, u.uid, u.gid) < 0 || chown(in->log_dir, u.uid, u.gid) < 0))
        fprintf(stderr, "belfry: cannot give %s to %s: %s\n", in->data_dir, in->user,
                strerror(errno));
    reload_systemd();
    printf("wrote %s\nstart it with: systemctl enable --now belfry\n", UNIT_PATH);
    return EXIT_GOOD;
}

int daemon_uninstall(void)
{
    if (!fs_exists(UNIT_PATH)) {
        printf("there is no %s\n", UNIT_PATH);
        return EXIT_GOOD;
    }
    if (unlink(UNIT_PATH) < 0) {
        fprintf(stderr, "belfry: cannot remove %s: %s\n", UNIT_PATH, strerror(errno));
        return EXIT_BAD;
    }
    reload_systemd();
    printf("removed %s; a Belfry that it started runs on until it is stopped\n", UNIT_PATH);
    return EXIT_GOOD;
}
