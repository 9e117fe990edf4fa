/* pyinit-exec: turns a fresh child of the manager into a process of a unit.
 *
 * It reads an exec context (context.h) from the descriptor named by its argument and takes the steps below, in the
 * order in which systemd takes them: which of two failures a user sees depends on it. Everything was resolved by the
 * manager; nothing is looked up, parsed or decided here. It ends in exec or _exit. A failed step is reported
 * on the status pipe, and by the exit status of systemd.exec(5).
 *
 * The same file, called pyinit or init, is what PID 1 starts as: boot.c.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IDLE_TIMEOUT_MSEC 5000
#define FIRST_PASSED_FD 3

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC), saved;
    ssize_t written;

    if (fd < 0)
        return -1;
    written = write(fd, text, strlen(text));
    saved = errno;
    close(fd);
    errno = saved;
    return written < 0 ? -1 : 0;
}

static int lacks_privilege(int error) {
    return error == EPERM || error == EACCES;
}

/* The manager's descriptors are all close-on-exec; what it wants passed on is in the context. */
static void step_status_pipe(struct context *context) {
    const struct record *record = context_find(context, TAG_STATUS_FD);

    if (!record)
        return;
    context->status_fd = (int) record->number[0];
    if (fcntl(context->status_fd, F_SETFD, FD_CLOEXEC) < 0)
        FAIL(context, FDS, "status pipe");
}

/* First of all, so that nothing this process ever does is without its unit's tag. */
static void step_tag(struct context *context) {
    const struct record *record = context_find(context, TAG_UNIT_NUMBER);
    struct rlimit limit;

    /* Where the hard limit is lower the process tree has to do; the manager knows. */
    if (record && getrlimit(RLIMIT_RTTIME, &limit) == 0) {
        limit.rlim_cur = (rlim_t) record->number[0];
        setrlimit(RLIMIT_RTTIME, &limit);
    }
}

static void step_signals(struct context *context) {
    static const unsigned long kernel_default[16]; /* the kernel's struct sigaction, all zero: SIG_DFL */
    sigset_t none;

    /* Past libc, which would not touch the two signals it keeps to itself. KILL and STOP refuse. */
    for (int signal = 1; signal < _NSIG; signal++)
        syscall(SYS_rt_sigaction, signal, kernel_default, NULL, _NSIG / 8);
    if (context_find(context, TAG_IGNORE_SIGPIPE))
        signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        FAIL(context, SIGNAL_MASK, "");
}

static void step_idle(struct context *context) {
    const struct record *record = context_find(context, TAG_IDLE_FD);

    if (record) {
        struct pollfd idle = { .fd = (int) record->number[0], .events = POLLIN };

        poll(&idle, 1, IDLE_TIMEOUT_MSEC);
        close(idle.fd);
    }
}

static void step_session(struct context *context) {
    if (!context_find(context, TAG_SAME_GROUP) && setsid() < 0)
        FAIL(context, SETSID, "");
}

/* What the manager found out already: a user that does not exist, for instance. */
static void step_known_failure(struct context *context) {
    const struct record *record = context_find(context, TAG_FAILURE);

    if (record)
        fail(context, (int) record->number[0], record_text(record), (int) record->number[1], "");
}

static void step_cgroup(struct context *context) {
    const struct record *record = context_find(context, TAG_CGROUP);

    if (record && write_file(record_text(record), "0\n") < 0)
        FAIL(context, CGROUP, record_text(record));
}

static void step_oom_score_adjust(struct context *context) {
    const struct record *record = context_find(context, TAG_OOM_SCORE_ADJUST);
    char text[24];

    if (!record)
        return;
    snprintf(text, sizeof text, "%d\n", (int) record->number[0]);
    /* Unprivileged containers may not lower it; systemd ignores that too. */
    if (write_file("/proc/self/oom_score_adj", text) < 0 && !lacks_privilege(errno))
        FAIL(context, OOM_ADJUST, "");
}

static void step_coredump_filter(struct context *context) {
    const struct record *record = context_find(context, TAG_COREDUMP_FILTER);
    char text[24];

    if (!record)
        return;
    snprintf(text, sizeof text, "%#llx\n", (unsigned long long) record->number[0]);
    if (write_file("/proc/self/coredump_filter", text) < 0 && !lacks_privilege(errno))
        FAIL(context, LIMITS, "coredump_filter");
}

/* As near to the wanted value as RLIMIT_NICE lets us. */
static int set_nice_closest(int wanted) {
    struct rlimit limit;
    int current, allowed;

    if (setpriority(PRIO_PROCESS, 0, wanted) == 0)
        return 0;
    if (!lacks_privilege(errno) || getrlimit(RLIMIT_NICE, &limit) < 0)
        return -1;
    current = getpriority(PRIO_PROCESS, 0);
    allowed = limit.rlim_cur >= 40 ? -20 : 20 - (int) limit.rlim_cur;
    if (allowed > current)
        allowed = current;
    return setpriority(PRIO_PROCESS, 0, wanted > allowed ? wanted : allowed);
}

