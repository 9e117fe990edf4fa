"""A terminal's modes: single keys instead of lines. By ioctl(2), for python3-minimal has no `termios`.

Source: termios(3), ioctl_tty(2), and the kernel's asm-generic/termbits.h. Machines with numbers of their own need the module.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_TCGETS, _TCSETSW = 0x5401, 0x5403
_OWN_NUMBERS = ("mips", "ppc", "powerpc", "sparc", "alpha", "parisc")
#: Flags of input, output, control and local modes, the line discipline, 19 control characters.
_MODES = struct.Struct("4IB19s")
_IGNBRK, _BRKINT, _PARMRK, _ISTRIP, _INLCR, _IGNCR, _ICRNL, _IXON = 1, 2, 8, 0x20, 0x40, 0x80, 0x100, 0x400
_RAW_INPUT = _IGNBRK | _BRKINT | _PARMRK | _ISTRIP | _INLCR | _IGNCR | _ICRNL | _IXON
_OPOST, _CSIZE, _CS8, _PARENB = 1, 0x30, 0x30, 0x100
_ISIG, _ICANON, _ECHO, _ECHONL, _IEXTEN = 1, 2, 8, 0x40, 0x8000
_VTIME, _VMIN = 5, 6


class NoModes(Exception):
    """Not to be had here; the text says why, and what would help."""


class Modes:
    """Those of a terminal, to be changed and put back."""

    def __init__(self, fd: int) -> None:
        """OSError where it is no terminal."""
        self._fd = fd
        self._plain = not os.uname().machine.startswith(_OWN_NUMBERS)
        if self._plain:
            from fcntl import ioctl

            self._before: object = ioctl(fd, _TCGETS, bytes(_MODES.size))
            return
        try:
            import termios
        except ImportError:
            raise NoModes("Single keys need python3's termios here: install python3.") from None
        self._before = termios.tcgetattr(fd)

    def set_keys(self, is_raw: bool = False) -> None:
        """Keys are read as they are typed and not shown. `is_raw`: those too that mean a signal, and what is written goes out
        as it is."""
        if not self._plain:
            import tty

            (tty.setraw if is_raw else tty.setcbreak)(self._fd)
            return
        assert isinstance(self._before, bytes)
        on_input, on_output, control, local, line, characters = _MODES.unpack(self._before)
        local &= ~(_ICANON | _ECHO)
        if is_raw:
            on_input &= ~_RAW_INPUT
            on_output &= ~_OPOST
            control = control & ~(_CSIZE | _PARENB) | _CS8
            local &= ~(_ISIG | _ECHONL | _IEXTEN)
        at_once = bytearray(characters)
        at_once[_VMIN], at_once[_VTIME] = 1, 0
        self._put(_MODES.pack(on_input, on_output, control, local, line, bytes(at_once)))

    def restore(self) -> None:
        """As they were; a terminal that is gone needs nothing."""
        if self._plain:
            assert isinstance(self._before, bytes)
            self._put(self._before)
            return
        import termios

        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]

    def _put(self, modes: bytes) -> None:
        from fcntl import ioctl

        try:
            ioctl(self._fd, _TCSETSW, modes)
        except OSError:
            pass  # the terminal is gone


#: What keys send (console_codes(4), and what xterm sends in their place).
_SEQUENCES = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down", b"\x1b[5~": "page-up", b"\x1b[6~": "page-down",
    b"\x1b[H": "home", b"\x1b[1~": "home", b"\x1bOH": "home", b"\x1b[F": "end", b"\x1b[4~": "end", b"\x1bOF": "end",
    b"\x7f": "backspace", b"\b": "backspace", b"\r": "enter", b"\n": "enter", b"\x1b": "escape", b"\x0c": "redraw",
}


def keys_of(data: bytes) -> Iterator[str]:
    """What was typed: names for keys that have one, and otherwise the letters. Sequences nobody knows are left out."""
    while data:
        for length in (4, 3, 1):
            name = _SEQUENCES.get(data[:length])
            if name is not None and not (name == "escape" and data[1:2] in (b"[", b"O")):
                yield name
                data = data[length:]
                break
        else:
            if data[0] == 0x1b:
                end = next((place for place, byte in enumerate(data[2:], 3) if 0x40 <= byte <= 0x7e), len(data))
                data = data[end:]
                continue
            text = data.split(b"\x1b", 1)[0]
            size = next((place for place, byte in enumerate(text) if bytes((byte,)) in _SEQUENCES), len(text))
            yield from text[:size].decode("utf-8", "replace")
            data = data[size:]
