/* Who the program runs as, and with which capabilities (systemd.exec(5), CREDENTIALS and CAPABILITIES; capabilities(7)). */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct capabilities {
    uint64_t effective, permitted, inheritable;
};

static int get_capabilities(struct capabilities *set) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    set->effective = data[0].effective | (uint64_t) data[1].effective << 32;
    set->permitted = data[0].permitted | (uint64_t) data[1].permitted << 32;
    set->inheritable = data[0].inheritable | (uint64_t) data[1].inheritable << 32;
    return 0;
}

static int set_capabilities(const struct capabilities *set) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = {
        { (uint32_t) set->effective, (uint32_t) set->permitted, (uint32_t) set->inheritable },
        { (uint32_t) (set->effective >> 32), (uint32_t) (set->permitted >> 32), (uint32_t) (set->inheritable >> 32) },
    };

    return (int) syscall(SYS_capset, &header, data);
}

static int drop_bounding_set(uint64_t keep) {
    for (int capability = 0; capability < 64; capability++) {
        int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);

        if (present < 0)
            return 0; /* past the last capability of this kernel */
        if (present && !(keep >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -1;
    }
    return 0;
}

/* The ambient capabilities that can be had at all. The others are left out without a word, as systemd 252 does where
 * it runs without privileges; the manager says so when it loads the unit. */
static uint64_t ambient_set(const struct context *context) {
    const struct record *record = context_find(context, TAG_AMBIENT_SET);
    struct capabilities own;
    uint64_t wanted = record ? (uint64_t) record->number[0] : 0;

    if (!wanted || get_capabilities(&own) < 0)
        return 0;
    wanted &= own.permitted;
    for (int capability = 0; capability < 64; capability++)
        if ((wanted >> capability & 1) && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1)
            wanted &= ~(UINT64_C(1) << capability);
    return wanted;
}

void step_capabilities_before_user(struct context *context) {
    const struct record *bounding = context_find(context, TAG_BOUNDING_SET);
    const struct record *bits = context_find(context, TAG_SECURE_BITS);
    struct capabilities own;
    uint64_t ambient;

    if (bounding && drop_bounding_set((uint64_t) bounding->number[0]) < 0)
        FAIL(context, CAPABILITIES, "bounding set");
    if (bounding && get_capabilities(&own) == 0) {
        own.inheritable &= (uint64_t) bounding->number[0];
        if (set_capabilities(&own) < 0)
            FAIL(context, CAPABILITIES, "inheritable set");
    }
    ambient = ambient_set(context);
    if (ambient) {
        if (get_capabilities(&own) < 0)
            FAIL(context, CAPABILITIES, "ambient set");
        own.inheritable |= ambient;
        if (set_capabilities(&own) < 0)
            FAIL(context, CAPABILITIES, "ambient set");
    }
    /* Both are set once the user has changed, which would take the permitted set away. */
    if ((ambient || bits) && context_find(context, TAG_UID) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        FAIL(context, CAPABILITIES, "keep capabilities");
}

static void set_groups(struct context *context) {
    const struct record *record = context_find(context, TAG_GROUPS);
    gid_t *groups;

    if (!record)
        return;
    groups = calloc((size_t) record->count + 1, sizeof *groups);
    if (!groups)
        FAIL(context, MEMORY, "");
    for (int i = 0; i < record->count; i++)
        groups[i] = (gid_t) record->number[i];
    if (setgroups(record->count, groups) < 0)
        FAIL(context, GROUP, "supplementary groups");
    free(groups);
}

static void set_group(struct context *context) {
    const struct record *record = context_find(context, TAG_GID);
    gid_t gid;

    if (!record)
        return;
    gid = (gid_t) record->number[0];
    if (setresgid(gid, gid, gid) < 0)
        FAIL(context, GROUP, "group");
}

/* Before the user namespace, which knows few groups. */
void step_groups(struct context *context) {
    set_groups(context);
    set_group(context);
}

void step_user(struct context *context) {
    const struct record *record = context_find(context, TAG_UID);
    uid_t uid;

    if (!record)
        return;
    uid = (uid_t) record->number[0];
    if (setresuid(uid, uid, uid) < 0)
        FAIL(context, USER, "user");
}

void step_capabilities_after_user(struct context *context) {
    uint64_t ambient = ambient_set(context);
    struct capabilities own;

    if (!ambient && !context_find(context, TAG_SECURE_BITS))
        return;
    /* The change of user has emptied the effective set; CAP_SETPCAP is needed for the secure bits. */
    if (get_capabilities(&own) < 0)
        FAIL(context, CAPABILITIES, "effective set");
    own.effective = own.permitted;
    if (set_capabilities(&own) < 0)
        FAIL(context, CAPABILITIES, "effective set");
    for (int capability = 0; capability < 64; capability++)
        if ((ambient >> capability & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            FAIL(context, CAPABILITIES, "ambient set");
}

void step_secure_bits(struct context *context) {
    const struct record *record = context_find(context, TAG_SECURE_BITS);
    int current = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

    /* SECBIT_KEEP_CAPS is cleared by exec anyway. */
    if (record && current >= 0 && (current & ~SECBIT_KEEP_CAPS) != (int) record->number[0]
        && prctl(PR_SET_SECUREBITS, (unsigned long) record->number[0], 0, 0, 0) < 0)
        FAIL(context, SECUREBITS, "");
}

void step_no_new_privileges(struct context *context) {
    if (context_find(context, TAG_NO_NEW_PRIVILEGES) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        FAIL(context, NO_NEW_PRIVILEGES, "");
}

/* CAP_SYS_ADMIN, in effect. */
int has_admin_capability(void) {
    struct capabilities own;

    return get_capabilities(&own) == 0 && (own.effective >> CAP_SYS_ADMIN & 1);
}

/* SystemCallArchitectures= of system.conf. Without CAP_SYS_ADMIN it would cost every service new privileges: then there is
 * none, as under systemd 252. */
void step_architectures(struct context *context) {
    const struct record *record = context_find(context, TAG_ARCHITECTURES);
    struct sock_fprog program;

    if (!record)
        return;
    program.len = (unsigned short) (record->size / sizeof *program.filter);
    program.filter = (struct sock_filter *) record_text(record);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        report(context, 0, "SECCOMP", errno, "architectures");
}

/* The last step: from here on only what the unit allows itself works. Without CAP_SYS_ADMIN a filter can only be had by
 * who gives up new privileges (seccomp(2)); a unit that says it must not give them up goes without. */
void step_seccomp(struct context *context) {
    const struct record *record = context_find(context, TAG_SECCOMP);
    struct sock_fprog program;

    if (!record)
        return;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        report(context, 0, "SECCOMP", errno, ""); /* a kernel without */
        return;
    }
    program.len = (unsigned short) (record->size / sizeof *program.filter);
    program.filter = (struct sock_filter *) record_text(record);
    if (record->number[0] && !has_admin_capability() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        FAIL(context, NO_NEW_PRIVILEGES, "");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return;
    if (errno != EACCES || record->number[0])
        FAIL(context, SECCOMP, "");
    report(context, 0, "SECCOMP", errno, "");
}
