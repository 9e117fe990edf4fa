/* RuntimeDirectory=, StateDirectory=, CacheDirectory=, LogsDirectory=, ConfigurationDirectory= (systemd.exec(5)).
 *
 * The manager has resolved the paths, owners and modes. A missing parent is made with mode 0755 for whoever runs us.
 */
#define _GNU_SOURCE
#include "context.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *step_name(int status) {
    switch (status) {
    case EXIT_RUNTIME_DIRECTORY: return "RUNTIME_DIRECTORY";
    case 238: return "STATE_DIRECTORY";
    case 239: return "CACHE_DIRECTORY";
    case 240: return "LOGS_DIRECTORY";
    default: return "CONFIGURATION_DIRECTORY";
    }
}

int make_parents(const char *path) {
    char partial[PATH_MAX];

    if (strlen(path) >= sizeof partial) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(partial, path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

/* Takes the descriptor over. Symbolic links are changed themselves, never followed. */
static int give_away_below(int directory_fd, uid_t uid, gid_t gid) {
    DIR *directory = fdopendir(directory_fd);
    struct dirent *entry;
    int failed = 0;

    if (!directory) {
        close(directory_fd);
        return -1;
    }
    while (!failed && (errno = 0, entry = readdir(directory))) {
        int fd;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            failed = give_away_below(fd, uid, gid) < 0;
        if (!failed)
            failed = fchownat(dirfd(directory), entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0;
    }
    closedir(directory);
    return failed ? -1 : 0;
}

/* What is below is given away only where the directory itself belonged to somebody else, as the manual promises. */
static int give_away(int fd, const struct stat *st, uid_t uid, gid_t gid) {
    int below;

    if ((uid == (uid_t) -1 || st->st_uid == uid) && (gid == (gid_t) -1 || st->st_gid == gid))
        return 0;
    below = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (below < 0 || give_away_below(below, uid, gid) < 0)
        return -1;
    return fchown(fd, uid, gid);
}

static int prepare_directory(const struct record *record) {
    const char *path = record_text(record);
    mode_t mode = (mode_t) record->number[1];
    struct stat st;
    int fd, r, saved;

    if (make_parents(path) < 0)
        return -1;
    r = mkdir(path, mode);
    if (r < 0 && errno != EEXIST)
        return -1;
    if (r < 0 && record->number[4] == 0)
        return 0; /* whatever it is: systemd does not look at it either */
    /* Links on the way are the administrator's choice, e.g. /var/lib/x on another volume. */
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    r = fstat(fd, &st);
    if (r == 0)
        r = give_away(fd, &st, (uid_t) record->number[2], (gid_t) record->number[3]);
    /* After chown(2), which may clear set-id bits. */
    if (r == 0 && (r = fstat(fd, &st)) == 0 && (st.st_mode & 07777) != mode)
        r = fchmod(fd, mode);
    saved = errno;
    close(fd);
    errno = saved;
    return r;
}

static int prepare_link(const struct record *record) {
    const char *path = record_text(record), *target = path + strlen(path) + 1;

    if (make_parents(path) < 0)
        return -1;
    if (symlink(target, path) == 0)
        return 0;
    if (errno == EEXIST) {
        char existing[PATH_MAX];
        ssize_t length = readlink(path, existing, sizeof existing);

        if (length == (ssize_t) strlen(target) && memcmp(existing, target, (size_t) length) == 0)
            return 0;
        errno = EEXIST;
    }
    return -1;
}

/* A directory that changes between being private and not (DynamicUser=) takes the place of the link to it. */
static int move(const struct record *record) {
    const char *from = record_text(record), *to = from + strlen(from) + 1;
    struct stat st;

    if (make_parents(to) < 0)
        return -1;
    if (lstat(to, &st) == 0 && S_ISLNK(st.st_mode) && unlink(to) < 0)
        return -1;
    return rename(from, to);
}

void step_directories(struct context *context) {
    const struct record *record = NULL;

    while ((record = context_next(context, TAG_MOVE, record)))
        if (move(record) < 0)
            fail(context, (int) record->number[0], step_name((int) record->number[0]), errno, record_text(record));

    while ((record = context_next(context, TAG_DIRECTORY, record)))
        if (prepare_directory(record) < 0)
            fail(context, (int) record->number[0], step_name((int) record->number[0]), errno, record_text(record));
    while ((record = context_next(context, TAG_SYMLINK, record)))
        if (prepare_link(record) < 0)
            fail(context, (int) record->number[0], step_name((int) record->number[0]), errno, record_text(record));
}
