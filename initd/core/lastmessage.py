"""What a container leaves behind of why it ended: the reason, and each unit that has failed, with its last lines.

The text goes where Kubernetes shows it in a pod's status, which takes 4096 bytes (its documentation, "Determine the Reason for
Pod Failure").
"""

from __future__ import annotations

from initd.core.states import ActiveState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.unit import Unit
    from initd.core.world import World

#: Bytes of the whole text, units that are told of, and lines of each.
MOST, MOST_UNITS, MOST_LINES = 4096, 8, 10


def compose(world: World, lines_of: Callable[[Unit, int], list[str]]) -> bytes:
    """The text. `lines_of(unit, count)`: what the unit wrote last, since it was last started, the newest line last."""
    shutdown = world.shutdown
    failed = sorted((unit for unit in world.graph.units.values() if unit.active_state is ActiveState.FAILED), key=_failed_at)
    parts = [f"Ended with {shutdown.exit_code}: {shutdown.reason or shutdown.verb}.\n"]
    parts += [_describe(unit) for unit in failed[:MOST_UNITS]]
    if len(failed) > MOST_UNITS:
        parts.append(f"{len(failed) - MOST_UNITS} more units have failed.\n")
    texts = [part.encode("utf-8", "replace") for part in parts]
    room = MOST - sum(len(text) for text in texts)
    for place, unit in enumerate(failed[:MOST_UNITS], 1):
        kept: list[bytes] = []
        for line in reversed(lines_of(unit, MOST_LINES)):
            text = f"  {line}\n".encode("utf-8", "replace")
            if len(text) > room:
                break
            room -= len(text)
            kept.insert(0, text)
        texts[place] += b"".join(kept)
    return b"".join(texts)[:MOST]


def _failed_at(unit: Unit) -> int:
    return unit.state_change_time.monotonic_usec if unit.state_change_time is not None else 0


def _describe(unit: Unit) -> str:
    result = getattr(unit.machine, "result", None)
    last = getattr(unit.machine, "last_main", None)
    end = last.end if last is not None else None
    n_restarts = getattr(unit.machine, "n_restarts", 0)
    text = f"{unit.name} failed" + (f": {result.value}" if result is not None else "")
    text += f" (code={end.code}, status={end.status})" if end is not None else ""
    return text + (f", restarted {n_restarts} time{'s' if n_restarts > 1 else ''}" if n_restarts else "") + "\n"
