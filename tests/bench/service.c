/* The benchmarks' programs, all in one: `service` is a service that does nothing, and says when it runs.
 *
 *   service                appends the time to /bench/started, keeps /bench/alive open, and waits for a signal
 *   begin PROGRAM [WORD…]  appends the time to /bench/began and becomes PROGRAM
 *   floor COUNT            starts COUNT services from one thread as fast as the machine can, and reaps them on SIGTERM
 *   orphans COUNT          leaves COUNT children to PID 1, writes to /bench/orphaned, and lets them all end on SIGTERM
 *
 * A time is CLOCK_MONOTONIC in nanoseconds, 8 bytes; /bench/alive is a FIFO that ends when no service is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void stamp(const char *path)
{
	struct timespec now;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t nsec = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
	if (fd < 0 || write(fd, &nsec, sizeof nsec) != sizeof nsec)
		_exit(1);
	close(fd);
}

static int service(void)
{
	if (open("/bench/alive", O_WRONLY | O_NONBLOCK) < 0 && errno != ENXIO)
		return 1;
	stamp("/bench/started");
	for (;;)
		pause();
}

static int all(int count)
{
	char *argv[] = {"/bench/service", NULL};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	posix_spawnattr_t attributes;
	sigset_t none;
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	pid_t *pids = calloc(count, sizeof *pids);
	for (int i = 0; i < count; i++)
		if (posix_spawn(&pids[i], argv[0], NULL, &attributes, argv, environ))
			return 1;
	int signal;
	sigwait(&set, &signal);
	for (int i = 0; i < count; i++)
		kill(pids[i], SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}

static int orphans(int count)
{
	int ends[2];
	if (pipe(ends))
		return 1;
	if (fork() == 0) {
		char byte;
		for (int i = 0; i < count; i++)
			if (fork() == 0) {
				close(ends[1]);
				_exit(read(ends[0], &byte, 1) != 0);
			}
		_exit(0);
	}
	wait(NULL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	stamp("/bench/orphaned");
	int signal;
	sigwait(&set, &signal);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	if (!strcmp(name, "begin") && argc > 1) {
		stamp("/bench/began");
		execvp(argv[1], argv + 1);
		return 127;
	}
	if (!strcmp(name, "floor") && argc > 1)
		return all(atoi(argv[1]));
	if (!strcmp(name, "orphans") && argc > 1)
		return orphans(atoi(argv[1]));
	return service();
}
