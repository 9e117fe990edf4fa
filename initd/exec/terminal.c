/* TTYReset=, TTYVHangup=, TTYRows= and TTYColumns= (systemd.exec(5)): what is done to a terminal before it is given away.
 *
 * None of it can fail a service: where the terminal is missing, opening it says so in its turn.
 */
#define _GNU_SOURCE
#include "context.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TERMINAL_RESET 1
#define TERMINAL_HANGUP 2

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

void step_terminals(struct context *context) {
    const struct record *record = context_find(context, TAG_TERMINAL);
    int fd;

    if (!record)
        return;
    fd = open_quietly(record_text(record));
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
    close(fd);
}
