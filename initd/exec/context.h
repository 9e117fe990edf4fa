/* The exec context: what the manager wants done before the program of a unit runs.
 *
 * The format is documented here and in initd/wire/execcontext.py, which writes it; a test compares the two lists
 * of tags. It is a file (a memfd) in the machine's own byte order:
 *
 *     "PYX1", uint32 0                    the header
 *     record, record, ...                 until the end of the file
 *
 * A record is  uint16 tag, uint16 count, uint32 size,  then `count` int64 numbers, then `size` bytes of text, then at
 * least one NUL up to the next multiple of 8. So every text is a C string as it stands. A tag may occur several times
 * where the comment says "each"; a tag that does not occur leaves that part of the process as it is.
 *
 * Two placeholders may stand in the text of ARGUMENT and ENVIRONMENT, for what only this process knows:
 * NUL 0x01 is its own pid, NUL 0x02 the device and inode of its journal stream ("9:31104"). An environment variable
 * whose placeholder has no value is left out.
 */
#ifndef PYINIT_CONTEXT_H
#define PYINIT_CONTEXT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum tag {
    TAG_STATUS_FD = 1,         /* fd: where failures are reported, closed by a successful exec */
    TAG_FAILURE = 2,           /* exit status, errno; text: the step. The manager found this step to be impossible */
    TAG_UNIT_NUMBER = 3,       /* soft RLIMIT_RTTIME: the tag */
    TAG_IDLE_FD = 4,           /* fd: wait until it is readable or closed, 5 s at most */
    TAG_IGNORE_SIGPIPE = 5,    /* no numbers */
    TAG_CGROUP = 6,            /* text: the cgroup.procs file to enter */
    TAG_STREAM = 7,            /* each: stream 0..2, enum stream_kind, then by kind; text: path */
    TAG_JOURNAL_HEADER = 8,    /* text: the first lines a journal stream must send */
    TAG_OOM_SCORE_ADJUST = 9,  /* value */
    TAG_COREDUMP_FILTER = 10,  /* bit mask */
    TAG_NICE = 11,             /* value */
    TAG_CPU_SCHEDULING = 12,   /* policy, priority, reset on fork */
    TAG_CPU_AFFINITY = 13,     /* the CPU numbers */
    TAG_IO_PRIORITY = 14,      /* class, priority */
    TAG_TIMER_SLACK = 15,      /* nanoseconds */
    TAG_PERSONALITY = 16,      /* value */
    TAG_DIRECTORY = 17,        /* each: exit status, mode, uid, gid, 1 = adopt an existing one; text: path */
    TAG_SYMLINK = 18,          /* each: exit status; text: path NUL target */
    TAG_UMASK = 19,            /* value */
    TAG_KEYRING = 20,          /* 1 private, 2 shared */
    TAG_LIMIT = 21,            /* each: resource, soft, hard */
    TAG_ROOT_DIRECTORY = 22,   /* text: path */
    TAG_GROUPS = 23,           /* the supplementary gids */
    TAG_GID = 24,              /* value */
    TAG_UID = 25,              /* value */
    TAG_BOUNDING_SET = 26,     /* bit mask of capabilities to keep */
    TAG_AMBIENT_SET = 27,      /* bit mask */
    TAG_SECURE_BITS = 28,      /* bit mask */
    TAG_NO_NEW_PRIVILEGES = 29,/* no numbers */
    TAG_WORKING_DIRECTORY = 30,/* 1 = missing is fine; text: path */
    TAG_PASS_FD = 31,          /* each, in order: fd, 1 = make it non-blocking, 0 = blocking, 2 = leave */
    TAG_PROGRAM = 32,          /* 1 = missing is no failure; text: path, or a bare name to search */
    TAG_SEARCH_PATH = 33,      /* each: directory for a bare name */
    TAG_ARGUMENT = 34,         /* each: argv */
    TAG_ENVIRONMENT = 35,      /* each: NAME=value */
    TAG_SECCOMP = 36,          /* 1 = with no new privileges where it needs that; "text": structs sock_filter */
    TAG_NAMESPACES = 37,       /* CLONE_NEW* of network, IPC and host name */
    TAG_JOIN_NAMESPACE = 38,   /* each: CLONE_NEW*; text: path */
    TAG_MOUNT = 39,            /* each, in order: enum mount_kind, flags, enum mount_option; text: path NUL what it needs */
    TAG_PRIVATE_USERS = 40,    /* two: the uids, the gids that there are */
    TAG_SHARED_NAMESPACE = 41, /* each: CLONE_NEW*, fd that holds it or nothing, fd to put it in */
    TAG_MEMORY_POLICY = 42,    /* mode of set_mempolicy(2), then the nodes */
    TAG_CREDENTIAL_DIRECTORY = 50, /* owner's uid; text: path, the last part of which is the unit */
    TAG_CREDENTIAL = 51,       /* each: 0 = value, 1 = file, directory or socket to read, then 1 = missing is fine;
                                  text: name NUL value or path */
    TAG_TERMINAL = 52,         /* 1 = reset + 2 = hang up + 4 = clear + 8 = no program follows, rows, columns (0: leave);
                                  text: path */
    TAG_MOVE = 53,             /* each: exit status; text: path NUL the path it gets, which may be a link by now */
    TAG_REMOVE_IPC = 54,       /* each: 0 message queue, 1 semaphores, 2 shared memory, then its id. No program follows */
    TAG_ARCHITECTURES = 55,    /* "text": structs sock_filter, for all processes of the manager */
    TAG_TAG_PROCESS = 56,      /* each: soft RLIMIT_RTTIME, then the pid that gets it. No program follows */
    TAG_SAME_GROUP = 57,       /* stays in the manager's process group and session */
    TAG_LAST = TAG_SAME_GROUP
};

