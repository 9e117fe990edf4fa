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

#define LINKS_MAX 40

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

/* Where a path leads: `fd` is an O_PATH descriptor, -1 where there is none. */
struct place {
    int fd;
    int is_made; /* it was not there before */
    int is_led;  /* by a link that is neither root's nor ours: whoever made it chose where to */
};

/* The link is replaced by where it points to, in front of what is left of the path. */
static int follow(struct place *place, int link_fd, char *left, const char *rest) {
    char longer[PATH_MAX];
    ssize_t length = readlinkat(link_fd, "", longer, sizeof longer - 1);

    if (length < 0)
        return -1;
    if ((size_t) length + 1 + strlen(rest) >= sizeof longer) {
        errno = ENAMETOOLONG;
        return -1;
    }
    longer[length] = '/';
    strcpy(longer + length + 1, rest);
    strcpy(left, longer);
    if (left[0] == '/') {
        close(place->fd);
        place->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return place->fd < 0 ? -1 : 0;
}

/* From descriptor to descriptor, so that nobody can put a link in the place of what has been looked at. What is missing is
 * made, the last with its own mode; but nothing where somebody else leads. */
static int go_to(struct place *place, const char *path, mode_t mode) {
    char left[PATH_MAX], *name = left;
    int links = 0, below = -1, saved;
    struct stat st;

    *place = (struct place) { .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
    if (place->fd < 0 || strlen(path) >= sizeof left) {
        errno = place->fd < 0 ? errno : ENAMETOOLONG;
        goto failed;
    }
    strcpy(left, path);
    while (*(name += strspn(name, "/"))) {
        char *rest = name + strcspn(name, "/");
        int is_last = rest[strspn(rest, "/")] == '\0';

        if (*rest)
            *rest++ = '\0';
        if (!place->is_led) {
            if (mkdirat(place->fd, name, is_last ? mode : 0755) == 0)
                place->is_made = is_last;
            else if (errno != EEXIST)
                goto failed;
        }
        below = openat(place->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0 || fstat(below, &st) < 0)
            goto failed;
        if (S_ISLNK(st.st_mode)) {
            place->is_led |= st.st_uid != 0 && st.st_uid != geteuid();
            errno = ELOOP;
            if (++links > LINKS_MAX || follow(place, below, left, rest) < 0)
                goto failed;
            name = left;
            close(below);
        } else {
            close(place->fd);
            place->fd = below;
            name = rest;
        }
        below = -1;
    }
    return 0;
failed:
    saved = errno;
    if (below >= 0)
        close(below);
    if (place->fd >= 0)
        close(place->fd);
    errno = saved;
    return -1;
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

/* Somebody else's link may lead to what is the unit's already, and to nothing else: it would be given away. */
static int is_theirs(const struct stat *st, const struct record *record) {
    uid_t uid = (uid_t) record->number[2];
    gid_t gid = (gid_t) record->number[3];

    return uid != (uid_t) -1 && st->st_uid == uid && (gid == (gid_t) -1 || st->st_gid == gid);
}

static int prepare_directory(const struct record *record) {
    mode_t mode = (mode_t) record->number[1];
    struct place place;
    struct stat st;
    int fd, r, saved;

    /* Links on the way are the administrator's choice, e.g. /var/lib/x on another volume. */
    if (go_to(&place, record_text(record), mode) < 0)
        return -1;
    if (!place.is_made && record->number[4] == 0) {
        close(place.fd);
        return 0; /* whatever it is: systemd does not look at it either */
    }
    fd = openat(place.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    saved = errno;
    close(place.fd);
    errno = saved;
    if (fd < 0)
        return -1;
    r = fstat(fd, &st);
    if (r == 0 && place.is_led && !is_theirs(&st, record)) {
        errno = ELOOP;
        r = -1;
    }
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

static int is_linked(int directory, const char *name, const char *target) {
    char existing[PATH_MAX];
    ssize_t length = readlinkat(directory, name, existing, sizeof existing);

    return length == (ssize_t) strlen(target) && memcmp(existing, target, (size_t) length) == 0;
}

static int prepare_link(const struct record *record) {
    const char *path = record_text(record), *target = path + strlen(path) + 1, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char above[PATH_MAX];
    struct place place;
    int r, error;

    if ((size_t) snprintf(above, sizeof above, "%.*s", (int) (name - path), path) >= sizeof above) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (go_to(&place, above, 0755) < 0)
        return -1;
    if (place.is_led) {
        close(place.fd);
        errno = ELOOP;
        return -1;
    }
    r = symlinkat(target, place.fd, name);
    error = errno;
    if (r < 0 && error == EEXIST && is_linked(place.fd, name, target))
        r = 0;
    close(place.fd);
    errno = error;
    return r;
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
