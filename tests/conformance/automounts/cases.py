"""Automount points: set up, looked into, idle, stopped, and what stands in their way; where containers have /dev/autofs."""

from __future__ import annotations

from tests.conformance.services.play import Case

AUTOMOUNT = ".Automount"
_LOOK = "mkdir -p /run/t/{0}; timeout 10 ls /srv/{0} >> /run/t/{0}/out 2>/dev/null || echo none >> /run/t/{0}/out"


def look(name: str) -> str:
    """Leaves the names of what is there in the case's file, or "none" for an error."""
    return "run " + _LOOK.format(name)


def case(name: str, steps: str, *lines: str, mount: tuple[str, ...] | None = None) -> Case:
    """/srv/NAME, where the directory /srv/of-NAME is to be seen."""
    what = (f"What=/srv/of-{name}", "Type=none", "Options=bind") if mount is None else mount
    units = {f"srv-{name}.automount": "\n".join(["[Automount]", f"Where=/srv/{name}", *lines, ""])}
    if what:
        units[f"srv-{name}.mount"] = "\n".join(["[Mount]", f"Where=/srv/{name}", *what, ""])
    prepare = f"run mkdir -p /srv/of-{name}; touch /srv/of-{name}/file-of-{name}"
    return Case(name, units, (prepare, *steps.split(", "), "job"))


def every() -> list[Case]:
    unit = "srv-{0}.{1}".format
    show = lambda name: f"show Result {unit(name, 'automount')} {AUTOMOUNT}"  # noqa: E731
    fails = ("What=nothing", "Type=nosuchfs")
    return [
        case("looked", f"start, job, {look('looked')}, until mounted {unit('looked', 'mount')}, settle 0.5, stop, job, "
                       "settle 0.5"),
        case("twice", f"start, job, {look('twice')}, settle 0.5, stop {unit('twice', 'mount')}, job, settle 0.5, "
                      f"{look('twice')}, settle 0.5, stop, job, settle 0.5"),
        case("idle", f"start, job, {look('idle')}, until dead {unit('idle', 'mount')}, settle 0.5, {look('idle')}, settle 0.3, "
                     "stop, job, settle 0.5", "TimeoutIdleSec=1"),
        case("mounted", f"start, job, start {unit('mounted', 'mount')}, job, settle 0.5, {look('mounted')}, stop "
                        f"{unit('mounted', 'mount')}, job, settle 0.5, stop, job"),
        case("already", f"start {unit('already', 'mount')}, job, start, job, settle 0.3, {show('already')}, "
                        f"stop {unit('already', 'mount')}, job"),
        case("fails", f"start, job, {look('fails')}, settle 0.5, {show('fails')}, stop, job",
             mount=fails),
        case("crowd", f"start, job, {', '.join([look('crowd')] * 6)}, settle 0.5, {show('crowd')}", mount=fails),
        case("alone", f"start, job, settle 0.3, {show('alone')}", mount=()),
        case("gone", f"start, job, run umount /srv/gone, settle 0.5, {show('gone')}, reset-failed, start, job, stop, job"),
        case("again", ", ".join(["start, job, stop, job"] * 6) + f", settle 0.3, {show('again')}"),
        case("mode", "start, job, stop, job, run mkdir -p /run/t/mode; stat -c %a /srv/mode > /run/t/mode/out",
             "DirectoryMode=0711"),
        case("options", "start, job, run mkdir -p /run/t/options; grep -c ' /srv/options .*noexec' /proc/self/mountinfo > "
                        "/run/t/options/out || true, stop, job", "ExtraOptions=ignore"),
        case("strange", f"start, job, settle 0.3, {show('strange')}, stop, job", "ExtraOptions=nosuchoption"),
        case("restarted", f"start, job, {look('restarted')}, settle 0.3, restart, job, settle 0.3, {look('restarted')}, "
                          "settle 0.3, stop, job, settle 0.5"),
    ]
