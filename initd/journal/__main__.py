"""Run as a file, not as a module: `python3 -IS …/initd/journal/__main__.py` (see the package's docstring)."""

import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])

from initd.journal.main import main

sys.exit(main(sys.argv[1:]))
