"""pyinit, a container init that speaks systemd."""

from initd.bytecode import use

__version__ = "0.1.0"

#: The directory that holds the package.
LIBRARY = __path__[0].rpartition("/")[0]
#: `pyinit-exec`: beside the modules, wherever those are installed.
HELPER = __path__[0] + "/exec/pyinit-exec"

#: Where modules come from, if not from `__pycache__`.
BYTECODE = use(__path__[0] + ".bytecode")

#: The systemd release whose behaviour is reproduced; what `systemctl --version` and `$SYSTEMD_VERSION` users see.
SYSTEMD_VERSION = 252

#: In systemd's words: what it can be built with, and what of that there is here.
FEATURES = (
    "-PAM -AUDIT -SELINUX -APPARMOR -IMA -SMACK +SECCOMP -GCRYPT -GNUTLS -OPENSSL -ACL -BLKID -CURL -ELFUTILS -FIDO2 "
    "-IDN2 -IDN -IPTC -KMOD -LIBCRYPTSETUP -LIBFDISK -PCRE2 -PWQUALITY -P11KIT -QRENCODE -TPM2 -BZIP2 -LZ4 -XZ -ZLIB "
    "-ZSTD -BPF_FRAMEWORK -XKBCOMMON -UTMP +SYSVINIT default-hierarchy=unified"
)
