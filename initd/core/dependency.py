"""Kinds of dependencies, their inverses, and what each one means, as facets.

A kind ("Requires") is what a unit file says; a facet is one consequence of it ("starting A also starts B"). Code asks
for facets, never for kinds, so that what a kind means stands in one table: `FACETS`. Source: systemd.unit(5),
sections on dependencies and the table of inverses (MAPPING OF UNIT PROPERTIES TO THEIR INVERSES).
"""

from __future__ import annotations

from initd.core.enumeration import Enum, auto


class Dependency(Enum):
    """Every kind, valued as the property that `systemctl show` prints."""

    REQUIRES = "Requires"
    REQUISITE = "Requisite"
    WANTS = "Wants"
    BINDS_TO = "BindsTo"
    PART_OF = "PartOf"
    UPHOLDS = "Upholds"
    REQUIRED_BY = "RequiredBy"
    REQUISITE_OF = "RequisiteOf"
    WANTED_BY = "WantedBy"
    BOUND_BY = "BoundBy"
    CONSISTS_OF = "ConsistsOf"
    UPHELD_BY = "UpheldBy"
    CONFLICTS = "Conflicts"
    CONFLICTED_BY = "ConflictedBy"
    BEFORE = "Before"
    AFTER = "After"
    ON_SUCCESS = "OnSuccess"
    ON_SUCCESS_OF = "OnSuccessOf"
    ON_FAILURE = "OnFailure"
    ON_FAILURE_OF = "OnFailureOf"
    TRIGGERS = "Triggers"
    TRIGGERED_BY = "TriggeredBy"
    PROPAGATES_RELOAD_TO = "PropagatesReloadTo"
    RELOAD_PROPAGATED_FROM = "ReloadPropagatedFrom"
    PROPAGATES_STOP_TO = "PropagatesStopTo"
    STOP_PROPAGATED_FROM = "StopPropagatedFrom"
    JOINS_NAMESPACE_OF = "JoinsNamespaceOf"
    IN_SLICE = "Slice"
    SLICE_OF = "SliceOf"


class Facet(Enum):
    """One consequence that a dependency "A kind B" has. Named from A's side unless it says otherwise."""

    #: Starting A starts B; if that cannot be, A cannot be started.
    PULL_IN_START = auto()
    #: Starting A starts B; if that cannot be, never mind.
    PULL_IN_START_IGNORED = auto()
    #: Starting A needs B to be up already.
    PULL_IN_VERIFY = auto()
    #: Starting A stops B; if that cannot be, A cannot be started.
    PULL_IN_STOP = auto()
    #: Starting A stops B; if that cannot be, never mind.
    PULL_IN_STOP_IGNORED = auto()
    #: Stopping A stops B.
    PROPAGATE_STOP = auto()
    #: Restarting A restarts B, if B is up.
    PROPAGATE_RESTART = auto()
    #: Reloading A reloads B, if B is up.
    PROPAGATE_RELOAD = auto()
    #: When A's start job fails, B's start job fails too.
    PROPAGATE_START_FAILURE = auto()
    #: When A's start job ends with A being down, B's start job fails (Requisite=).
    PROPAGATE_INACTIVE_START_AS_FAILURE = auto()
    #: When the stop of A fails, B's start job fails (Conflicts= from B).
    PROPAGATE_STOP_FAILURE = auto()
    #: A went up though no job asked for it: start B, replacing or respecting jobs in the way.
    RETROACTIVE_START_REPLACE = auto()
    RETROACTIVE_START_FAIL = auto()
    #: A went up though no job asked for it: stop B.
    RETROACTIVE_STOP_ON_START = auto()
    #: A went down though no job asked for it: stop B.
    RETROACTIVE_STOP_ON_STOP = auto()
    #: A must not stay up when B is down.
    CANNOT_BE_ACTIVE_WITHOUT = auto()
    #: B is needed by A while A is up: asked about B's StopWhenUnneeded=, so this facet stands on B's side, for A.
    PINS = auto()
    #: When A goes down, B may have become unneeded.
    RELEASES = auto()
    #: As long as B is up, A is started again whenever it is down (seen from the upheld unit).
    START_STEADILY = auto()
    #: A is a target: it is ordered after B by default.
    ORDERS_TARGET = auto()
    ON_SUCCESS = auto()
    ON_FAILURE = auto()
    TRIGGERS = auto()
    TRIGGERED_BY = auto()
    BEFORE = auto()
    AFTER = auto()


_D, _F = Dependency, Facet

