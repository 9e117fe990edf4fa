"""What does an init script say of itself? Its text → InitScript.

Read are the comments that the LSB defines ("### BEGIN INIT INFO"), the older ones of chkconfig ("# description:",
"# pidfile:"), and whether its usage message names "reload". Nothing is run. All of it was tried against the
systemd-sysv-generator(8) of systemd 252: `tests/conformance/sysv` has what it made of the scripts of Debian's packages.
"""

from __future__ import annotations

from initd.core.record import Record

_BEGIN, _END = "### BEGIN INIT INFO", "### END INIT INFO"
#: Keys of the LSB header, and the field each adds its words to.
_WORDS = {
    "provides": "provides",
    "required-start": "after", "should-start": "after", "x-start-after": "after",
    "x-start-before": "before",
}
#: How the last, or the only, of a usage message's verbs may be written.
_RELOAD = ("{reload|", "{reload}", '{reload"', "|reload|", "|reload}", '|reload"')
#: Under a "Description:", what goes on with it.
_GOES_ON = ("#\t", "#  ")


class InitScript(Record):
    """`after`, `before` and `provides` are the header's words, as they are written there, quotes and all."""

    has_header: bool = False
    description: str = ""
    pid_file: str = ""
    provides: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    can_reload: bool = False


class _Reader:
    """Line by line. `state` is the method that gets the next line."""

    def __init__(self) -> None:
        self.state = self.on_line
        self.has_header = False
        self.short = self.long = self.chkconfig = ""
        self.pid_file = ""
        self.lists: dict[str, list[str]] = {"provides": [], "after": [], "before": []}
        self.can_reload = False

    def on_line(self, line: str) -> None:
        if line == _BEGIN:
            self.has_header = True
            self.state = self.on_header
        elif line.startswith("#"):
            self._on_comment(line[1:].strip())
        elif "usage" in line.lower():
            self.on_usage(line)

    def _on_comment(self, text: str) -> None:
        key, colon, value = text.partition(":")
        if not colon:
            return
        value = value.strip()
        if key.lower() == "description":
            self.chkconfig = ""
            self.on_chkconfig_description("#" + value)
        elif key.lower() == "pidfile" and value.startswith("/"):
            self.pid_file = value

    def on_chkconfig_description(self, line: str) -> None:
        """A backslash at the end goes on in the next comment."""
        self.state = self.on_line
        if not line.startswith("#"):
            return
        text = line.lstrip("#").strip()
        if text.endswith("\\"):
            text = text[:-1].strip()
            self.state = self.on_chkconfig_description
        self.chkconfig = f"{self.chkconfig} {text}".strip()

    def on_usage(self, line: str) -> None:
        """A backslash at the end goes on in the next line that is no comment."""
        self.state = self.on_usage
        if line.startswith("#"):
            return
        if any(word in line.lower() for word in _RELOAD):
            self.can_reload = True
        elif line.endswith("\\"):
            return
        self.state = self.on_line

    def on_header(self, line: str) -> None:
        if line == _END:
            self.state = self.on_line
            return
        self.state = self.on_header
        key, colon, value = line[1:].strip().partition(":")
        if not line.startswith("#") or not colon:
            return
        key, value = key.lower(), value.strip()
        if key in _WORDS:
            self.lists[_WORDS[key]].append(value)
        elif key == "short-description":
            self.short = value
        elif key == "description":
            self.long = value
            self.state = self.on_long_description

    def on_long_description(self, line: str) -> None:
        if not line.startswith(_GOES_ON):
            self.on_header(line)
        else:
            self.long = f"{self.long} {line[1:].strip()}".strip()


def parse_script(text: str) -> InitScript:
    """Never fails: what is not understood says nothing."""
    reader = _Reader()
    for line in text.split("\n"):
        reader.state(line.strip())
    said = {name: tuple(lines) for name, lines in reader.lists.items()}
    return InitScript(
        reader.has_header, reader.short or reader.chkconfig or reader.long, reader.pid_file,
        said["provides"], said["after"], said["before"], reader.can_reload,
    )
