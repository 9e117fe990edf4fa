"""pyinit, a container init that speaks systemd."""

__version__ = "0.1.0"

#: The systemd release whose behaviour is reproduced; what `systemctl --version` and `$SYSTEMD_VERSION` users see.
SYSTEMD_VERSION = 252