#: What each kind means. A kind that is missing here only orders nothing and pulls in nothing (its inverse speaks).
FACETS: dict[Dependency, tuple[Facet, ...]] = {
    _D.REQUIRES: (_F.PULL_IN_START, _F.RETROACTIVE_START_REPLACE, _F.RELEASES, _F.ORDERS_TARGET),
    _D.REQUIRED_BY: (_F.PROPAGATE_STOP, _F.PROPAGATE_RESTART, _F.PROPAGATE_START_FAILURE, _F.PINS),
    _D.REQUISITE: (_F.PULL_IN_VERIFY, _F.RELEASES, _F.ORDERS_TARGET),
    _D.REQUISITE_OF: (_F.PROPAGATE_STOP, _F.PROPAGATE_RESTART, _F.PROPAGATE_START_FAILURE,
                      _F.PROPAGATE_INACTIVE_START_AS_FAILURE, _F.PINS),
    _D.WANTS: (_F.PULL_IN_START_IGNORED, _F.RETROACTIVE_START_FAIL, _F.RELEASES, _F.ORDERS_TARGET),
    _D.WANTED_BY: (_F.PINS,),
    _D.BINDS_TO: (_F.PULL_IN_START, _F.RETROACTIVE_START_REPLACE, _F.CANNOT_BE_ACTIVE_WITHOUT, _F.RELEASES, _F.ORDERS_TARGET),
    _D.BOUND_BY: (_F.RETROACTIVE_STOP_ON_STOP, _F.PROPAGATE_STOP, _F.PROPAGATE_RESTART, _F.PROPAGATE_START_FAILURE, _F.PINS),
    _D.CONSISTS_OF: (_F.PROPAGATE_STOP, _F.PROPAGATE_RESTART),
    _D.UPHOLDS: (_F.PULL_IN_START_IGNORED, _F.RETROACTIVE_START_REPLACE, _F.RELEASES, _F.ORDERS_TARGET),
    _D.UPHELD_BY: (_F.START_STEADILY, _F.PINS),
    _D.CONFLICTS: (_F.PULL_IN_STOP, _F.RETROACTIVE_STOP_ON_START),
    _D.CONFLICTED_BY: (_F.PULL_IN_STOP_IGNORED, _F.RETROACTIVE_STOP_ON_START, _F.PROPAGATE_STOP_FAILURE),
    _D.PROPAGATES_STOP_TO: (_F.RETROACTIVE_STOP_ON_STOP, _F.PROPAGATE_STOP),
    _D.PROPAGATES_RELOAD_TO: (_F.PROPAGATE_RELOAD,),
    _D.ON_SUCCESS: (_F.ON_SUCCESS,),
    _D.ON_FAILURE: (_F.ON_FAILURE,),
    _D.TRIGGERS: (_F.TRIGGERS,),
    _D.TRIGGERED_BY: (_F.TRIGGERED_BY,),
    _D.BEFORE: (_F.BEFORE,),
    _D.AFTER: (_F.AFTER,),
}

#: Kind → the kind that the other side gets (systemd.unit(5), MAPPING OF UNIT PROPERTIES TO THEIR INVERSES).
INVERSE: dict[Dependency, Dependency] = {}
for _a, _b in (
    (_D.REQUIRES, _D.REQUIRED_BY),
    (_D.REQUISITE, _D.REQUISITE_OF),
    (_D.WANTS, _D.WANTED_BY),
    (_D.BINDS_TO, _D.BOUND_BY),
    (_D.PART_OF, _D.CONSISTS_OF),
    (_D.UPHOLDS, _D.UPHELD_BY),
    (_D.CONFLICTS, _D.CONFLICTED_BY),
    (_D.BEFORE, _D.AFTER),
    (_D.ON_SUCCESS, _D.ON_SUCCESS_OF),
    (_D.ON_FAILURE, _D.ON_FAILURE_OF),
    (_D.TRIGGERS, _D.TRIGGERED_BY),
    (_D.PROPAGATES_RELOAD_TO, _D.RELOAD_PROPAGATED_FROM),
    (_D.PROPAGATES_STOP_TO, _D.STOP_PROPAGATED_FROM),
    (_D.JOINS_NAMESPACE_OF, _D.JOINS_NAMESPACE_OF),
    (_D.IN_SLICE, _D.SLICE_OF),
):
    INVERSE[_a] = _b
    INVERSE[_b] = _a

#: Facet → the kinds that have it, so that a question by facet does not walk the whole table.
KINDS_WITH: dict[Facet, tuple[Dependency, ...]] = {
    facet: tuple(kind for kind, facets in FACETS.items() if facet in facets) for facet in Facet
}
