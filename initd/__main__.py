"""Run as a file, by `initd/exec/boot.c`: `python3 -IS …/initd/__main__.py`. Compiled each time, so it is short."""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from initd.main import begin

begin(sys.argv[1:])
