"""Kinds of dependencies, their inverses, and what each one means, as facets.

A kind ("Requires") is what a unit file says; a facet is one consequence of it ("starting A also starts B").
Code asks for facets, never for kinds, so that what a kind means stands in one table: `FACETS`.
Source: systemd.unit(5), sections on dependencies and the table of inverses (MAPPING OF UNIT PROPERTIES TO THEIR INVERSES).
"""

from __future__ import annotations

from enum import Enum


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

