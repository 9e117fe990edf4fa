/* TTYReset=, TTYVHangup=, TTYVTDisallocate=, TTYRows= and TTYColumns= (systemd.exec(5)): what is done to a terminal before
 * it is given away, and when the unit is down.
 *
 * None of it can fail a service: where the terminal is missing, opening it says so in its turn.
 */
#define _GNU_SOURCE
#include "context.h"

#include <fcntl.h>
#include <linux/vt.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL_RESET 1
#define TERMINAL_HANGUP 2
#define TERMINAL_CLEAR 4
#define TERMINAL_ALL 8

static int open_quietly(const char *path) {
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && !isatty(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Line by line, echoing, with the usual keys; speed and parity stay as they are. */
static void reset(int fd) {
    static const struct { int index; cc_t key; } keys[] = {
        { VINTR, 03 }, { VQUIT, 034 }, { VERASE, 0177 }, { VKILL, 025 }, { VEOF, 04 }, { VSTART, 021 }, { VSTOP, 023 },
        { VSUSP, 032 }, { VREPRINT, 022 }, { VWERASE, 027 }, { VLNEXT, 026 }, { VEOL, 0 }, { VEOL2, 0 }, { VTIME, 0 },
        { VMIN, 1 },
    };
    struct termios modes;

    ioctl(fd, TIOCNXCL);
    if (tcgetattr(fd, &modes) < 0)
        return;
    modes.c_iflag &= ~(tcflag_t) (IGNBRK | BRKINT | ISTRIP | INLCR | IGNCR | IUCLC);
    modes.c_iflag |= ICRNL | IMAXBEL | IUTF8;
    modes.c_oflag |= ONLCR | OPOST;
    modes.c_cflag |= CREAD;
    modes.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        modes.c_cc[keys[i].index] = keys[i].key;
    tcsetattr(fd, TCSANOW, &modes);
    tcflush(fd, TCIOFLUSH);
}

static void set_size(int fd, int64_t rows, int64_t columns) {
    struct winsize size;

    if (!(rows || columns) || ioctl(fd, TIOCGWINSZ, &size) < 0)
        return;
    size.ws_row = rows ? (unsigned short) rows : size.ws_row;
    size.ws_col = columns ? (unsigned short) columns : size.ws_col;
    ioctl(fd, TIOCSWINSZ, &size);
}

/* A virtual console is given back to the kernel; of any other terminal, and of one that is in use, the screen and what
 * scrolled off it are cleared. */
static void clear(int fd, const char *path) {
    static const char whole_screen_home_cleared[] = "\033[r\033[H\033[3J";
    int number, end = 0, console, done = 0;

    if (sscanf(path, "/dev/tty%d%n", &number, &end) == 1 && !path[end] && number > 0 && number <= MAX_NR_CONSOLES) {
        console = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        done = console >= 0 && ioctl(console, VT_DISALLOCATE, number) == 0;
        if (console >= 0)
            close(console);
    }
    if (!done)
        write_all(fd, whole_screen_home_cleared, sizeof whole_screen_home_cleared - 1);
}

static void prepare(const struct record *record) {
    int fd = open_quietly(record_text(record));

    if (fd < 0)
        return;
    if (record->number[0] & TERMINAL_HANGUP) {
        ioctl(fd, TIOCVHANGUP);
        close(fd); /* hung up itself */
        fd = open_quietly(record_text(record));
        if (fd < 0)
            return;
    }
    if (record->number[0] & TERMINAL_RESET)
        reset(fd);
    set_size(fd, record->number[1], record->number[2]);
    if (record->number[0] & TERMINAL_CLEAR)
        clear(fd, record_text(record));
    close(fd);
}

void step_terminals(struct context *context) {
    const struct record *record = context_find(context, TAG_TERMINAL);

    if (!record)
        return;
    prepare(record);
    if (record->number[0] & TERMINAL_ALL)
        _exit(0);
}
