from __future__ import annotations

import pytest

from initd.core.machines import make_machine
from initd.core.service_record import ServiceMachine
from initd.core.settings import ServiceSettings, UnitDefinition
from initd.core.states import ActiveState, LoadState, UnitType
from initd.core.target import SimpleMachine
from initd.core.unsupported import UnsupportedMachine


def made(name, **more):
    return make_machine(UnitDefinition(name, UnitType(name.rpartition(".")[2]), LoadState.LOADED, **more))


def test_services_targets_and_slices_have_machines_of_their_own():
    assert isinstance(made("a.service", specific=ServiceSettings()), ServiceMachine)
    assert isinstance(made("a.target"), SimpleMachine) and isinstance(made("a.slice"), SimpleMachine)


_RUN = {UnitType.SERVICE, UnitType.TARGET, UnitType.SLICE, UnitType.TIMER, UnitType.SOCKET, UnitType.PATH, UnitType.SCOPE,
        UnitType.MOUNT, UnitType.AUTOMOUNT}


@pytest.mark.parametrize("kind", sorted(set(UnitType) - _RUN,
                                        key=lambda kind: kind.value))
def test_what_is_not_run_here_says_so(kind):
    assert isinstance(made(f"a.{kind.value}"), UnsupportedMachine)


def test_perpetual_units_are_up_from_the_beginning():
    assert made("-.slice", is_perpetual=True).active_state is ActiveState.ACTIVE
    assert made("a.slice").active_state is ActiveState.INACTIVE
