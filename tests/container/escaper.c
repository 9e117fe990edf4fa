/* A service that does not want to be stopped: its processes leave sessions, users and parents behind them, faster than
 * anybody can list them. Ends on nothing but SIGKILL.
 *
 *     escaper CHAINS PAUSE_USEC [deserter]
 *
 * Each chain is one living process that hands on to a child and is gone: CHAINS * 1e6 / PAUSE_USEC new processes a second. As a deserter the first
 * process ends on SIGTERM, and leaves the others to it.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore_all(void) {
    for (int number = 1; number < NSIG; number++)
        if (number != SIGCHLD)
            signal(number, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* no zombies are waited for */
}

/* Another session, another name, and now and then another user. */
static void put_on_a_disguise(unsigned step) {
    char name[16];

    setsid();
    snprintf(name, sizeof name, "n%u", step * 2654435761u);
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_PDEATHSIG, 0);
    if (step % 64 == 63) {
        setgroups(0, NULL);
        if (setgid(20000 + step % 1000) == 0 && setuid(20000 + step % 1000) < 0)
            _exit(1);
    }
    if (step % 16 == 7)
        prctl(PR_SET_DUMPABLE, 0);
}

static void run(unsigned chain, useconds_t pause) {
    for (unsigned step = chain * 7;; step++) {
        pid_t pid;

        usleep(pause);
        pid = fork();
        if (pid > 0)
            _exit(0);
        if (pid < 0)
            continue; /* no room: try again */
        put_on_a_disguise(step);
        if (step % 3 == 0 && fork() > 0)
            _exit(0);
    }
}

int main(int argc, char **argv) {
    int chains = argc > 1 ? atoi(argv[1]) : 4;
    useconds_t pause = argc > 2 ? (useconds_t) atoi(argv[2]) : 4000;

    ignore_all();
    for (int chain = 0; chain < chains; chain++)
        if (fork() == 0)
            run((unsigned) chain, pause);
    if (argc > 3)
        signal(SIGTERM, SIG_DFL);
    for (;;)
        sleep(1000);
}
