/* LoadCredential=, SetCredential= and ImportCredential= (systemd.exec(5), CREDENTIALS).
 *
 * The manager has found out which source counts and where a name without a path may be found; here it is read, because
 * a socket may keep whoever asks it waiting. Every credential is written beside its place and renamed into it: a process
 * of the unit that reads an older one meanwhile sees the one or the other.
 */
#define _GNU_SOURCE
#include "context.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CREDENTIAL_SIZE_MAX (1024 * 1024)
#define CREDENTIALS_TOTAL_MAX (1024 * 1024)
#define NAME_SIZE 256
#define DEPTH_MAX 16
#define TEMPORARY ".#new"

struct store {
    int fd;                    /* the unit's directory */
    uid_t uid;
    size_t left;               /* how much all of them may still have */
    const char *unit;
};

static int put(struct store *store, const char *name, const char *data, size_t size) {
    int fd, saved;

    if (size > store->left) {
        errno = E2BIG;
        return -1;
    }
    unlinkat(store->fd, TEMPORARY, 0); /* left by one that was killed in the middle */
    fd = openat(store->fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0)
        return -1;
    if (write_all(fd, data, size) < 0 || fchown(fd, store->uid, (gid_t) -1) < 0 || fchmod(fd, 0400) < 0
        || renameat(store->fd, TEMPORARY, store->fd, name) < 0) {
        saved = errno;
        close(fd);
        unlinkat(store->fd, TEMPORARY, 0);
        errno = saved;
        return -1;
    }
    close(fd);
    store->left -= size;
    return 0;
}

/* Whoever listens can tell from the name of our end which credential of which unit is asked for. */
static int connect_named(int fd, const struct store *store, const char *name) {
    struct sockaddr_un own = { .sun_family = AF_UNIX };
    unsigned long long random = 0;
    int length;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned long long) getpid();
    length = snprintf(own.sun_path + 1, sizeof own.sun_path - 1, "%016llx/unit/%s/%s", random, store->unit, name);
    if (length >= (int) sizeof own.sun_path - 1) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return bind(fd, (struct sockaddr *) &own, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) length));
}

static int open_socket(int directory, const char *path, const struct store *store, const char *name) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int place = openat(directory, path, O_PATH | O_CLOEXEC), fd, saved;

    if (place < 0)
        return -1;
    /* By way of our own descriptor: a path may be longer than a socket's address. */
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", place);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (connect_named(fd, store, name) < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)) {
        saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    close(place);
    return fd;
}

/* All there is to read, up to the limit. The caller frees it. */
static char *read_all(int fd, size_t *size) {
    char *data = malloc(CREDENTIAL_SIZE_MAX + 1);
    ssize_t got;

    *size = 0;
    if (!data)
        return NULL;
    while (*size <= CREDENTIAL_SIZE_MAX && (got = read(fd, data + *size, CREDENTIAL_SIZE_MAX + 1 - *size)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(data);
            return NULL;
        }
        *size += (size_t) got;
    }
    if (*size <= CREDENTIAL_SIZE_MAX)
        return data;
    free(data);
    errno = E2BIG;
    return NULL;
}

static int load(struct store *store, int directory, const char *path, const char *name, int depth);

/* Each file below is one credential, its path joined to the name by "_". Takes the descriptor over. */
static int load_directory(struct store *store, int fd, const char *name, int depth) {
    DIR *directory = fdopendir(fd);
    struct dirent *entry;
    int failed = 0;

    if (!directory || depth >= DEPTH_MAX) {
        directory ? closedir(directory) : close(fd);
        errno = ELOOP;
        return -1;
    }
    while (!failed && (errno = 0, entry = readdir(directory))) {
        char longer[NAME_SIZE];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((size_t) snprintf(longer, sizeof longer, "%s_%s", name, entry->d_name) >= sizeof longer) {
            errno = ENAMETOOLONG;
            failed = 1;
        } else
            failed = load(store, dirfd(directory), entry->d_name, longer, depth + 1) < 0;
    }
    if (errno != 0)
        failed = 1;
    closedir(directory);
    return failed ? -1 : 0;
}

static int load(struct store *store, int directory, const char *path, const char *name, int depth) {
    int fd = openat(directory, path, O_RDONLY | O_NOCTTY | O_CLOEXEC), r;
    struct stat st;
    size_t size;
    char *data;

    /* open(2) of a socket in the file system gives ENXIO. */
    if (fd < 0 && errno == ENXIO)
        fd = open_socket(directory, path, store, name);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return load_directory(store, fd, name, depth);
    data = read_all(fd, &size);
    close(fd);
    if (!data)
        return -1;
    r = put(store, name, data, size);
    free(data);
    return r;
}

static int open_store(const struct record *record) {
    const char *path = record_text(record);

    if (make_parents(path) < 0 || (mkdir(path, 0700) < 0 && errno != EEXIST))
        return -1;
    /* Ours to write to, until it is given away. */
    if (chmod(path, 0700) < 0)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void step_credentials(struct context *context) {
    const struct record *record = context_find(context, TAG_CREDENTIAL_DIRECTORY), *credential = NULL;
    struct store store = { .left = CREDENTIALS_TOTAL_MAX };

    if (!record)
        return;
    store.uid = (uid_t) record->number[0];
    store.unit = strrchr(record_text(record), '/') + 1;
    store.fd = open_store(record);
    if (store.fd < 0)
        FAIL(context, CREDENTIALS, record_text(record));
    while ((credential = context_next(context, TAG_CREDENTIAL, credential))) {
        const char *name = record_text(credential), *value = name + strlen(name) + 1;
        int r = credential->number[0] ? load(&store, AT_FDCWD, value, name, 0)
                                      : put(&store, name, value, credential->size - strlen(name) - 1);

        if (r < 0 && !(errno == ENOENT && credential->number[1]))
            FAIL(context, CREDENTIALS, name);
    }
    if (fchown(store.fd, store.uid, (gid_t) -1) < 0 || fchmod(store.fd, 0500) < 0)
        FAIL(context, CREDENTIALS, record_text(record));
    close(store.fd);
}
