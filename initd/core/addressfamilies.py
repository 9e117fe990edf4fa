"""The address families of socket(2), as RestrictAddressFamilies= names them (systemd.exec(5)): name ↔ number.

The numbers are Linux's, and the same on every architecture.
"""

from __future__ import annotations

_NAMES = """
    UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK PACKET ASH
    ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 CAIF
    ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP
""".split()
#: Without the ones that are other names of another family.
NUMBERS: dict[str, int] = {f"AF_{name}": number for number, name in enumerate(_NAMES, 1)}
_OTHER_NAMES = {"AF_LOCAL": "AF_UNIX", "AF_FILE": "AF_UNIX", "AF_ROUTE": "AF_NETLINK"}


def canonical(name: str) -> str:
    """The name that systemd shows for it; "" where there is no such family."""
    name = _OTHER_NAMES.get(name, name)
    return name if name in NUMBERS else ""
