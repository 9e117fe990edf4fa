"""Runs in the machine of clocks.py: lets the wall clock jump TRIES times, and looks what that does to what runs.

    jumper.py SEED TRIES

Prints lines that begin with JUMP (what happened at each, to be compared between two inits), WRONG (what must not be), FIGURE
(name, number), and at last OVER; then the machine is told to end. Times are lengths of /proc/uptime, which no jump changes.
"""

from __future__ import annotations

import _random
import os
import sys
import time

RUN = "/var/jumps/"
HOUR, YEAR = 3600, 365 * 86400
#: The clock is always put to half past an hour, so that no turn of an hourly timer comes by itself.
HALF = HOUR // 2
#: In seconds, about: from a leap second to what a clock without battery makes.
LENGTHS = (1, 2, 60, HOUR, 2 * HOUR, 25 * HOUR, 40 * 86400, YEAR, 10 * YEAR)
#: A timer of 300 ms and a service that is restarted after 300 ms must not be later than that, on a machine that is emulated.
LATE_SEC = 10.0
START_LIMIT_SEC = 1.0
EACH = 8  # jumps for one start that must time out


def count(name: str) -> int:
    return len(times(name))


def times(name: str) -> list[float]:
    try:
        with open(RUN + name) as file:
            return [float(line.split()[0]) for line in file]
    except FileNotFoundError:
        return []


def run(*argv: str) -> str:
    """What it prints."""
    reader, writer = os.pipe()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)])
    os.close(writer)
    text = b""
    while data := os.read(reader, 65536):
        text += data
    os.close(reader)
    os.waitpid(pid, 0)
    return text.decode()


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", "-p", name, unit).strip()


def wait_for(is_there, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not (found := is_there()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(found)


class Jumper:
    def __init__(self, seed: int) -> None:
        self.random = _random.Random(seed)
        self.wrong: list[str] = []
        self.number = 0

    def pick(self, values):
        return values[int(self.random.random() * len(values))]

    def target(self, now: float) -> int:
        """Half past an hour, between 2001 and 2060; or a few seconds from it."""
        length = self.pick(LENGTHS) * self.pick((-1, 1, 1))
        there = int(now + length)
        if not 2**30 < there < 2**31 + 2**30 - 2**28:
            there = int(now - length)
        return there // HOUR * HOUR + HALF + (length if abs(length) < 60 else 0)

    def jump(self) -> None:
        self.number += 1
        before = {name: count(name) for name in ("change", "hourly")}
        work = show("work.service", "MainPID")
        now = time.time()
        there = self.target(now)
        time.clock_settime(time.CLOCK_REALTIME, there)
        if not wait_for(lambda: count("change") > before["change"]):
            self.wrong.append(f"jump {self.number}: nobody has seen it")
        time.sleep(0.8)
        changes, turns = (count(name) - before[name] for name in ("change", "hourly"))
        text = f"line {self.number} of {there}"
        print(text, flush=True)
        if not wait_for(lambda: run("journalctl", "-q", "-o", "cat", "-n", "1", "-t", "jumper").strip() == text, 5):
            self.wrong.append(f"jump {self.number}: the last line is not the last line")
        if show("work.service", "MainPID") != work:
            self.wrong.append(f"jump {self.number}: a service was touched")
        hours = there // HOUR - int(now) // HOUR
        say(f"JUMP {self.number} by {hours} hours: {changes} changes, {turns} turns")
        if self.number % EACH == 0:
            self.start_in_vain()

    def start_in_vain(self) -> None:
        """The clock jumps while a start has a second: it has a second."""
        run("systemctl", "start", "--no-block", "late.service")
        wait_for(lambda: show("late.service", "ActiveState") == "activating")
        before, began = count("change"), time.monotonic()
        time.clock_settime(time.CLOCK_REALTIME, self.target(time.time()))
        wait_for(lambda: show("late.service", "ActiveState") == "failed")
        took = time.monotonic() - began
        if show("late.service", "Result") != "timeout" or not START_LIMIT_SEC / 2 < took < START_LIMIT_SEC + LATE_SEC:
            self.wrong.append(f"a start that has a second was {show('late.service', 'Result')} after {took:.2f} s")
        wait_for(lambda: count("change") > before)
        run("systemctl", "reset-failed", "late.service")

    def gaps(self) -> None:
        """What goes by the monotonic clock has missed nothing."""
        for name in ("tick", "retry"):
            known = times(name)
            longest = max((after - before for before, after in zip(known, known[1:])), default=LATE_SEC)
            figure(f"{name}s", len(known))
            figure(f"longest between two {name}s, ms", round(longest * 1000))
            if longest >= LATE_SEC:
                self.wrong.append(f"{name}: {longest:.2f} s without one")


def say(text: str) -> None:
    with open("/dev/console", "w") as console:
        console.write(text + "\n")


def figure(name: str, number: int) -> None:
    say(f"FIGURE {name}\t{number}")


def main(seed: int, tries: int) -> None:
    jumper = Jumper(seed)
    wait_for(lambda: count("tick") and count("retry"), 60)
    time.clock_settime(time.CLOCK_REALTIME, int(time.time()) // HOUR * HOUR + HALF)
    wait_for(lambda: count("change"))
    time.sleep(1)
    for _ in range(tries):
        jumper.jump()
    jumper.gaps()
    for problem in jumper.wrong:
        say(f"WRONG {problem}")
    say("OVER")
    run("systemctl", "--no-block", "poweroff")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except Exception as error:
        say(f"WRONG the jumper: {error!r}")
        raise
