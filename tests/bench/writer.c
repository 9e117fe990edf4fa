/* A service that logs: `writer NAME MEGABYTES line|block`, lines of 100 bytes to its stdout.
 *
 * `line` writes each line by itself, as a program does that flushes; `block` writes 4096 bytes at a time, as stdio does
 * to a pipe, whose last line goes on in the next. It begins when somebody opens /bench/gate for writing, and leaves a
 * byte in /bench/done when it has written everything.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 100, BLOCK = 4096 };

static int write_all(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(1, data, size);
		if (written < 0)
			return -1;
		data += written;
		size -= (size_t)written;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int gate = open("/bench/gate", O_RDONLY);
	int done = open("/bench/done", O_WRONLY);
	if (gate < 0 || done < 0)
		return 3;
	close(gate);
	size_t limit = strcmp(argv[3], "block") == 0 ? BLOCK : LINE;
	long lines = (long)(atof(argv[2]) * 1e6 / LINE);
	char buffer[BLOCK + LINE + 1];
	size_t used = 0;
	for (long number = 0; number < lines; number++) {
		char line[LINE + 1];
		int size = snprintf(line, sizeof line, "%s handled request %09ld from 192.0.2.%ld in %ld ms", argv[1], number,
				    number % 250, number % 997);
		memset(line + size, '.', (size_t)(LINE - 1 - size));
		line[LINE - 1] = '\n';
		memcpy(buffer + used, line, LINE);
		used += LINE;
		if (used >= limit) {
			if (write_all(buffer, limit) < 0)
				return 4;
			used -= limit;
			memmove(buffer, buffer + limit, used);
		}
	}
	if (write_all(buffer, used) < 0)
		return 4;
	return write(done, "", 1) == 1 ? 0 : 5;
}
