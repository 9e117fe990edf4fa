#!/usr/bin/python3 -IS
"""May a maintainer script start or stop services? Yes where pyinit runs here; otherwise what the image says, or no.

Official images carry a policy-rc.d that refuses everything, as it should be while an image is built. It stands aside
(policy-rc.d.image) and is asked whenever no init answers.
"""

import _socket
import os
import sys

ALLOWED, FORBIDDEN = 104, 101
IMAGE_POLICY = "/usr/sbin/policy-rc.d.image"

control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
try:
    control.connect("/run/systemd/private")
except OSError:
    if os.access(IMAGE_POLICY, os.X_OK):
        os.execv(IMAGE_POLICY, [IMAGE_POLICY, *sys.argv[1:]])
    sys.exit(FORBIDDEN)
sys.exit(ALLOWED)
