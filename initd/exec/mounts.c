/* What is mounted in a unit's mount namespace (systemd.exec(5), SANDBOXING and PATHS).
 *
 * The manager has made one list of plain operations of all the unit's settings (initd/core/sandbox.py); here they are
 * carried out one by one, in a namespace that nobody else sees. An operation that fails is a failure: the unit would be
 * less shut in than it says.
 */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HIDDEN "/run/systemd/inaccessible"

enum mount_kind {
    MOUNT_PROPAGATION = 0,  /* flags: on everything below the path */
    MOUNT_BIND = 1,         /* then the source; flags: MS_REC or none. What it is mounted on is made */
    MOUNT_POINT = 2,        /* the path becomes a mount of its own, so that it can have flags of its own */
    MOUNT_FILE_SYSTEM = 3,  /* flags; then type and options. The directory is made */
    MOUNT_HIDE = 4,         /* nothing is left of the path but that there is one; then where what hides it is, if not HIDDEN */
    MOUNT_DEVICES = 5,      /* a /dev with nothing but pseudo devices */
    MOUNT_ALL_FLAGS = 6,    /* flags: for all mounts below the path, but for those below the paths that follow */
    MOUNT_ROOT = 7,         /* the path becomes the root directory */
};

enum mount_option {
    MOUNT_MAY_MISS = 1,     /* a source or path that is not there is no failure */
    MOUNT_MAY_FAIL = 2,     /* a kernel or container that cannot do it is none either */
};

/* The text behind the record's nth NUL, or NULL. */
static const char *text_part(const struct record *record, int n) {
    const char *part = record_text(record), *end = part + record->size;

    while (n-- > 0) {
        part += strlen(part) + 1;
        if (part > end)
            return NULL;
    }
    return part;
}

/* The flags a mount has, so that a remount keeps them. */
static unsigned long current_flags(const char *path) {
    static const struct { unsigned long in_statvfs, in_mount; } names[] = {
        { ST_RDONLY, MS_RDONLY }, { ST_NOSUID, MS_NOSUID }, { ST_NODEV, MS_NODEV }, { ST_NOEXEC, MS_NOEXEC },
        { ST_NOATIME, MS_NOATIME }, { ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME },
    };
    unsigned long flags = 0;
    struct statvfs st;

    if (statvfs(path, &st) == 0)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (st.f_flag & names[i].in_statvfs)
                flags |= names[i].in_mount;
    return flags;
}

static int add_flags(const char *path, unsigned long flags) {
    return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | current_flags(path) | flags, NULL);
}

/* --- making what is mounted on ---------------------------------------------------------------------------------- */