enum stream_kind {
    STREAM_NULL = 0,
    STREAM_FD = 1,             /* fd */
    STREAM_FILE = 2,           /* open(2) flags, mode; text: path of a file, or of a socket to connect to */
    STREAM_TTY = 3,            /* 0 no controlling terminal, 1 wait for it, 2 take it by force, 3 fail if it is taken;
                                  open(2) flags */
    STREAM_JOURNAL = 4,        /* text: path of the socket */
    STREAM_SAME_AS = 5,        /* the stream to duplicate */
    STREAM_LEAVE = 6           /* the manager's own */
};

struct record {
    uint16_t tag;
    uint16_t count;
    uint32_t size;
    int64_t number[];
};

struct context {
    char *data;
    size_t size;
    int status_fd;
    int has_root;              /* RootDirectory= is the root already */
    char journal_stream[48];   /* "dev:inode", empty while there is none */
};

/* The exit statuses of systemd.exec(5), PROCESS EXIT CODES. */
enum exit_status {
    EXIT_CHDIR = 200, EXIT_NICE, EXIT_FDS, EXIT_EXEC, EXIT_MEMORY, EXIT_LIMITS, EXIT_OOM_ADJUST, EXIT_SIGNAL_MASK,
    EXIT_STDIN, EXIT_STDOUT, EXIT_CHROOT, EXIT_IOPRIO, EXIT_TIMERSLACK, EXIT_SECUREBITS, EXIT_SETSCHEDULER,
    EXIT_CPUAFFINITY, EXIT_GROUP, EXIT_USER, EXIT_CAPABILITIES, EXIT_CGROUP, EXIT_SETSID, EXIT_CONFIRM, EXIT_STDERR,
    EXIT_PAM = 224, EXIT_NETWORK, EXIT_NAMESPACE, EXIT_NO_NEW_PRIVILEGES, EXIT_SECCOMP, EXIT_SELINUX_CONTEXT,
    EXIT_PERSONALITY, EXIT_RUNTIME_DIRECTORY = 233, EXIT_KEYRING = 237, EXIT_NUMA_POLICY = 242, EXIT_CREDENTIALS = 243
};

/* What goes through the status pipe, in one write each. status 0: set-up is done, exec comes next. */
struct status_message {
    int32_t status;
    int32_t error;
    char step[24];
    char detail[224];
};

/* Maps the context; ends the process where that is not possible. */
void context_open(struct context *context, int fd);

/* The first record with this tag behind `after` (NULL: from the start), or NULL. */
const struct record *context_next(const struct context *context, enum tag tag, const struct record *after);

static inline const struct record *context_find(const struct context *context, enum tag tag) {
    return context_next(context, tag, NULL);
}

static inline const char *record_text(const struct record *record) {
    return (const char *) &record->number[record->count];
}

/* The record's text with placeholders filled in, in memory that stays; NULL where one has no value. */
char *context_expand(const struct context *context, const struct record *record);

/* Reports the failure and ends the process with the exit status. */
_Noreturn void fail(const struct context *context, int status, const char *step, int error, const char *detail);
void report(const struct context *context, int status, const char *step, int error, const char *detail);

#define FAIL(context, name, detail) fail((context), EXIT_##name, #name, errno, (detail))

/* What steps share. -1 and errno where it fails. */
int write_all(int fd, const char *data, size_t size);
int make_parents(const char *path);

/* The container does not allow it, or the kernel does not know it. */
static inline int is_refused(int error) {
    return error == EPERM || error == EACCES || error == ENOSYS || error == EINVAL || error == EOPNOTSUPP
        || error == ENOSPC || error == EUSERS;
}

/* One operation of TAG_MOUNT; and whether it may fail with this error. */
int carry_out(struct context *context, const struct record *record);
int may_go_on(const struct record *record, int error);

/* The steps, each in its own file; all of them fail() or return. */
void step_streams(struct context *context);
void step_terminals(struct context *context);
void step_directories(struct context *context);
void step_credentials(struct context *context);
void step_namespaces(struct context *context);
int probe(void);
int request_clock(void);
int request_queue(char **words);
int request_automount(char **words);
int request_detach(char **words);
int request_expire(void);
int serve(void);
void step_architectures(struct context *context);
void step_groups(struct context *context);
void step_private_users(struct context *context);
void step_capabilities_before_user(struct context *context);
void step_user(struct context *context);
void step_capabilities_after_user(struct context *context);
void step_secure_bits(struct context *context);
void step_no_new_privileges(struct context *context);
void step_seccomp(struct context *context);
int has_admin_capability(void);

/* The other program this file is: see boot.c. */
int boot_main(int argc, char **argv);

#endif
