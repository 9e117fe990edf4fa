"""Tests run against the sources they stand beside, installed or not."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# No test is about time: on a busy machine any example may take long.
settings.register_profile("patient", parent=settings.default, deadline=None)
settings.load_profile("patient")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
