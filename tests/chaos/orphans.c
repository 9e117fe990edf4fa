/* orphans COUNT FILE: each of so many processes ends at once, and leaves a child behind, which ends a little later or sooner.
 *
 * How many there were so far is always to be read in FILE. At most CROWD of them live, or are dead and not yet reaped: a pipe
 * is filled with as many places, one is taken for each, and who ends puts its pid there, whose end is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD = 200 };

/* As soon as there is room: the dead count until somebody has reaped them. */
static pid_t fork_at_last(void) {
    pid_t child;

    while ((child = fork()) < 0 && errno == EAGAIN)
        usleep(1000);
    return child;
}

int main(int argc, char **argv) {
    long count = argc == 3 ? atol(argv[1]) : 0;
    int done = argc == 3 ? open(argv[2], O_RDWR | O_CREAT, 0644) : -1, places[2];
    pid_t place = 0;
    char text[32];

    if (done < 0 || pipe(places))
        return 1;
    for (int number = 0; number < CROWD; number++)
        if (write(places[1], &place, sizeof place) != sizeof place)
            return 1;
    for (long number = 1; number <= count; number++) {
        if (read(places[0], &place, sizeof place) != sizeof place)
            return 1;
        for (int looks = 0; place && !kill(place, 0) && looks < 10000; looks++) /* another may have its number by now */
            usleep(500);
        pid_t child = fork_at_last();
        if (child < 0)
            return 2;
        if (!child) {
            pid_t orphan = fork_at_last();
            if (orphan)
                _exit(orphan < 0);
            if (number % 10 == 0)
                usleep(number % 7 * 10000);
            place = getpid();
            _exit(write(places[1], &place, sizeof place) == sizeof place ? number % 256 : 255);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status)
            return 3;
        if (number % 100 == 0 || number == count)
            if (pwrite(done, text, (size_t) snprintf(text, sizeof text, "%ld\n", number), 0) < 0)
                return 4;
    }
    return 0;
}