static void step_nice(struct context *context) {
    const struct record *record = context_find(context, TAG_NICE);

    if (record && set_nice_closest((int) record->number[0]) < 0)
        FAIL(context, NICE, "");
}

static void step_cpu_scheduling(struct context *context) {
    const struct record *record = context_find(context, TAG_CPU_SCHEDULING);
    struct sched_param param = { 0 };
    int policy;

    if (!record)
        return;
    policy = (int) record->number[0] | (record->number[2] ? SCHED_RESET_ON_FORK : 0);
    param.sched_priority = (int) record->number[1];
    if (syscall(SYS_sched_setscheduler, 0, policy, &param) == 0) /* musl has it, and refuses it */
        return;
    /* A container has no right to real time; running late is better than not running. The manager logs it. */
    if (!lacks_privilege(errno))
        FAIL(context, SETSCHEDULER, "");
    report(context, 0, "SETSCHEDULER", errno, "");
}

static void step_cpu_affinity(struct context *context) {
    const struct record *record = context_find(context, TAG_CPU_AFFINITY);
    cpu_set_t set;

    if (!record)
        return;
    CPU_ZERO(&set);
    for (int i = 0; i < record->count; i++)
        if (record->number[i] >= 0 && record->number[i] < CPU_SETSIZE)
            CPU_SET((int) record->number[i], &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        FAIL(context, CPUAFFINITY, "");
}

static void step_memory_policy(struct context *context) {
    const struct record *record = context_find(context, TAG_MEMORY_POLICY);
    unsigned long nodes[16] = { 0 };
    const size_t bits = 8 * sizeof *nodes;

    if (!record)
        return;
    for (int i = 1; i < record->count; i++)
        if (record->number[i] >= 0 && (size_t) record->number[i] < bits * 16)
            nodes[(size_t) record->number[i] / bits] |= 1UL << ((size_t) record->number[i] % bits);
    if (syscall(SYS_set_mempolicy, (int) record->number[0], record->count > 1 ? nodes : NULL, bits * 16) == 0)
        return;
    /* Containers often forbid it; a kernel for machines with one node does not know it. */
    if (!lacks_privilege(errno) && errno != ENOSYS)
        FAIL(context, NUMA_POLICY, "");
    report(context, 0, "NUMA_POLICY", errno, "");
}

static void step_io_priority(struct context *context) {
    const struct record *record = context_find(context, TAG_IO_PRIORITY);
    const int this_process = 1;
    unsigned priority;

    if (!record)
        return;
    priority = (unsigned) record->number[0] << 13 | (unsigned) record->number[1];
    if (syscall(SYS_ioprio_set, this_process, 0, (int) priority) == 0)
        return;
    if (!lacks_privilege(errno))
        FAIL(context, IOPRIO, "");
    report(context, 0, "IOPRIO", errno, "");
}

static void step_timer_slack(struct context *context) {
    const struct record *record = context_find(context, TAG_TIMER_SLACK);

    if (record && prctl(PR_SET_TIMERSLACK, (unsigned long) record->number[0], 0, 0, 0) < 0)
        FAIL(context, TIMERSLACK, "");
}

static void step_personality(struct context *context) {
    const struct record *record = context_find(context, TAG_PERSONALITY);

    if (record && personality((unsigned long) record->number[0]) < 0)
        FAIL(context, PERSONALITY, "");
}

static void step_umask(struct context *context) {
    const struct record *record = context_find(context, TAG_UMASK);

    if (record)
        umask((mode_t) record->number[0]);
}

/* A session keyring of its own. Containers often forbid keyctl(2); systemd does without as well. */
static void step_keyring(struct context *context) {
    const struct record *record = context_find(context, TAG_KEYRING);
    const int join_session_keyring = 1, link_key = 8, user_keyring = -4, session_keyring = -3;

    if (!record || syscall(SYS_keyctl, join_session_keyring, NULL, 0, 0, 0) < 0)
        return;
    if (record->number[0] == 2)
        syscall(SYS_keyctl, link_key, user_keyring, session_keyring, 0, 0);
}

/* As near as the hard limit lets us: what systemd does in a container that may not raise it. */
static int set_limit_closest(int resource, struct rlimit wanted) {
    struct rlimit current;

    if (setrlimit(resource, &wanted) == 0)
        return 0;
    if (errno != EPERM || getrlimit(resource, &current) < 0)
        return -1;
    if (wanted.rlim_max > current.rlim_max)
        wanted.rlim_max = current.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max)
        wanted.rlim_cur = wanted.rlim_max;
    return setrlimit(resource, &wanted);
}

