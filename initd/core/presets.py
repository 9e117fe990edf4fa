"""Which units should be enabled by default: preset files (systemd.preset(5)).

The first rule that matches a unit decides, over all files in the order of their names; where none does, it is enabled.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.enumeration import Enum
from initd.core.globs import matches
from initd.core.record import Record
from initd.core.values import LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class PresetMode(Enum):
    """`systemctl --preset-mode=`."""

    FULL = "full"
    ENABLE_ONLY = "enable-only"
    DISABLE_ONLY = "disable-only"


class Rule(Record):
    """`instances` are those that a template is enabled with."""

    is_enable: bool
    pattern: str
    instances: tuple[str, ...] = ()


class Preset(Record):
    """What the rules say of one unit. `instances` is empty for a template that the rules name no instances of."""

    is_enable: bool
    instances: tuple[str, ...] = ()


def parse_presets(files: Iterable[tuple[str, str]]) -> tuple[tuple[Rule, ...], tuple[Diagnostic, ...]]:
    """The rules of all files, (path, text) in the order of their names, and the lines that are none."""
    rules: list[Rule] = []
    diagnostics: list[Diagnostic] = []
    for path, text in files:
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            rule = _parse_rule(line)
            if rule is not None:
                rules.append(rule)
            else:
                diagnostics.append(Diagnostic(LOG_WARNING, path, number, f"Couldn't parse line '{line}'. Ignoring."))
    return tuple(rules), tuple(diagnostics)


def _parse_rule(line: str) -> Rule | None:
    word, _, rest = line.replace("\t", " ").partition(" ")
    rest = rest.strip()
    if not rest:
        return None
    if word == "disable":
        return Rule(False, rest)
    if word != "enable":
        return None
    pattern, *instances = rest.split()
    if instances and not unitname.is_template(pattern):
        return None
    return Rule(True, pattern, tuple(instances))


def preset_of(rules: Sequence[Rule], name: str) -> Preset:
    """What the rules say of a unit, a template or an instance."""
    for rule in rules:
        if rule.instances and unitname.is_instance(name):
            # The rule names instances of the template: it is about those and no others.
            if unitname.template_of(name) == rule.pattern and unitname.instance(name) in rule.instances:
                return Preset(True)
        elif matches(name, rule.pattern):
            return Preset(rule.is_enable, rule.instances)
    return Preset(True)
