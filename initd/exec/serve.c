/* pyinit-exec --serve: starts one process after the other, for a batch of them (shell/spawners.py).
 *
 * Each message at descriptor 3 brings the descriptors of one process, the exec context first; they land on 4, 5, …, since
 * nothing else stays open here, and the context counts on that. The child has them, and is the manager's own: what forks here
 * is not its parent. The answer is its pid, or -errno. The other end closed: that was the batch.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SERVER_FD 3
#define FIRST_FD 4
#define MOST_FDS 253 /* SCM_MAX_FD, unix(7) */

/* As fork(2), but for whose child it is. */
static int fork_for_manager(void) {
#ifdef __s390x__
    return (int) syscall(SYS_clone, 0, CLONE_PARENT | SIGCHLD, 0, 0, 0);
#else
    return (int) syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
#endif
}

/* How many descriptors came; 0 at the end. */
static int receive(void) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(MOST_FDS * sizeof(int))];
    } control;
    char byte;
    struct iovec text = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t size;

    do
        size = recvmsg(SERVER_FD, &message, 0);
    while (size < 0 && errno == EINTR);
    if (size <= 0 || !CMSG_FIRSTHDR(&message))
        return 0;
    return (int) ((CMSG_FIRSTHDR(&message)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/* Whatever else the manager was started with: the numbers from here on are those of what is sent. */
static void close_all_others(void) {
    if (syscall(SYS_close_range, FIRST_FD, ~0U, 0) == 0)
        return;
    for (int fd = FIRST_FD, most = (int) sysconf(_SC_OPEN_MAX); fd < most && fd < 65536; fd++)
        close(fd); /* kernels before 5.9 */
}

/* The context's descriptor in each child; -1 when all is done. */
int serve(void) {
    int count;

    close_all_others();
    while ((count = receive()) > 0) {
        int32_t answer = fork_for_manager();

        if (answer == 0) {
            close(SERVER_FD);
            return FIRST_FD;
        }
        if (answer < 0)
            answer = -errno;
        for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
            close(fd);
        if (send(SERVER_FD, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    return -1;
}
