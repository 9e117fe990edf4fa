"""Stands before the manager's own `__main__`, in PID 1: makes one function raise, the next time it is called (or later).

What to do is told by datagrams to /injected/hook, heard by the manager's own loop, and by /injected/boot and
/injected/reexec when a manager begins. Words, separated by tabs: `step NAME` writes from now on which functions are
called, `off` ends all, `raise KEY NUMBER ERROR TEXT` has the NUMBER-th call of a function raise. What was done is added to
/injected/log: `heard WORDS`, `called STEP KEY`, `raised TEXT`. A function is named by its file below initd, its qualified
name and its first line.

Standard library of python3-minimal only.
"""

import errno
import os
import sys

PLACE = "/injected/"
CODE = "/usr/lib/pyinit/initd/"
ERRORS = {
    "RuntimeError": RuntimeError,
    "KeyError": KeyError,
    "MemoryError": MemoryError,
    "ENOMEM": lambda text: OSError(errno.ENOMEM, text),
    "EMFILE": lambda text: OSError(errno.EMFILE, text),
    "ENOSPC": lambda text: OSError(errno.ENOSPC, text),
}


class Hook:
    def __init__(self):
        self.log = os.open(PLACE + "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.names = {}
        self.called = set()

    def write(self, *words):
        os.write(self.log, ("\t".join(words) + "\n").encode())

    def obey(self, text):
        kind, *words = text.split("\t")
        sys.setprofile(None)
        if kind == "step":
            self.step = words[0]
            sys.setprofile(self.on_call)
        elif kind == "raise":
            self.key, number, error, self.text = words
            self.left, self.error = int(number), ERRORS[error]
            sys.setprofile(self.on_target)
        self.write("heard", text)

    def name(self, code):
        """Empty for what is none of ours."""
        known = self.names.get(code)
        if known is None:
            path = os.path.normpath(code.co_filename)
            is_ours = path.startswith(CODE) and not path.endswith(("__main__.py", "initd/main.py"))
            known = self.names[code] = f"{path[len(CODE):]}:{code.co_qualname}:{code.co_firstlineno}" if is_ours else ""
        return known

    def on_call(self, frame, what, _):
        name = self.name(frame.f_code) if what == "call" else ""
        if name and (self.step, name) not in self.called:
            self.called.add((self.step, name))
            self.write("called", self.step, name)

    def on_target(self, frame, what, _):
        if what != "call" or self.name(frame.f_code) != self.key:
            return
        self.left -= 1
        if not self.left:
            sys.setprofile(None)
            self.write("raised", self.text)
            raise self.error(self.text)

    def begin(self, file):
        try:
            with open(PLACE + file) as words:
                text = words.read()
        except FileNotFoundError:
            return
        os.unlink(PLACE + file)
        self.obey(text)

    def listen(self, loop):
        import _socket

        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        if os.path.lexists(PLACE + "hook"):
            os.unlink(PLACE + "hook")
        self.socket.bind(PLACE + "hook")
        loop.add(self.socket.fileno(), 1, lambda _: self.obey(self.socket.recv(4096).decode()), -1)


def install():
    from initd.shell import loop

    hook = Hook()
    make = loop.Loop.__init__

    def with_hook(self):
        make(self)
        hook.listen(self)

    loop.Loop.__init__ = with_hook
    hook.begin("reexec" if any(word.startswith("--deserialize=") for word in sys.argv) else "boot")