static void step_limits(struct context *context) {
    const struct record *record = NULL;

    while ((record = context_next(context, TAG_LIMIT, record))) {
        struct rlimit limit = { (rlim_t) record->number[1], (rlim_t) record->number[2] };

        if (set_limit_closest((int) record->number[0], limit) < 0)
            FAIL(context, LIMITS, "");
    }
}

static void step_root_directory(struct context *context) {
    const struct record *record = context_find(context, TAG_ROOT_DIRECTORY);

    /* systemd changes the root while it mounts, and never says 210/CHROOT. */
    if (record && !context->has_root && (chroot(record_text(record)) < 0 || chdir("/") < 0))
        FAIL(context, NAMESPACE, record_text(record));
}

/* RemoveIPC=: only their owner may, or CAP_SYS_ADMIN, which a container's manager does not have. */
static void step_remove_ipc(struct context *context) {
    const struct record *record = NULL;
    int failed = 0;

    if (!context_find(context, TAG_REMOVE_IPC))
        return;
    while ((record = context_next(context, TAG_REMOVE_IPC, record))) {
        int id = (int) record->number[1];

        failed |= (record->number[0] == 0   ? msgctl(id, IPC_RMID, NULL)
                   : record->number[0] == 1 ? semctl(id, 0, IPC_RMID)
                                            : shmctl(id, IPC_RMID, NULL)) < 0;
    }
    _exit(failed);
}

/* Somebody else's process becomes one of a unit's: only its owner may do that, or CAP_SYS_RESOURCE. */
static void step_tag_processes(struct context *context) {
    const struct record *record = NULL;
    int failed = 0;

    if (!context_find(context, TAG_TAG_PROCESS))
        return;
    while ((record = context_next(context, TAG_TAG_PROCESS, record))) {
        pid_t pid = (pid_t) record->number[1];
        struct rlimit limit;

        if (prlimit(pid, RLIMIT_RTTIME, NULL, &limit) < 0) {
            failed = 1;
            continue;
        }
        limit.rlim_cur = (rlim_t) record->number[0];
        failed |= prlimit(pid, RLIMIT_RTTIME, &limit, NULL) < 0;
    }
    _exit(failed);
}

static void step_working_directory(struct context *context) {
    const struct record *record = context_find(context, TAG_WORKING_DIRECTORY);

    if (!record || chdir(record_text(record)) == 0)
        return;
    if (record->number[0] == 0 || chdir("/") < 0)
        FAIL(context, CHDIR, record_text(record));
}

