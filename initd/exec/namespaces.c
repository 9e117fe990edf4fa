/* Namespaces of the process's own (systemd.exec(5), SANDBOXING; namespaces(7)).
 *
 * A container that allows no namespaces is none to fail in: it is reported, and the unit goes on without, as under
 * systemd. What is mounted in the mount namespace: mounts.c.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void bring_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo" };

    /* Without IPv4, or without a loopback device, there is nothing to bring up. */
    if (fd < 0)
        return;
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        ioctl(fd, SIOCSIFFLAGS, &request);
    }
    close(fd);
}

/* The descriptor that the first process of the unit, or of one it joins, has left in the pair of sockets; -1: none yet. */
static int take_held(int from) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    char byte;
    struct iovec data = { &byte, 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                              .msg_controllen = sizeof control };
    struct cmsghdr *header;
    int fd = -1;

    if (recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return -1;
    header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static int hold(int to, int fd) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
    char byte = 0;
    struct iovec data = { &byte, 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                              .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static const struct record *record_of_kind(const struct context *context, enum tag tag, int64_t kind) {
    const struct record *record = NULL;

    while ((record = context_next(context, tag, record)))
        if (record->number[0] == kind)
            return record;
    return NULL;
}

/* One that has a name, or a new one. */
static int enter_namespace(int kind, const char *path) {
    int fd, result;

    if (!path) {
        result = unshare(kind);
        if (result == 0 && kind == CLONE_NEWNET)
            bring_loopback_up();
        return result;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    result = fd < 0 ? -1 : setns(fd, kind);
    if (fd >= 0)
        close(fd);
    return result;
}

/* The same for all processes of the unit and of those it joins: one at a time looks whether there is one already. */
static int enter_shared_namespace(int kind, const char *path, const char *own, const struct record *shared) {
    int held, result, error;

    if (!shared)
        return enter_namespace(kind, path);
    if (lockf((int) shared->number[1], F_LOCK, 0) < 0)
        return -1;
    held = take_held((int) shared->number[1]);
    result = held < 0 ? enter_namespace(kind, path) : setns(held, kind);
    if (result == 0 && held < 0)
        held = open(own, O_RDONLY | O_CLOEXEC);
    error = errno;
    if (held >= 0 && hold((int) shared->number[2], held) < 0 && result == 0) {
        result = -1;
        error = errno;
    }
    if (held >= 0)
        close(held);
    if (lockf((int) shared->number[1], F_ULOCK, 0) < 0 && result == 0)
        return -1;
    errno = error;
    return result;
}

static void enter_namespaces(struct context *context, int kinds) {
    static const struct { int kind, status; const char *step, *name, *own; } all[] = {
        { CLONE_NEWNET, EXIT_NETWORK, "NETWORK", "network", "/proc/self/ns/net" },
        { CLONE_NEWIPC, EXIT_NAMESPACE, "NAMESPACE", "ipc", "/proc/self/ns/ipc" },
        { CLONE_NEWUTS, EXIT_NAMESPACE, "NAMESPACE", "uts", "/proc/self/ns/uts" },
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct record *joined = record_of_kind(context, TAG_JOIN_NAMESPACE, all[i].kind);
        const char *path = joined ? record_text(joined) : NULL;

        if (!joined && !(kinds & all[i].kind))
            continue;
        if (enter_shared_namespace(all[i].kind, path, all[i].own,
                                   record_of_kind(context, TAG_SHARED_NAMESPACE, all[i].kind)) == 0)
            continue;
        /* A file that is no namespace is the unit's mistake, not the container's refusal. */
        if (!is_refused(errno) || (path && errno == EINVAL))
            fail(context, all[i].status, all[i].step, errno, path ? path : all[i].name);
        report(context, 0, all[i].step, errno, path ? path : all[i].name);
    }
}

void step_namespaces(struct context *context) {
    const struct record *record = context_find(context, TAG_NAMESPACES);
    mode_t mask = umask(0);

    enter_namespaces(context, record ? (int) record->number[0] : 0);
    record = context_find(context, TAG_MOUNT);
    /* The first operation cuts the namespace off from the old one: both can be forbidden, and mean the same. */
    if (record && (unshare(CLONE_NEWNS) < 0 || carry_out(context, record) < 0)) {
        if (!is_refused(errno))
            FAIL(context, NAMESPACE, "mount");
        report(context, 0, "NAMESPACE", errno, "mount");
        record = NULL;
    }
    while (record && (record = context_next(context, TAG_MOUNT, record)))
        if (carry_out(context, record) < 0 && !may_go_on(record, errno))
            FAIL(context, NAMESPACE, record_text(record));
    umask(mask);
}

/* What this process may have, for `pyinit check`: 1 mount, 2 network, 4 IPC, 8 host name, 16 user namespaces; 32 a keyring,
 * 64 a memory policy. It ends after that: it has them all. */
int probe(void) {
    const int join_session_keyring = 1, usual_policy = 0;
    int found = 0;

    found |= syscall(SYS_keyctl, join_session_keyring, NULL, 0, 0, 0) >= 0 ? 32 : 0;
    found |= syscall(SYS_set_mempolicy, usual_policy, NULL, 0) == 0 ? 64 : 0;
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
        found |= 1;
    found |= unshare(CLONE_NEWNET) == 0 ? 2 : 0;
    found |= unshare(CLONE_NEWIPC) == 0 ? 4 : 0;
    found |= unshare(CLONE_NEWUTS) == 0 ? 8 : 0;
    found |= has_admin_capability() && unshare(CLONE_NEWUSER) == 0 ? 16 : 0;
    return found;
}

static int write_map(pid_t pid, const char *name, const struct record *ids) {
    char path[64], text[256];
    int fd, length = 0;
    ssize_t written;

    snprintf(path, sizeof path, "/proc/%d/%s", (int) pid, name);
    for (int i = 0; i < ids->count; i++) {
        length += snprintf(text + length, sizeof text - (size_t) length, "%u %u 1\n", (unsigned) ids->number[i],
                           (unsigned) ids->number[i]);
        if (length >= (int) sizeof text) {
            errno = E2BIG;
            return -1;
        }
    }
    fd = open(path, O_WRONLY | O_CLOEXEC);
    written = fd < 0 ? -1 : write(fd, text, (size_t) length);
    return written == length ? 0 : -1;
}

/* A user namespace in which the listed users and groups are themselves. Where nothing else can be private it would only
 * take away what a container's root may do, binding low ports say; systemd tries it there, and fails where it is refused.
 * The maps have to be written by a process outside;
 * it starts before, and writes when the pipe says that there is a namespace. */
void step_private_users(struct context *context) {
    const struct record *users = context_find(context, TAG_PRIVATE_USERS);
    const struct record *groups = users ? context_next(context, TAG_PRIVATE_USERS, users) : NULL;
    int pipe_fds[2], status = 0;
    pid_t own = getpid(), helper;
    char ready = 0;

    if (!users || !groups)
        return;
    if (!has_admin_capability()) {
        report(context, 0, "USER", EPERM, "user namespace");
        return;
    }
    if (pipe2(pipe_fds, O_CLOEXEC) < 0 || (helper = fork()) < 0)
        FAIL(context, USER, "user namespace");
    if (helper == 0) {
        close(pipe_fds[1]);
        if (read(pipe_fds[0], &ready, 1) != 1)
            _exit(0);
        _exit(write_map(own, "uid_map", users) < 0 || write_map(own, "gid_map", groups) < 0 ? errno : 0);
    }
    if (unshare(CLONE_NEWUSER) < 0) {
        if (!is_refused(errno))
            FAIL(context, USER, "user namespace");
        report(context, 0, "USER", errno, "user namespace");
    } else if (write(pipe_fds[1], &ready, 1) < 0)
        FAIL(context, USER, "user namespace");
    close(pipe_fds[1]);
    close(pipe_fds[0]);
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    FAIL(context, USER, "user namespace");
}
