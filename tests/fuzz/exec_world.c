/* What pyinit-exec meets where its exec context is fuzzed: nothing is done, and anything may come of it.
 *
 * Every function of the C library that would act was given another name when pyinit-exec was compiled (fuzz_exec.py), and is
 * one of these. An input is eight bytes, from which answers are drawn, and a context. The process "ends" by a jump back here.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <termios.h>

#define SEED_SIZE 8
#define CALLS_MAX 3000   /* who is told to try again for ever is stopped */
#define KEPT_MAX 4096

void fuzz_become(int context_fd);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static jmp_buf end;
static uint64_t state;
static int calls;
static const uint8_t *context;
static size_t context_size;
static int is_context_open;
static void *kept[KEPT_MAX];
static int kept_count;

static uint64_t draw(void) {
    if (++calls > CALLS_MAX)
        longjmp(end, 1);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(void *where, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((uint8_t *) where)[i] = (uint8_t) (draw() >> 24 & (i % 3 ? 0x7f : 0xff));
}

/* Mostly what goes well; sometimes an error, of those that matter. */
static int answer(void) {
    static const int errors[] = { EPERM, ENOENT, EEXIST, EACCES, EINVAL, EINTR, ENXIO, ENOSYS, EBUSY, ENOSPC };
    uint64_t drawn = draw();

    if (drawn % 8)
        return (int) (drawn >> 8 & (drawn % 3 ? 0 : 7));
    errno = errors[(drawn >> 16) % (sizeof errors / sizeof *errors)];
    return -1;
}

#define ANSWERS(name) int stub_##name(void) { return answer(); }
ANSWERS(access) ANSWERS(bind) ANSWERS(chdir) ANSWERS(chmod) ANSWERS(chroot) ANSWERS(close) ANSWERS(closedir)
ANSWERS(connect) ANSWERS(dirfd) ANSWERS(dup2) ANSWERS(execve) ANSWERS(fchmod) ANSWERS(fchown) ANSWERS(fchownat)
ANSWERS(fcntl) ANSWERS(fork) ANSWERS(geteuid) ANSWERS(getpid) ANSWERS(getpriority) ANSWERS(inotify_add_watch)
ANSWERS(inotify_init1) ANSWERS(ioctl) ANSWERS(isatty) ANSWERS(lockf) ANSWERS(mkdir) ANSWERS(mkdirat) ANSWERS(mknod)
ANSWERS(mount) ANSWERS(msgctl) ANSWERS(open) ANSWERS(openat) ANSWERS(personality) ANSWERS(poll) ANSWERS(prctl)
ANSWERS(rename) ANSWERS(renameat) ANSWERS(sched_setaffinity) ANSWERS(semctl) ANSWERS(setgroups) ANSWERS(setns)
ANSWERS(setpriority) ANSWERS(setresgid) ANSWERS(setresuid) ANSWERS(setrlimit) ANSWERS(setsid) ANSWERS(shmctl)
ANSWERS(shutdown) ANSWERS(sigaction) ANSWERS(sigprocmask) ANSWERS(socket) ANSWERS(symlink) ANSWERS(symlinkat)
ANSWERS(tcflush) ANSWERS(tcsetattr) ANSWERS(umask) ANSWERS(umount2) ANSWERS(unlink) ANSWERS(unlinkat) ANSWERS(unshare)

/* What no context leads to. */
int request_automount(char **words) { (void) words; abort(); }
int request_queue(char **words) { (void) words; abort(); }
int request_detach(char **words) { (void) words; abort(); }
int request_clock(void) { abort(); }
int request_expire(void) { abort(); }
int serve(void) { abort(); }
int boot_main(int argc, char **argv) { (void) argc; (void) argv; abort(); }

_Noreturn void stub__exit(int status) {
    (void) status;
    longjmp(end, 1);
}

long stub_syscall(void) { return answer(); }
long stub_sysconf(void) { return 16; }
void (*stub_signal(void))(int) { return NULL; }

int stub_fstat(int fd, struct stat *st) {
    (void) fd;
    if (!is_context_open) {
        is_context_open = 1;
        st->st_size = (off_t) context_size;
        return 0;
    }
    fill(st, sizeof *st);
    return answer();
}

int stub_stat(const char *path, struct stat *st) { (void) strlen(path); fill(st, sizeof *st); return answer(); }
int stub_lstat(const char *path, struct stat *st) { return stub_stat(path, st); }
int stub_fstatat(int fd, const char *path, struct stat *st, int flags) { (void) fd; (void) flags; return stub_stat(path, st); }
int stub_statvfs(const char *path, struct statvfs *st) { (void) strlen(path); fill(st, sizeof *st); return answer(); }
int stub_getrlimit(int which, struct rlimit *limit) { (void) which; fill(limit, sizeof *limit); return answer(); }
int stub_prlimit(int pid, int which, const struct rlimit *set, struct rlimit *old) {
    (void) pid; (void) which; (void) set;
    if (old)
        fill(old, sizeof *old);
    return answer();
}
int stub_tcgetattr(int fd, struct termios *modes) { (void) fd; fill(modes, sizeof *modes); return answer(); }
int stub_pipe2(int *fds, int flags) { (void) flags; fds[0] = 5; fds[1] = 6; return answer(); }
int stub_waitpid(int pid, int *status, int options) {
    (void) pid; (void) options;
    fill(status, sizeof *status);
    return answer();
}
ssize_t stub_getrandom(void *data, size_t size, unsigned flags) { (void) flags; fill(data, size); return answer(); }

/* Some text of mountinfo, and rubbish. */
ssize_t stub_read(int fd, void *data, size_t size) {
    static const char line[] = "22 1 0:21 / /proc\\040x rw - autofs a rw\n23 1 0:22 / /a/b ro shared:1 - tmpfs t rw\n";
    uint64_t drawn = draw();
    size_t length = drawn >> 8 & 0xff;

    (void) fd;
    if (drawn % 4 == 0)
        return answer() < 0 ? -1 : 0;
    if (length > size)
        length = size;
    if (drawn % 4 == 1)
        memcpy(data, line, length = length < sizeof line - 1 ? length : sizeof line - 1);
    else
        fill(data, length);
    return (ssize_t) length;
}

/* What it is given to write is all there. */
ssize_t stub_write(int fd, const void *data, size_t size) {
    volatile uint8_t sum = 0;

    (void) fd;
    for (size_t i = 0; i < size; i++)
        sum ^= ((const uint8_t *) data)[i];
    return answer() < 0 ? -1 : size ? (ssize_t) (1 + draw() % size) : 0;
}

ssize_t stub_readlinkat(int fd, const char *path, char *target, size_t size) {
    size_t length = draw() % (size + 1);

    (void) fd;
    (void) strlen(path);
    fill(target, length > 64 ? 64 : length);
    return answer() < 0 ? -1 : (ssize_t) length;
}
ssize_t stub_readlink(const char *path, char *target, size_t size) { return stub_readlinkat(0, path, target, size); }

ssize_t stub_recvmsg(int fd, struct msghdr *message, int flags) {
    (void) fd; (void) flags;
    fill(message->msg_control, message->msg_controllen);
    if (draw() % 2) {
        struct cmsghdr *header = message->msg_control;

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
    }
    return answer();
}
ssize_t stub_sendmsg(int fd, const struct msghdr *message, int flags) {
    (void) fd; (void) message; (void) flags;
    return answer();
}

DIR *stub_fdopendir(int fd) { (void) fd; return answer() < 0 ? NULL : (DIR *) &context; }
struct dirent *stub_readdir(DIR *directory) {
    static struct dirent entry;
    size_t length = draw() % sizeof entry.d_name;

    (void) directory;
    if (answer() != 0)
        return NULL;
    memset(entry.d_name, 'n', length);
    entry.d_name[length] = '\0';
    return &entry;
}

/* --- memory: what is not given back is what the process would have ended with ---------------------------------------- */

static void *keep(void *memory) {
    if (kept_count == KEPT_MAX) {
        free(memory);
        longjmp(end, 1);
    }
    return kept[kept_count++] = memory;
}

void *stub_malloc(size_t size) { return draw() % 64 ? keep(malloc(size)) : NULL; }
void *stub_calloc(size_t count, size_t size) { return draw() % 64 ? keep(calloc(count, size)) : NULL; }
void stub_free(void *memory) {
    for (int i = 0; memory && i < kept_count; i++)
        if (kept[i] == memory) {
            kept[i] = NULL;
            free(memory);
            return;
        }
    if (memory)
        abort();
}
void *stub_realloc(void *memory, size_t size) {
    void *more = draw() % 64 ? realloc(memory, size) : NULL;

    for (int i = 0; more && i < kept_count; i++)
        if (kept[i] == memory)
            kept[i] = more;
    return more;
}

/* No byte behind the context may be read, though there are some in a page. */
void *stub_mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset) {
    void *copy = keep(malloc(size));

    (void) where; (void) protection; (void) flags; (void) fd; (void) offset;
    memcpy(copy, context, size);
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size <= SEED_SIZE)
        return 0;
    memcpy(&state, data, SEED_SIZE);
    state |= 1;
    calls = is_context_open = kept_count = 0;
    context = data + SEED_SIZE;
    context_size = size - SEED_SIZE;
    if (setjmp(end) == 0)
        fuzz_become(3);
    for (int i = 0; i < kept_count; i++)
        free(kept[i]);
    return 0;
}

#ifdef STANDALONE
#include <stdio.h>

/* Without a fuzzer: each argument is a file with one input. */
int main(int argc, char **argv) {
    static uint8_t data[1 << 16];

    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size = file ? fread(data, 1, sizeof data, file) : 0;
        uint8_t *copy = malloc(size);

        if (!file || !copy)
            return 2;
        fclose(file);
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
    return 0;
}
#endif
