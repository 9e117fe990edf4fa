"""Prints the page of the service machine's states: the picture and the tables, from the transition table.

Where a handler leads is read off its source: the states that it goes to itself or through the `enter_…` functions it calls.
`make docs` writes debian/doc/service-states.md with it; a test sees that the page is current.
"""

from __future__ import annotations

import ast
import sys

from initd.core import (
    service,
    service_bus,
    service_enter,
    service_exits,
    service_limits,
    service_notify,
    service_oom,
)
from initd.core.service import IGNORED, IMPOSSIBLE, TRANSITIONS, Input
from initd.core.service_record import ACTIVE_STATE
from initd.core.states import ServiceState

_HEAD = """\
# The states of a service

Printed by `python3 -m initd.cli.states_page` from the transition table in `initd/core/service.py`; not to be edited.

A service is in one of these states (`SubState`), each of which is one of systemd's general ones (`ActiveState`). What
happens to it is one of the inputs below; the table says which handler deals with an input in a state. A pair that is
not in it changes nothing (and the second table says why), or cannot come about.
"""
_PICTURE = """\
## Picture

A state in which there is nothing to do (no command line, nobody to signal) is passed through at once: the arrows show
where a handler goes to first.
"""


def page() -> str:
    sections = (_states(), _picture(), _table(), _ignored(), _impossible())
    return "\n".join([_HEAD, *(line for section in sections for line in section)])


def _states() -> list[str]:
    rows = [f"| `{state.value}` | `{ACTIVE_STATE[state].value}` |" for state in ServiceState]
    return ["## States", "", "| SubState | ActiveState |", "|---|---|", *rows, ""]


# --- where handlers lead ---------------------------------------------------------------------------------------------


def _functions() -> dict[str, ast.FunctionDef]:
    found = {}
    for module in (
        service, service_bus, service_enter, service_exits, service_limits, service_notify, service_oom
    ):
        with open(str(module.__file__), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        found.update({node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)})
    return found


def destinations(name: str, functions: dict[str, ast.FunctionDef]) -> set[ServiceState]:
    """The states that this function may go to first."""
    out: set[ServiceState] = set()
    pending, seen = [name], {name}
    while pending:
        function = functions[pending.pop()]
        for call in _calls(function):
            callee = call.func.id  # type: ignore[attr-defined]
            if callee in ("go", "go_quietly", "enter_signal"):
                out |= _named(call.args[1], function)
            elif callee.startswith("enter_"):
                out |= _entered(functions[callee])
            elif callee in functions and callee not in seen:
                seen.add(callee)
                pending.append(callee)
    return out


def _entered(function: ast.FunctionDef) -> set[ServiceState]:
    """What `enter_…` sets itself; where it has nothing to set, what it enters instead."""
    calls = _calls(function)
    own = [call for call in calls if call.func.id in ("go", "go_quietly")]  # type: ignore[attr-defined]
    return {state for call in own for state in _named(call.args[1], function)}


def _calls(function: ast.FunctionDef) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def _named(argument: ast.expr, function: ast.FunctionDef) -> set[ServiceState]:
    """The states that an argument stands for; a variable, for all that are assigned to it."""
    if isinstance(argument, ast.Name):
        values = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and any(getattr(each, "id", "") == argument.id for each in node.targets)
        ]
        return {state for value in values for node in (value,) for state in _constants(node)}
    return _constants(argument)


def _constants(expression: ast.expr) -> set[ServiceState]:
    parts = [expression.body, expression.orelse] if isinstance(expression, ast.IfExp) else [expression]
    return {
        ServiceState[part.attr]
        for part in parts
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "_S"
    }


# --- the sections ------------------------------------------------------------------------------------------------------


def _identifier(state: ServiceState) -> str:
    return state.value.replace("-", "_")


def _in_order(states: set[ServiceState]) -> list[ServiceState]:
    return [state for state in ServiceState if state in states]


def _picture() -> list[str]:
    """One arrow for all inputs that lead from one state to another."""
    functions = _functions()
    arrows: dict[tuple[ServiceState, ServiceState], list[str]] = {}
    for (state, kind), handler in TRANSITIONS.items():
        for after in destinations(handler.__name__, functions) - {state}:
            arrows.setdefault((state, after), []).append(kind.value)
    order = list(ServiceState)
    out = [_PICTURE, "```mermaid", "stateDiagram-v2"]
    out += [f"    state \"{state.value}\" as {_identifier(state)}" for state in ServiceState]
    for before, after in sorted(arrows, key=lambda pair: (order.index(pair[0]), order.index(pair[1]))):
        out.append(f"    {_identifier(before)} --> {_identifier(after)}: {', '.join(arrows[before, after])}")
    return [*out, "```", ""]


def _table() -> list[str]:
    functions = _functions()
    out = ["## Transitions", "", "| state | input | handler | goes to |", "|---|---|---|---|"]
    for state in ServiceState:
        for kind in Input:
            handler = TRANSITIONS.get((state, kind))
            if handler is not None:
                after = ", ".join(f"`{each.value}`" for each in _in_order(destinations(handler.__name__, functions)))
                out.append(f"| `{state.value}` | {kind.value} | `{handler.__name__.lstrip('_')}` | {after} |")
    return [*out, ""]


def _ignored() -> list[str]:
    out = ["## What changes nothing", "", "| input | in the states | because |", "|---|---|---|"]
    for kind in Input:
        states = [state for state in ServiceState if (state, kind) in IGNORED]
        if states:
            out.append(f"| {kind.value} | {_list(states)} | {IGNORED[states[0], kind]} |")
    return [*out, ""]


def _impossible() -> list[str]:
    out = ["## What cannot come about", "", "| input | in the states |", "|---|---|"]
    for kind in Input:
        states = [state for state in ServiceState if (state, kind) in IMPOSSIBLE]
        if states:
            out.append(f"| {kind.value} | {_list(states)} |")
    return [*out, ""]


def _list(states: list[ServiceState]) -> str:
    return ", ".join(f"`{state.value}`" for state in states)


def main() -> int:
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
