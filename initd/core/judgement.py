"""What is said of a directive's fate on this machine, and what says it: the records of `fates`."""

from __future__ import annotations

from initd.core.record import Record
from initd.core.states import Fate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.sources import Allowed


class Judgement(Record):
    """`reason` is empty where the directive is applied as it stands."""

    fate: Fate
    reason: str = ""


class Rule(Record):
    """What a field's fate depends on. `needs` says it for the reader, `judge` decides: None where all is well.

    `is_of_unit`: it judges all of the unit's settings in the field's group, not the field's value alone.
    """

    needs: str
    judge: Callable[[Any, Allowed], Judgement | None]
    is_of_unit: bool = False
