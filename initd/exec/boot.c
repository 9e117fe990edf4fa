/* /sbin/pyinit and /sbin/init: what PID 1 is until the interpreter runs.
 *
 * A signal that PID 1 neither blocks nor handles is dropped by the kernel, and the interpreter takes its time to
 * start. So the first thing done is to block every signal: from then on it stays pending until the manager has its
 * handlers and unblocks. Nothing else is decided here.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PYINIT_LIB
#define PYINIT_LIB "/usr/lib/pyinit"
#endif
#ifndef PYINIT_PYTHON
#define PYINIT_PYTHON "/usr/bin/python3"
#endif

/* Where the whole of it is one file (debian/single), which unpacks itself into PYINIT_LIB and goes on with that. */
static const char archive[] = PYINIT_LIB ".pyz";
static const char own_place[] = "/initd/exec/pyinit-exec";
static const char manager_place[] = "/initd/__main__.py";

/* The directory that holds `initd`: found from where this very file is, else where the package puts it, if it is not to be
 * unpacked from an archive first. */
static void find_manager(char *path) {
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof manager_place);
    size_t own = sizeof own_place - 1;

    if (length > (ssize_t) own && memcmp(path + length - own, own_place, own) == 0)
        path[(size_t) length - own] = '\0';
    else if (access(archive, R_OK) == 0) {
        path[length > 0 ? length : 0] = '\0';
        setenv("PYINIT_EXEC", path, 1);
        strcpy(path, archive);
        return;
    } else
        strcpy(path, PYINIT_LIB);
    strcat(path, manager_place);
}

/* Descriptors 0 to 2 exist from here on, so that nothing the manager opens is mistaken for one of them. */
static void open_missing_streams(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* there is nobody to tell */
}

int boot_main(int argc, char **argv) {
    static char manager[PATH_MAX];
    char *python = getenv("PYINIT_PYTHON"); /* pip's launcher names the one it was installed for */
    const unsigned long long all = ~0ULL; /* a C library keeps some real-time signals for itself, and they are ours */
    char **arguments;

    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, sizeof all);
    open_missing_streams();
    if (getpid() != 1)
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* survives exec; PID 1 is one anyway */
    find_manager(manager);
    arguments = calloc((size_t) argc + 3, sizeof *arguments);
    if (!arguments)
        return 127;
    if (!python || python[0] != '/')
        python = PYINIT_PYTHON;
    arguments[0] = python;
    arguments[1] = "-IS";
    arguments[2] = manager;
    for (int i = 1; i < argc; i++)
        arguments[i + 2] = argv[i];
    execv(python, arguments);
    say("pyinit: cannot execute ");
    say(python);
    say(": ");
    say(strerror(errno));
    say("\n");
    return 127;
}
