"""pyinit, a container init that speaks systemd."""

__version__ = "0.1.0"

#: `pyinit-exec`: beside the modules, wherever those are installed.
HELPER = __path__[0] + "/exec/pyinit-exec"

#: The systemd release whose behaviour is reproduced; what `systemctl --version` and `$SYSTEMD_VERSION` users see.
SYSTEMD_VERSION = 252

#: In systemd's words: what it can be built with, and what of that there is here.
FEATURES = (
    "-PAM -AUDIT -SELINUX -APPARMOR -IMA -SMACK +SECCOMP -GCRYPT -GNUTLS -OPENSSL -ACL -BLKID -CURL -ELFUTILS -FIDO2 "
    "-IDN2 -IDN -IPTC -KMOD -LIBCRYPTSETUP -LIBFDISK -PCRE2 -PWQUALITY -P11KIT -QRENCODE -TPM2 -BZIP2 -LZ4 -XZ -ZLIB "
    "-ZSTD -BPF_FRAMEWORK -XKBCOMMON -UTMP +SYSVINIT default-hierarchy=unified"
)
