/* What the manager asks for by itself, since its interpreter has no call for it: one request, one answer, exit.
 *
 * --clock      sends two descriptors over descriptor 3: one becomes readable whenever the wall clock is set, the other
 *              one tells what happens in /etc, where /etc/localtime is. Both go on when this process is gone.
 * --queue …    sends a descriptor of a POSIX message queue, which it makes if there is none of that name.
 * --automount WHERE OPTIONS SECONDS
 *              sends the end of a pipe that tells who comes to an automount point, which it sets up, and the directory.
 * --expire     has the kernel ask for the unmounting of what nobody uses below the automount point that descriptor 0 is, and
 *              waits until that has been done. Sends nothing.
 * --detach WHERE
 *              unmounts all that is there. Sends nothing.
 *
 * The exit status is the errno of what failed, 0 for success.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A timer that never elapses, cancelled by the kernel whenever the clock is set (timerfd_create(2)). */
static int watch_clock(void) {
    const struct itimerspec never = {.it_value = {.tv_sec = 0x7fffffff00LL}};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0)
        return -1;
    return fd;
}

/* The directory, so that a file that is put in the place of another one is seen, and one where there was none. */
static int watch_time_zone(void) {
    const unsigned mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd >= 0 && inotify_add_watch(fd, "/etc", mask) < 0)
        return -1;
    return fd;
}

static int send_fds(const int *fds, size_t count) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(2 * sizeof *fds)];
    } control;
    struct iovec text = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof *fds),
    };

    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof *fds);
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof *fds);
    return sendmsg(3, &message, 0) < 0 ? errno : 0;
}

int request_clock(void) {
    const int fds[2] = {watch_clock(), watch_time_zone()};

    return fds[0] < 0 || fds[1] < 0 ? errno : send_fds(fds, 2);
}

/* name, octal mode, most messages and most bytes of one, or 0 and 0 for the kernel's defaults */
int request_queue(char **words) {
    struct mq_attr size = {.mq_maxmsg = atol(words[2]), .mq_msgsize = atol(words[3])};
    const int flags = O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK;
    int fd;

    umask(0);
    fd = (int) syscall(SYS_mq_open, words[0] + 1, flags, (mode_t) strtol(words[1], NULL, 8), size.mq_maxmsg ? &size : NULL);
    return fd < 0 ? errno : send_fds(&fd, 1);
}

/* As many file systems as may lie on one place. */
#define LAYERS_MAX 32

int request_detach(char **words) {
    for (int i = 0; i < LAYERS_MAX; i++)
        if (umount2(words[0], MNT_DETACH) < 0)
            return i ? 0 : errno;
    return 0;
}

/* The kernel writes to the pipe for whoever is stopped; processes of our own group, of which the manager is, are let through. */
int request_automount(char **words) {
    unsigned long seconds = strtoul(words[2], NULL, 10);
    char options[4096];
    int pipe_fds[2], fds[2], length, problem;

    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return errno;
    length = snprintf(options, sizeof options, "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct%s%s", pipe_fds[1], (int) getpgrp(),
                      *words[1] ? "," : "", words[1]);
    if (length >= (int) sizeof options)
        return E2BIG;
    if (mount("pyinit-1", words[0], "autofs", 0, options) < 0)
        return errno;
    close(pipe_fds[1]);
    fds[0] = pipe_fds[0];
    fds[1] = open(words[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    problem = fds[1] < 0 || ioctl(fds[1], AUTOFS_IOC_SETTIMEOUT, &seconds) < 0 ? errno : send_fds(fds, 2);
    if (problem)
        request_detach(words);
    return problem;
}

int request_expire(void) {
    int how = 0;

    while (ioctl(0, AUTOFS_IOC_EXPIRE_MULTI, &how) == 0)
        ;
    return 0;
}
