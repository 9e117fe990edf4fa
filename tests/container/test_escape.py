"""Nobody gets away from `systemctl stop`, in a container as Docker gives it. `make escape` tries 200 times."""

from __future__ import annotations

import pytest
from escape import FLIGHTS, measure, prepare
from harness import SERVICES

TRIES = {"thousand": 20}


@pytest.mark.parametrize("flight", FLIGHTS)
def test_no_process_of_a_service_outlives_its_stop(boot, flight):
    container = boot(SERVICES, before=prepare)
    container.wait_until_booted()
    rate = measure(container, flight, TRIES.get(flight, 4))
    print(f"{rate.flight}: {rate.misses} misses in {rate.tries} tries")
    assert rate.misses == 0 and rate.least >= 20
