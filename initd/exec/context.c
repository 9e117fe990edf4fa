/* Reading the exec context, and telling the manager how it went. */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_SIZE 8

/* How many numbers a record must carry at least, so that no step has to ask. */
static const unsigned char least_numbers[TAG_LAST + 1] = {
    [TAG_STATUS_FD] = 1, [TAG_FAILURE] = 2, [TAG_UNIT_NUMBER] = 1, [TAG_IDLE_FD] = 1, [TAG_STREAM] = 4,
    [TAG_OOM_SCORE_ADJUST] = 1, [TAG_COREDUMP_FILTER] = 1, [TAG_NICE] = 1, [TAG_CPU_SCHEDULING] = 3,
    [TAG_CPU_AFFINITY] = 1, [TAG_IO_PRIORITY] = 2, [TAG_TIMER_SLACK] = 1, [TAG_PERSONALITY] = 1, [TAG_DIRECTORY] = 5,
    [TAG_SYMLINK] = 1, [TAG_UMASK] = 1, [TAG_KEYRING] = 1, [TAG_LIMIT] = 3, [TAG_GID] = 1, [TAG_UID] = 1,
    [TAG_BOUNDING_SET] = 1, [TAG_AMBIENT_SET] = 1, [TAG_SECURE_BITS] = 1, [TAG_WORKING_DIRECTORY] = 1,
    [TAG_PASS_FD] = 2, [TAG_PROGRAM] = 1, [TAG_SECCOMP] = 1,
    [TAG_CREDENTIAL_DIRECTORY] = 1, [TAG_CREDENTIAL] = 2, [TAG_TERMINAL] = 3,
    [TAG_MOVE] = 1, [TAG_REMOVE_IPC] = 2, [TAG_TAG_PROCESS] = 2,
    [TAG_NAMESPACES] = 1, [TAG_JOIN_NAMESPACE] = 1, [TAG_MOUNT] = 3, [TAG_SHARED_NAMESPACE] = 3,
    [TAG_MEMORY_POLICY] = 1,
};

/* Texts that are two, with a NUL between them. */
static const unsigned char has_two_texts[TAG_LAST + 1] = { [TAG_SYMLINK] = 1, [TAG_MOVE] = 1, [TAG_CREDENTIAL] = 1 };

/* What steps count on. */
static int has_sound_content(const struct record *record) {
    const char *text = record_text(record);

    if (has_two_texts[record->tag] && strlen(text) == record->size)
        return 0;
    if (record->tag == TAG_CREDENTIAL_DIRECTORY)
        return text[0] == '/';
    return record->tag != TAG_STREAM || (record->number[0] >= 0 && record->number[0] <= 2);
}

static size_t record_length(const struct record *record) {
    size_t length = sizeof(struct record) + record->count * sizeof(int64_t) + record->size + 1;
    return (length + 7) & ~(size_t) 7;
}

static int is_sound(const struct context *context) {
    size_t at = HEADER_SIZE;

    if (context->size < HEADER_SIZE || memcmp(context->data, "PYX1", 4) != 0)
        return 0;
    while (at < context->size) {
        const struct record *record = (const struct record *) (context->data + at);

        if (context->size - at < sizeof *record || context->size - at < record_length(record))
            return 0;
        if (record->tag > TAG_LAST || record->count < least_numbers[record->tag])
            return 0;
        if (record_text(record)[record->size] != '\0' || !has_sound_content(record))
            return 0;
        at += record_length(record);
    }
    return 1;
}

void context_open(struct context *context, int fd) {
    struct stat st;

    context->status_fd = -1;
    context->has_root = 0;
    context->journal_stream[0] = '\0';
    if (fstat(fd, &st) < 0 || st.st_size <= 0)
        FAIL(context, MEMORY, "exec context");
    context->size = (size_t) st.st_size;
    context->data = mmap(NULL, context->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (context->data == MAP_FAILED)
        FAIL(context, MEMORY, "exec context");
    close(fd);
    if (!is_sound(context)) {
        errno = EBADMSG;
        FAIL(context, MEMORY, "exec context");
    }
}

const struct record *context_next(const struct context *context, enum tag tag, const struct record *after) {
    size_t at = after ? (size_t) ((const char *) after - context->data) + record_length(after) : HEADER_SIZE;

    while (at < context->size) {
        const struct record *record = (const struct record *) (context->data + at);

        if (record->tag == tag)
            return record;
        at += record_length(record);
    }
    return NULL;
}

static const char *placeholder_value(const struct context *context, char which) {
    static char pid[24];

    if (which == 2)
        return context->journal_stream;
    snprintf(pid, sizeof pid, "%d", (int) getpid());
    return pid;
}

char *context_expand(const struct context *context, const struct record *record) {
    const char *text = record_text(record), *end = text + record->size;
    size_t placeholders = 0;
    char *result, *out;

    for (const char *p = text; p < end; p++)
        placeholders += *p == '\0';
    if (placeholders == 0)
        return (char *) text;
    out = result = malloc(record->size + placeholders * sizeof context->journal_stream + 1);
    if (!result)
        FAIL(context, MEMORY, "");
    while (text < end) {
        if (*text == '\0') {
            const char *value = placeholder_value(context, text[1]);

            if (value[0] == '\0') {
                free(result);
                return NULL;
            }
            out = stpcpy(out, value);
            text += 2;
        } else
            *out++ = *text++;
    }
    *out = '\0';
    return result;
}

void report(const struct context *context, int status, const char *step, int error, const char *detail) {
    struct status_message message = { .status = status, .error = error };

    if (context->status_fd < 0)
        return;
    strncpy(message.step, step, sizeof message.step - 1);
    strncpy(message.detail, detail, sizeof message.detail - 1);
    /* A reader that went away changes nothing: the exit status says the same. */
    if (write(context->status_fd, &message, sizeof message) < 0)
        return;
}

void fail(const struct context *context, int status, const char *step, int error, const char *detail) {
    report(context, status, step, error, detail);
    _exit(status);
}
