"""What `systemctl edit` is asked, and what the editor then does: for the recorder and for the tests.

A case is files below /etc/systemd/system and /usr/local/lib/systemd/system ("-> target" for a link), and commands, each
with what the editor does to a file ($file). Everything stays from one command to the next.
"""

from __future__ import annotations

import re

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"

A = {f"{LIB}/edit-a.service": "[Unit]\nDescription=A\n\n[Service]\nExecStart=/bin/true\n"}
B = {f"{LIB}/edit-b.service": "[Service]\nExecStart=/bin/b\n"}
#: Below the first comment of a drop-in.
INSERT = "sed -i '2a[Service]\\nNice=5' \"$file\""
REPLACE = "printf '[Service]\\nNice=9\\n' > \"$file\""
NOTHING = ":"
EMPTY = ": > \"$file\""
TRUE_TO_FALSE = "sed -i s/true/false/ \"$file\""

#: Name → (files, [(command, what the editor does, environment)]).
CASES: dict[str, tuple[dict[str, str], list[tuple[str, str, dict[str, str]]]]] = {
    "drop-in": (A, [
        ("edit edit-a", NOTHING, {}),
        ("edit edit-a", INSERT, {}),
        ("edit edit-a", NOTHING, {}),
        ("edit edit-a", INSERT, {}),
        ("edit edit-a", EMPTY, {}),
        ("edit edit-a", REPLACE, {}),
        ("edit edit-a", "sed -i /Nice/d \"$file\"", {}),
        ("edit edit-a", "printf '\\n\\n  \\n' > \"$file\"", {}),
        ("edit edit-a", NOTHING, {}),
        ("edit edit-a", "printf '\\n[Service]\\nNice=2  \\n\\n ' > \"$file\"", {}),
        ("edit edit-a", "rm \"$file\"", {}),
    ]),
    "markers": (A, [
        ("edit edit-a", "sed -i 1,2d \"$file\"; echo '# own' >> \"$file\"", {}),
        ("edit edit-a", "sed -i '/Lines below/d' \"$file\"", {}),
        ("edit edit-a", "printf '### Lines below this comment will be discarded\\nA=1\\n' > \"$file\"", {}),
        ("edit edit-a", "sed -i '1i[Service]\\nNice=1' \"$file\"", {}),
    ]),
    "several": (A | B, [
        ("edit edit-a edit-b", INSERT, {}),
        ("edit edit-a edit-b", "case $file in *edit-a*) " + EMPTY + " ;; esac", {}),
        ("edit edit-b edit-b", NOTHING, {}),
        ("edit edit-a edit-nothing", INSERT, {}),
        ("edit 'edit-*'", NOTHING, {}),
    ]),
    "full": (A, [
        ("edit --full edit-a", NOTHING, {}),
        ("edit --full edit-a", TRUE_TO_FALSE, {}),
        ("edit --full edit-a", EMPTY, {}),
        ("edit --full edit-a", "printf '\\n\\n[Service]\\nExecStart=/bin/x\\n\\n' > \"$file\"", {}),
        ("edit --full edit-a", "printf '\\n \\n' > \"$file\"", {}),
        ("edit --full edit-a", "printf '### Lines below this comment will be discarded\\nA=1\\n' > \"$file\"", {}),
        ("edit edit-a", INSERT, {}),
        ("edit --full edit-a", NOTHING, {}),
        ("edit --runtime --full edit-a", NOTHING, {}),
        ("edit --runtime edit-a", INSERT, {}),
        ("edit edit-a", NOTHING, {}),
    ]),
    "runtime": (A, [
        ("edit --runtime edit-a", INSERT, {}),
        ("edit --runtime --full edit-a", TRUE_TO_FALSE, {}),
        ("edit --full edit-a", NOTHING, {}),
    ]),
    "not there": ({}, [
        ("edit edit-nothing", INSERT, {}),
        ("edit --full edit-nothing", INSERT, {}),
        ("edit --runtime edit-nothing", INSERT, {}),
        ("edit --force edit-nothing", NOTHING, {}),
        ("edit --force edit-nothing", REPLACE, {}),
        ("edit --force --full edit-nothing", NOTHING, {}),
        ("edit --force --full edit-nothing", "printf '[Service]\\nExecStart=/bin/x\\n' > \"$file\"", {}),
        ("edit edit-nothing", NOTHING, {}),
        ("edit system.slice", INSERT, {}),
        ("edit -- -.mount", INSERT, {}),
    ]),
    "templates": ({f"{LIB}/edit-t@.service": "[Service]\nExecStart=/bin/t %i"}, [
        ("edit edit-t@i", INSERT, {}),
        ("edit edit-t@", REPLACE, {}),
        ("edit --full edit-t@i", "sed -i s/bin/sbin/ \"$file\"", {}),
    ]),
    "aliases": (A | {f"{ETC}/edit-z.service": f"-> {LIB}/edit-a.service"}, [
        ("edit edit-z", INSERT, {}),
        ("edit --full edit-z", TRUE_TO_FALSE, {}),
    ]),
    "masked": (A | {f"{ETC}/edit-m.service": "-> /dev/null"}, [
        ("edit edit-m", INSERT, {}),
        ("edit --full edit-m", INSERT, {}),
        ("edit edit-a edit-m", INSERT, {}),
    ]),
    "drop-ins of others": (A | {f"{LIB}/edit-a.service.d/x.conf": "[Service]\nNice=1\n\n[Unit]\n"}, [
        ("edit edit-a", INSERT, {}),
        ("edit edit-a", NOTHING, {}),
    ]),
    "bad text": (A, [
        ("edit --full edit-a", "printf '[Service]\\nNice=x\\n' > \"$file\"", {}),
    ]),
    "names": (A, [
        ("edit 'edit a'", NOTHING, {}),
        ("edit ./edit-a.service", NOTHING, {}),
        ("edit", NOTHING, {}),
        ("edit --drop-in=x edit-a", NOTHING, {}),
        ("--root=/ edit edit-a", NOTHING, {}),
        ("--no-reload edit edit-a", INSERT, {}),
        ("--quiet edit edit-a", EMPTY, {}),
    ]),
    "editors": (A, [
        ("edit edit-a", INSERT, {"STATUS": "3"}),
        ("edit edit-a", "kill -9 $$", {}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "EDITOR -x --y"}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "/nonexistent", "EDITOR": "EDITOR"}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "", "EDITOR": "EDITOR"}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "UNSET", "EDITOR": "EDITOR", "VISUAL": "/nonexistent"}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "UNSET", "EDITOR": "UNSET", "VISUAL": "EDITOR v"}),
        ("edit edit-a", NOTHING, {"SYSTEMD_EDITOR": "UNSET", "EDITOR": "", "VISUAL": "EDITOR"}),
    ]),
    "offline": (A, [
        ("edit edit-a", INSERT, {"SYSTEMD_OFFLINE": "1"}),
    ]),
}


def environment_of(changes: dict[str, str], editor: str, do: str) -> dict[str, str]:
    """What the command gets beside the usual; a word of a value that is EDITOR is the editor of these cases."""
    found = {"SYSTEMD_EDITOR": editor, "DO": do}
    found |= {name: re.sub(r"^EDITOR", editor, value) for name, value in changes.items()}
    return {name: value for name, value in found.items() if value != "UNSET"}


def without_random_part(text: str) -> str:
    return re.sub(r"(\.#[^\s\"/]*?)[0-9a-f]{16}\b", r"\1*", text)