static int set_blocking(int fd, int64_t how) {
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || how == 2)
        return flags < 0 ? -1 : 0;
    return fcntl(fd, F_SETFL, how ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* Moves one of our descriptors out of the way of those that are passed on. */
static int move_above(struct context *context, int fd, int least) {
    int moved = fd >= least ? fd : fcntl(fd, F_DUPFD_CLOEXEC, least);

    if (moved < 0)
        FAIL(context, FDS, "");
    return moved;
}

static int count_passed(const struct context *context) {
    const struct record *record = NULL;
    int count = 0;

    while ((record = context_next(context, TAG_PASS_FD, record)))
        count++;
    return count;
}

/* The descriptors for $LISTEN_FDS become 3, 4, …; all others but the status pipe are closed. */
static void step_descriptors(struct context *context) {
    int count = count_passed(context), end = FIRST_PASSED_FD + count, target = FIRST_PASSED_FD;
    const struct record *record = NULL;
    int *sources = calloc((size_t) count + 1, sizeof *sources);

    if (!sources)
        FAIL(context, MEMORY, "");
    for (int i = 0; (record = context_next(context, TAG_PASS_FD, record)); i++)
        sources[i] = move_above(context, (int) record->number[0], end);
    if (context->status_fd >= 0)
        context->status_fd = move_above(context, context->status_fd, end);
    while ((record = context_next(context, TAG_PASS_FD, record)))
        if (dup2(sources[target - FIRST_PASSED_FD], target) < 0 || set_blocking(target++, record->number[1]) < 0)
            FAIL(context, FDS, "");
    free(sources);
    if (context->status_fd > end)
        syscall(SYS_close_range, (unsigned) end, (unsigned) context->status_fd - 1, 0);
    if (syscall(SYS_close_range, (unsigned) (context->status_fd >= end ? context->status_fd + 1 : end), ~0U, 0) == 0)
        return;
    /* Kernels before 5.9. */
    for (int fd = end, most = (int) sysconf(_SC_OPEN_MAX); fd < most && fd < 65536; fd++)
        if (fd != context->status_fd)
            close(fd);
}

/* argv or envp, as pointers into the context. */
static char **collect(struct context *context, enum tag tag) {
    const struct record *record = NULL;
    size_t count = 0;
    char **list;

    while ((record = context_next(context, tag, record)))
        count++;
    list = calloc(count + 1, sizeof *list);
    if (!list)
        FAIL(context, MEMORY, "");
    for (count = 0; (record = context_next(context, tag, record));)
        if ((list[count] = context_expand(context, record)))
            count++;
    return list;
}

static int check_program(const char *path) {
    struct stat st;

    if (stat(path, &st) < 0)
        return -1;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return access(path, X_OK);
}

/* A bare name is searched as systemd does it: below the unit's root, in ExecSearchPath= or the built-in path. */
static const char *find_program(struct context *context, const char *name) {
    static char path[PATH_MAX];
    const struct record *directory = NULL;
    int error = ENOENT;

    if (strchr(name, '/'))
        return check_program(name) < 0 ? NULL : name;
    while ((directory = context_next(context, TAG_SEARCH_PATH, directory))) {
        if ((size_t) snprintf(path, sizeof path, "%s/%s", record_text(directory), name) >= sizeof path)
            continue;
        if (check_program(path) == 0)
            return path;
        if (errno == EACCES)
            error = errno;
    }
    errno = error;
    return NULL;
}

_Noreturn static void step_execute(struct context *context) {
    const struct record *record = context_find(context, TAG_PROGRAM);
    char **arguments = collect(context, TAG_ARGUMENT), **environment = collect(context, TAG_ENVIRONMENT);
    const char *path;

    if (!record) {
        errno = EBADMSG;
        FAIL(context, EXEC, "");
    }
    path = find_program(context, record_text(record));
    if (!path && errno == ENOENT && record->number[0]) {
        report(context, 0, "MISSING", errno, record_text(record));
        _exit(0); /* a "-" in front of a program that is not there: skipped */
    }
    if (!path)
        FAIL(context, EXEC, record_text(record));
    /* Before the filter, which may forbid to write; after it, a failure can be seen by the exit status only, or by the
     * signal that exit(2) gets. */
    report(context, 0, "EXEC", 0, "");
    step_seccomp(context);
    execve(path, arguments, environment);
    FAIL(context, EXEC, path);
}

_Noreturn static void become_process(int context_fd) {
    struct context context;

    context_open(&context, context_fd);
    umask(0);
    step_status_pipe(&context);
    step_tag(&context);
    step_signals(&context);
    step_idle(&context);
    step_session(&context);
    step_architectures(&context);
    step_known_failure(&context);
    step_cgroup(&context);
    step_terminals(&context);
    step_streams(&context);
    step_oom_score_adjust(&context);
    step_coredump_filter(&context);
    step_nice(&context);
    step_cpu_scheduling(&context);
    step_cpu_affinity(&context);
    step_memory_policy(&context);
    step_io_priority(&context);
    step_timer_slack(&context);
    step_personality(&context);
    step_directories(&context);
    step_credentials(&context);
    step_umask(&context);
    step_keyring(&context);
    step_limits(&context);
    step_namespaces(&context);
    step_root_directory(&context);
    step_groups(&context);
    step_private_users(&context);
    step_capabilities_before_user(&context);
    step_user(&context);
    step_remove_ipc(&context);
    step_tag_processes(&context);
    step_capabilities_after_user(&context);
    step_working_directory(&context);
    step_secure_bits(&context);
    step_no_new_privileges(&context);
    step_descriptors(&context);
    step_execute(&context);
}

static int exec_main(int argc, char **argv) {
    int context_fd;

    if (argc == 6 && strcmp(argv[1], "--queue") == 0)
        return request_queue(argv + 2);
    if (argc == 5 && strcmp(argv[1], "--automount") == 0)
        return request_automount(argv + 2);
    if (argc == 3 && strcmp(argv[1], "--detach") == 0)
        return request_detach(argv + 2);
    if (argc != 2)
        return EXIT_EXEC;
    if (strcmp(argv[1], "--expire") == 0)
        return request_expire();
    if (strcmp(argv[1], "--clock") == 0)
        return request_clock();
    if (strcmp(argv[1], "--probe") == 0)
        return probe();
    context_fd = strcmp(argv[1], "--serve") == 0 ? serve() : atoi(argv[1]);
    if (context_fd < 0)
        return 0;
    become_process(context_fd);
}

int main(int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";

    if (strcmp(name, "pyinit") == 0 || strcmp(name, "init") == 0)
        return boot_main(argc, argv);
    return exec_main(argc, argv);
}
