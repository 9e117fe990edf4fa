/* Standard input, output and error (systemd.exec(5), LOGGING AND STANDARD INPUT/OUTPUT). */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_stream(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        data += written;
        size -= (size_t) written;
    }
    return 0;
}

/* Connected as the manager's own user: it is the manager whom the journal believes the unit's name. */
static int connect_journal(const char *path, const struct record *header) {
    int fd = connect_stream(path), saved;

    if (fd < 0)
        return -1;
    shutdown(fd, SHUT_RD);
    if (header && write_all(fd, record_text(header), header->size) < 0) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void remember_journal_stream(struct context *context, int fd) {
    struct stat st;

    if (fstat(fd, &st) == 0)
        snprintf(context->journal_stream, sizeof context->journal_stream, "%lu:%lu", (unsigned long) st.st_dev,
                 (unsigned long) st.st_ino);
}

static int open_journal(struct context *context, const struct record *stream) {
    int fd = connect_journal(record_text(stream), context_find(context, TAG_JOURNAL_HEADER));

    /* Without a journal the service still runs, its output goes nowhere: systemd does the same. */
    if (fd < 0)
        return open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
    remember_journal_stream(context, fd);
    return fd;
}

static int open_file(const struct record *stream) {
    int fd = open(record_text(stream), (int) stream->number[2] | O_NOCTTY | O_CLOEXEC, (mode_t) stream->number[3]);

    /* open(2) of a socket in the file system gives ENXIO. */
    return fd < 0 && errno == ENXIO ? connect_stream(record_text(stream)) : fd;
}

/* StandardInput=tty waits until the terminal is nobody's controlling terminal; it is closed when it gets free. */
static int wait_for_terminal(int fd, const char *path) {
    int watch = inotify_init1(IN_CLOEXEC), r;
    char buffer[512];

    if (watch < 0 || inotify_add_watch(watch, path, IN_CLOSE) < 0)
        return -1;
    while ((r = ioctl(fd, TIOCSCTTY, 0)) < 0 && errno == EPERM)
        if (read(watch, buffer, sizeof buffer) < 0 && errno != EINTR)
            break;
    close(watch);
    return r;
}

static int take_terminal(int fd, const char *path, int how) {
    struct sigaction ignore = { .sa_handler = SIG_IGN }, saved;
    int r;

    /* Taking a terminal away hangs up those who had it, which may be us. */
    sigaction(SIGHUP, &ignore, &saved);
    r = how == 1 ? wait_for_terminal(fd, path) : ioctl(fd, TIOCSCTTY, how == 2);
    sigaction(SIGHUP, &saved, NULL);
    return r;
}

static int open_terminal(struct context *context, const struct record *stream) {
    const struct record *uid = context_find(context, TAG_UID);
    int fd = open(record_text(stream), (int) stream->number[3] | O_NOCTTY | O_CLOEXEC), how = (int) stream->number[2];

    if (fd >= 0 && how > 0 && take_terminal(fd, record_text(stream), how) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    /* Whoever has it as their own may open it again; the manager takes it back. */
    if (fd >= 0 && how > 0 && uid && fchown(fd, (uid_t) uid->number[0], (gid_t) -1) < 0 && errno != EPERM) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_stream(struct context *context, const struct record *stream) {
    switch ((enum stream_kind) stream->number[1]) {
    case STREAM_NULL:
        return open("/dev/null", (stream->number[0] == 0 ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_CLOEXEC);
    case STREAM_FD:
    case STREAM_SAME_AS:
        return (int) stream->number[2];
    case STREAM_FILE:
        return open_file(stream);
    case STREAM_TTY:
        return open_terminal(context, stream);
    case STREAM_JOURNAL:
        return open_journal(context, stream);
    case STREAM_LEAVE:
        return (int) stream->number[0];
    }
    errno = EINVAL;
    return -1;
}

void step_streams(struct context *context) {
    static const int statuses[3] = { EXIT_STDIN, EXIT_STDOUT, EXIT_STDERR };
    static const char *const names[3] = { "STDIN", "STDOUT", "STDERR" };
    const struct record *stream = NULL;

    while ((stream = context_next(context, TAG_STREAM, stream))) {
        int target = (int) stream->number[0];
        int fd = open_stream(context, stream);

        if (fd < 0 || (fd != target && dup2(fd, target) < 0))
            fail(context, statuses[target], names[target], errno, record_text(stream));
        if (fd > 2 && stream->number[1] != STREAM_FD)
            close(fd);
    }
}