static int make_target(const char *path, int is_directory) {
    struct stat st;
    int fd;

    if (stat(path, &st) == 0)
        return 0;
    if (make_parents(path) < 0)
        return -1;
    if (is_directory)
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int bind_onto(const char *source, const char *path, unsigned long flags) {
    struct stat st;

    if (stat(source, &st) < 0 || make_target(path, S_ISDIR(st.st_mode)) < 0)
        return -1;
    return mount(source, path, NULL, MS_BIND | flags, NULL);
}

/* --- the operations --------------------------------------------------------------------------------------------- */

static int make_mount_point(const char *path) {
    struct statx st;

    if (syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &st) < 0)
        return -1;
    if ((st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    return mount(path, path, NULL, MS_BIND | MS_REC, NULL);
}

/* A node of the same kind that nobody may open; of the kinds that cannot be made here a file takes the place. */
static int hide(const char *path, const char *directory) {
    char node[PATH_MAX], fallback[PATH_MAX];
    const char *name = "reg";
    struct stat st;

    snprintf(fallback, sizeof fallback, "%s/reg", directory);
    if (lstat(path, &st) < 0 || make_parents(fallback) < 0)
        return -1;
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR: name = "dir"; break;
    case S_IFCHR: name = "chr"; break;
    case S_IFBLK: name = "blk"; break;
    case S_IFIFO: name = "fifo"; break;
    case S_IFSOCK: name = "sock"; break;
    }
    snprintf(node, sizeof node, "%s/%s", directory, name);
    if ((S_ISDIR(st.st_mode) ? mkdir(node, 0) : mknod(node, st.st_mode & S_IFMT, makedev(0, 0))) < 0 && errno != EEXIST) {
        if (S_ISDIR(st.st_mode) || (mknod(fallback, S_IFREG, 0) < 0 && errno != EEXIST))
            return -1;
        strcpy(node, fallback);
    }
    if (mount(node, path, NULL, MS_BIND, NULL) < 0)
        return -1;
    return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* One of the old /dev's nodes or links into the new one; by a bind mount where nodes cannot be made. */
static int copy_device(int old, const char *directory, const char *name) {
    char path[PATH_MAX], target[PATH_MAX];
    struct stat st;
    ssize_t length;

    if (fstatat(old, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -1;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (S_ISLNK(st.st_mode)) {
        length = readlinkat(old, name, target, sizeof target - 1);
        if (length < 0)
            return -1;
        target[length] = '\0';
        return symlink(target, path);
    }
    if (S_ISCHR(st.st_mode) && mknod(path, st.st_mode, st.st_rdev) == 0)
        return 0;
    snprintf(target, sizeof target, "/proc/self/fd/%d/%s", old, name);
    return bind_onto(target, path, MS_REC);
}

static int make_devices(const char *path) {
    static const char *const copied[] = {
        "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "hugepages", "log",
    };
    static const char *const links[][2] = {
        { "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
        { "/proc/self/fd/2", "stderr" },
    };
    int old = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC), result = 0;
    char link[PATH_MAX];

    if (old < 0 || make_target(path, 1) < 0)
        return -1;
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME, "mode=0755,size=4m,nr_inodes=64k") < 0)
        return -1;
    for (size_t i = 0; result == 0 && i < sizeof copied / sizeof *copied; i++)
        result = copy_device(old, path, copied[i]);
    for (size_t i = 0; result == 0 && i < sizeof links / sizeof *links; i++) {
        snprintf(link, sizeof link, "%s/%s", path, links[i][1]);
        result = symlink(links[i][0], link);
    }
    close(old);
    return result;
}

/* Whether a path is the other one or below it. */
static int is_at(const char *path, const char *top) {
    size_t length = strlen(top);

    if (length == 1)
        return 1;
    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* All of /proc/self/mountinfo, to be freed; it has no size to ask for. */
static char *read_mounts(void) {
    size_t space = 1 << 16, used = 0;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : malloc(space);
    ssize_t got = 0;

    while (text && (got = read(fd, text + used, space - used - 1)) > 0) {
        used += (size_t) got;
        if (space - used < 4096) {
            char *more = realloc(text, space *= 2);

            if (!more)
                free(text);
            text = more;
        }
    }
    if (fd >= 0)
        close(fd);
    if (!text || got < 0) {
        free(text);
        return NULL;
    }
    text[used] = '\0';
    return text;
}

static int is_octal(char digit) {
    return digit >= '0' && digit <= '7';
}

/* The mount point of a line of mountinfo, the fifth word, with its \ooo escapes undone in place. */
static char *mount_point(char *line) {
    char *out, *in, *point;

    for (int i = 0; line && i < 4; i++)
        line = strchr(line, ' ') ? strchr(line, ' ') + 1 : NULL;
    if (!line)
        return NULL;
    point = out = in = line;
    while (*in && *in != ' ' && *in != '\n') {
        if (in[0] == '\\' && is_octal(in[1]) && is_octal(in[2]) && is_octal(in[3])) {
            *out++ = (char) ((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else
            *out++ = *in++;
    }
    *out = '\0';
    return point;
}

static int is_excepted(const struct record *record, const char *path) {
    const char *exception;

    for (int i = 1; (exception = text_part(record, i)); i++)
        if (is_at(path, exception))
            return 1;
    return 0;
}

/* Whether this line of mountinfo is of an automount point: to look at it would have something mounted. */
static int is_automount(const char *line) {
    const char *type = strstr(line, " - ");

    return type && strncmp(type, " - autofs ", 10) == 0;
}

static int add_flags_below(const struct record *record, unsigned long flags) {
    const char *top = record_text(record);
    char *text = read_mounts(), *line, *next;
    int result = text ? add_flags(top, flags) : -1, error;

    for (line = text; result == 0 && line && *line; line = next) {
        int skips = is_automount(line);
        char *point;

        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        point = mount_point(line);
        if (skips || !point || strcmp(point, top) == 0 || !is_at(point, top) || is_excepted(record, point))
            continue;
        /* One that is under another, that may not be looked at, or that has gone, cannot be reached either. */
        if (add_flags(point, flags) < 0 && errno != ENOENT && errno != EACCES && errno != EINVAL)
            result = -1;
    }
    error = errno;
    free(text);
    errno = error;
    return result;
}

/* The old root goes away altogether; where the kernel does not let it (it is the initial one), it stays out of reach. */
static int change_root(struct context *context, const char *path) {
    if (chdir(path) < 0)
        return -1;
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) < 0)
            return -1;
    } else if (mount(path, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
        return -1;
    context->has_root = 1;
    return chdir("/");
}

static int mount_file_system(const struct record *record, const char *path, unsigned long flags) {
    const char *type = text_part(record, 1), *options = text_part(record, 2);

    if (!type || make_target(path, 1) < 0)
        return -1;
    return mount(type, path, type, flags, options && *options ? options : NULL);
}

int carry_out(struct context *context, const struct record *record) {
    const char *path = record_text(record), *source = text_part(record, 1);
    unsigned long flags = (unsigned long) record->number[1];

    switch (record->number[0]) {
    case MOUNT_PROPAGATION: return mount(NULL, path, NULL, flags, NULL);
    case MOUNT_BIND: return bind_onto(source ? source : path, path, flags);
    case MOUNT_POINT: return make_mount_point(path);
    case MOUNT_FILE_SYSTEM: return mount_file_system(record, path, flags);
    case MOUNT_HIDE: return hide(path, source ? source : HIDDEN);
    case MOUNT_DEVICES: return make_devices(path);
    case MOUNT_ALL_FLAGS: return add_flags_below(record, flags);
    case MOUNT_ROOT: return change_root(context, path);
    }
    errno = EBADMSG;
    return -1;
}

int may_go_on(const struct record *record, int error) {
    int64_t options = record->number[2];

    /* EBUSY: the very same file system is there already. */
    return ((options & MOUNT_MAY_MISS) && error == ENOENT)
        || ((options & MOUNT_MAY_FAIL) && (is_refused(error) || error == EBUSY));
}
