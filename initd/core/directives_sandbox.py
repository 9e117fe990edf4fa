"""The directives of systemd.exec(5) that take something away: mounts, namespaces, system calls, security modules."""

from __future__ import annotations

import errno

from initd.core import addressfamilies, numbers, parsers, syscalls
from initd.core.directive import BadValue, Context, Directive, FatalValue, Merge, Property, shows
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import Fate
from initd.core.unfinished import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    AllowOrDeny = tuple[bool, tuple[str, ...]]

#: Flags of clone(2), by the words of RestrictNamespaces=.
NAMESPACES = {
    "cgroup": 0x02000000, "ipc": 0x08000000, "net": 0x40000000, "mnt": 0x00020000, "pid": 0x20000000,
    "user": 0x10000000, "uts": 0x04000000,
}
ALL_NAMESPACES = 0x7E020000
#: systemd's marker for "kill the process" in SystemCallErrorNumber.
KILL = 2**31 - 2
_MS_REC = 16384
_MOUNT_FLAGS = {"shared": 1 << 20, "slave": 1 << 19, "private": 1 << 18}


def _restrict_namespaces(context: Context, text: str, old: int | None) -> int | None:
    """Which namespaces stay allowed: "yes" none, "no" all, a list exactly these, "~" all but these."""
    try:
        return 0 if numbers.to_bool(text) else ALL_NAMESPACES
    except ValueError:
        pass
    is_inverted = text.startswith("~")
    flags = 0
    for word in parsers.split(context, text[1:] if is_inverted else text):
        if word not in NAMESPACES:
            raise BadValue(f"Failed to parse namespace type string, ignoring: {text}")
        flags |= NAMESPACES[word]
    if old is None:
        return ALL_NAMESPACES & ~flags if is_inverted else flags
    return old & ~flags if is_inverted else old | flags


def _allow_or_deny(what: str, canonical: Callable[[str], str], may_be_none: bool = False) -> Callable[..., Names]:
    """The parser of a list to allow, or with "~" to deny; the first line decides which of both it is.

    `canonical` gives the word that is kept for one in the file, "" for a word that means nothing.
    """

    def parse(context: Context, text: str, old: Names | None) -> Names:
        if may_be_none and text == "none":
            return Names(True)
        return parsers.name_list(context, text, old, canonical, f"Failed to parse {what}")

    return parse


def _show_allow_or_deny(field: str) -> Callable[[Any, LoadFacts], tuple[bool, list[str]]]:
    def show(settings: Any, facts: LoadFacts) -> tuple[bool, list[str]]:
        allows, names = getattr(settings, field) or (False, ())
        return allows, list(names)

    return show


def _system_calls(context: Context, text: str) -> tuple[str, ...]:
    """The words that mean something, each behind the line's "~"; that sign alone where none does, as the line decides
    all the same what the list is. Which calls a group stands for is resolved by who builds the filter."""
    sign = "~" if text.startswith("~") else ""
    out = []
    for word in parsers.split(context, text[len(sign):]):
        name, colon, action = word.partition(":")
        if name.startswith("@") and name not in syscalls.GROUPS and name != "@known":
            context.warn(f"Unknown system call group, ignoring: {name}")
        elif colon and not _is_errno(action):
            context.warn(f"Failed to parse system call, ignoring: {word}")
        elif not name.startswith("@") and name not in syscalls.filterable():
            context.warn(f"Failed to parse system call, ignoring: {name}")
        else:
            out.append(sign + word)
    return tuple(out) or (sign,)


def _is_errno(text: str) -> bool:
    return text == "kill" or text in _ERRNOS or (text.isdecimal() and len(text) < 5 and int(text) < 4096)


_ERRNOS = {name: number for number, name in errno.errorcode.items()}


def _system_call_error(context: Context, text: str) -> int:
    if text == "kill":
        return KILL
    if text in _ERRNOS:
        return _ERRNOS[text]
    return parsers.integer(1, 4095, "error number")(context, text)


_ARCHITECTURES = frozenset(
    "native x86 x86-64 x32 arm arm64 mips mips64 mips64-n32 mips-le mips64-le mips64-le-n32 parisc parisc64 ppc ppc64 "
    "ppc64-le riscv64 s390 s390x".split()
)


def _architectures(context: Context, text: str, old: tuple[str, ...]) -> tuple[str, ...]:
    names = set(old)
    for word in parsers.split(context, text):
        if word in _ARCHITECTURES:
            names.add(word)
        else:
            context.warn(f"Failed to parse system call architecture \"{word}\", ignoring.")
    return tuple(sorted(names))


# --- paths and mounts ---------------------------------------------------------------------------------------------


def _bind_paths(context: Context, text: str) -> tuple[tuple[str, str, bool, bool], ...]:
    out = []
    for word in parsers.split(context, text):
        missing_ok = word.startswith("-")
        source, _, rest = (word[1:] if missing_ok else word).partition(":")
        destination, _, options = rest.partition(":")
        try:
            source = parsers.check_path(context, context.expand(source))
            destination = parsers.check_path(context, context.expand(destination)) if destination else source
        except BadValue as error:
            context.warn(str(error))
            continue
        if options not in ("", "rbind", "norbind"):
            context.warn(f"Invalid option string, ignoring setting: {options}")
            continue
        out.append((source, destination, missing_ok, options != "norbind"))
    return tuple(out)


def _show_bind_paths(field: str) -> Callable[[Any, LoadFacts], list[tuple[str, str, bool, int]]]:
    def show(settings: Any, facts: LoadFacts) -> list[tuple[str, str, bool, int]]:
        return [
            (source, destination, missing_ok, _MS_REC if recursive else 0)
            for source, destination, missing_ok, recursive in getattr(settings, field)
        ]

    return show


def _temporary_file_system(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    out = []
    for word in parsers.split(context, text):
        path, _, options = word.partition(":")
        try:
            out.append((parsers.check_path(context, context.expand(path)), context.expand(options)))
        except BadValue as error:
            context.warn(str(error))
    return tuple(out)


def _mount_flags(context: Context, text: str) -> str:
    if text not in _MOUNT_FLAGS:
        raise BadValue(f"Failed to parse mount flag {text}, ignoring.")
    return text


#: What a partition may be for (systemd.exec(5), RootImageOptions=, and what systemd 252 takes beside).
_PARTITIONS = frozenset(
    "root root-secondary root-verity usr usr-secondary usr-verity home srv esp xbootldr tmp var swap".split()
)


def _partition_options(text: str) -> tuple[tuple[str, str], ...]:
    """"partition:options", or options for the root partition."""
    out = []
    for word in text.split():
        partition, colon, options = word.partition(":")
        if not colon:
            out.append(("root", partition))
        elif partition in _PARTITIONS:
            out.append((partition, options))
    return tuple(out)


def _root_image_options(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    return _partition_options(context.expand(text))


def _extension_images(context: Context, text: str) -> tuple[tuple[str, bool, tuple[tuple[str, str], ...]], ...]:
    out = []
    for word in parsers.split(context, text):
        missing_ok = word.startswith("-")
        path, _, options = (word[1:] if missing_ok else word).partition(":")
        try:
            path = parsers.check_path(context, context.expand(path))
        except BadValue as error:
            context.warn(str(error))
            continue
        out.append((path, missing_ok, _partition_options(options.replace(":", " "))))
    return tuple(out)


def _mount_images(context: Context, text: str) -> tuple[tuple[str, str, bool, tuple[tuple[str, str], ...]], ...]:
    out = []
    for word in parsers.split(context, text):
        missing_ok = word.startswith("-")
        source, _, rest = (word[1:] if missing_ok else word).partition(":")
        destination, _, options = rest.partition(":")
        try:
            source = parsers.check_path(context, context.expand(source))
            destination = parsers.check_path(context, context.expand(destination))
        except BadValue as error:
            context.warn(str(error))
            continue
        out.append((source, destination, missing_ok, _partition_options(options.replace(":", " "))))
    return tuple(out)


def _hash(context: Context, text: str) -> str:
    """Hexadecimal digits, or the path of a file that holds them."""
    if text.startswith("/"):
        return parsers.check_path(context, context.expand(text))
    if len(text) % 2 or len(text) < 32 or not set(text.lower()) <= set("0123456789abcdef"):
        raise BadValue(f"Failed to decode root hash, ignoring: {text}")
    return text.lower()


def _hash_signature(context: Context, text: str) -> str:
    if text.startswith("/"):
        return parsers.check_path(context, context.expand(text))
    if not text.startswith("base64:"):
        raise BadValue(f"Failed to decode root hash signature, ignoring: {text}")
    return text


def _show_hash(field: str) -> Callable[[Any, LoadFacts], bytes]:
    def show(settings: Any, facts: LoadFacts) -> bytes:
        value = getattr(settings, field)
        return b"" if value.startswith(("/", "base64:")) else bytes.fromhex(value)

    return show


def _show_hash_path(field: str) -> Callable[[Any, LoadFacts], str]:
    def show(settings: Any, facts: LoadFacts) -> str:
        value: str = getattr(settings, field)
        return value if value.startswith("/") else ""

    return show


def _show_mount_api_vfs(settings: Any, facts: LoadFacts) -> bool:
    if settings.mount_api_vfs is not None:
        return bool(settings.mount_api_vfs)
    return bool(settings.root_image) or (bool(settings.root_directory) and settings.root_directory != "/")


def _show_or(field: str, default: int) -> Callable[[Any, LoadFacts], int]:
    def show(settings: Any, facts: LoadFacts) -> int:
        value = getattr(settings, field)
        return default if value is None else int(value)

    return show


def _show_label(field: str) -> Callable[[Any, LoadFacts], tuple[bool, str]]:
    def show(settings: Any, facts: LoadFacts) -> tuple[bool, str]:
        value: str = getattr(settings, field)
        return value.startswith("-"), value.removeprefix("-")

    return show


def _label(context: Context, text: str) -> str:
    front = "-" if text.startswith("-") else ""
    try:
        return front + context.expand(text[len(front):])
    except BadValue as error:
        raise (BadValue if front else FatalValue)(str(error)) from None


# --- the table ----------------------------------------------------------------------------------------------------

_IMAGES = "disk images are the container's business, and are not mounted"
_MODULE = "security modules are not spoken to"


def _box(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
         reason: str = "", show: Callable[[Any, LoadFacts], Any] | None = None,
         fate: Fate | None = None) -> Directive:
    """Applied, but for what has a reason not to be."""
    properties: tuple[Property, ...] = ()
    if show is not None:
        properties = (Property(key, signature, show),)
    elif signature:
        properties = (shows(key, signature, field),)
    return Directive(key, Group.EXEC, field, parse, merge, properties,
                     fate or (Fate.IGNORED if reason else Fate.APPLIED), reason)


def _paths(key: str, field: str, is_alias: bool = False) -> Directive:
    return _box(key, field, parsers.prefixed_path_words, "" if is_alias else "as", Merge.APPEND)


def _flag(key: str, field: str, reason: str = "", fate: Fate | None = None,
          parse: Callable[..., Any] = parsers.boolean) -> Directive:
    return _box(key, field, parse, "b", reason=reason, fate=fate)


_RESET = Merge.REPLACE_OR_RESET


def _restrict_file_systems(context: Context, text: str, old: AllowOrDeny | None) -> AllowOrDeny:
    """Which sense the list has is all that remains: without BPF, systemd 252 drops the names."""
    context.warn("File systems cannot be restricted without BPF, ignoring: " + text)
    return (not text.startswith("~") if old is None else old[0]), ()



SANDBOX: tuple[Directive, ...] = (
    _box("RootImage", "root_image", parsers.fatal_path, "s", _RESET, _IMAGES),
    _box("RootImageOptions", "root_image_options", _root_image_options, "a(ss)", Merge.APPEND, _IMAGES),
    Directive("RootHash", Group.EXEC, "root_hash", _hash, _RESET, (
        Property("RootHash", "ay", _show_hash("root_hash")), Property("RootHashPath", "s",
                                                                      _show_hash_path("root_hash")),
    ), Fate.IGNORED, _IMAGES),
    Directive("RootHashSignature", Group.EXEC, "root_hash_signature", _hash_signature, _RESET, (
        Property("RootHashSignature", "ay", _show_hash("root_hash_signature")),
        Property("RootHashSignaturePath", "s", _show_hash_path("root_hash_signature")),
    ), Fate.IGNORED, _IMAGES),
    _box("RootVerity", "root_verity", parsers.fatal_path, "s", _RESET, _IMAGES),
    _box("ExtensionDirectories", "extension_directories", parsers.prefixed_path_words, "as", Merge.APPEND,
         "extensions are not laid over /usr"),
    _box("ExtensionImages", "extension_images", _extension_images, "a(sba(ss))", Merge.APPEND, _IMAGES),
    _box("MountImages", "mount_images", _mount_images, "a(ssba(ss))", Merge.APPEND, _IMAGES),
    _flag("DynamicUser", "dynamic_user", parse=parsers.fatal_boolean),
    _flag("RemoveIPC", "remove_ipc", "", Fate.APPLIED),
    _box("KeyringMode", "keyring_mode", parsers.word_of(("inherit", "private", "shared"), "keyring mode"), "s",
         reason="", fate=Fate.APPLIED),
    _box("ProtectProc", "protect_proc", parsers.word_of(("noaccess", "invisible", "ptraceable", "default"),
         "/proc/ protection mode"), "s"),
    _box("ProcSubset", "proc_subset", parsers.word_of(("all", "pid"), "/proc/ subset mode"), "s"),
    _box("SystemCallFilter", "system_call_filter", _system_calls, "", Merge.APPEND),
    _box("SystemCallLog", "system_call_log", _system_calls, "", Merge.APPEND),
    _box("SystemCallArchitectures", "system_call_architectures", _architectures, "as", Merge.FOLD),
    _box("SystemCallErrorNumber", "system_call_error_number", _system_call_error, "i", _RESET,
         show=_show_or("system_call_error_number", KILL)),
    _flag("MemoryDenyWriteExecute", "memory_deny_write_execute"),
    _box("RestrictNamespaces", "restrict_namespaces", _restrict_namespaces, "t", Merge.FOLD,
         show=_show_or("restrict_namespaces", ALL_NAMESPACES)),
    _flag("RestrictRealtime", "restrict_realtime"),
    _flag("RestrictSUIDSGID", "restrict_suid_sgid"),
    _box("RestrictAddressFamilies", "restrict_address_families",
         _allow_or_deny("address family", addressfamilies.canonical, may_be_none=True), "(bas)", Merge.FOLD,
         show=_show_allow_or_deny("restrict_address_families")),
    _box("RestrictFileSystems", "restrict_file_systems", _restrict_file_systems, "(bas)",
         Merge.FOLD, "BPF programs cannot be loaded here", _show_allow_or_deny("restrict_file_systems")),
    _flag("LockPersonality", "lock_personality"),
    _box("Personality", "personality", parsers.word_of(
        ("x86", "x86-64", "ppc", "ppc-le", "ppc64", "ppc64-le", "s390", "s390x", "arm64", "riscv64"), "personality"),
        "s", _RESET),
    _paths("ReadWritePaths", "read_write_paths"),
    _paths("ReadWriteDirectories", "read_write_paths", is_alias=True),
    _paths("ReadOnlyPaths", "read_only_paths"),
    _paths("ReadOnlyDirectories", "read_only_paths", is_alias=True),
    _paths("InaccessiblePaths", "inaccessible_paths"),
    _paths("InaccessibleDirectories", "inaccessible_paths", is_alias=True),
    _paths("ExecPaths", "exec_paths"),
    _paths("NoExecPaths", "no_exec_paths"),
    _box("BindPaths", "bind_paths", _bind_paths, "a(ssbt)", Merge.APPEND, show=_show_bind_paths("bind_paths")),
    _box("BindReadOnlyPaths", "bind_read_only_paths", _bind_paths, "a(ssbt)", Merge.APPEND,
         show=_show_bind_paths("bind_read_only_paths")),
    _box("TemporaryFileSystem", "temporary_file_system", _temporary_file_system, "a(ss)", Merge.APPEND),
    _flag("PrivateTmp", "private_tmp"),
    _flag("PrivateDevices", "private_devices"),
    _flag("ProtectKernelTunables", "protect_kernel_tunables"),
    _flag("ProtectKernelModules", "protect_kernel_modules"),
    _flag("ProtectKernelLogs", "protect_kernel_logs"),
    _flag("ProtectClock", "protect_clock",
          "its system calls and capabilities are taken away; which devices there are is the container's business",
          Fate.DEGRADED),
    _flag("ProtectControlGroups", "protect_control_groups"),
    _flag("PrivateNetwork", "private_network"),
    _flag("PrivateUsers", "private_users"),
    _flag("PrivateMounts", "private_mounts"),
    _flag("PrivateIPC", "private_ipc"),
    _flag("ProtectHostname", "protect_hostname"),
    _box("NetworkNamespacePath", "network_namespace_path", parsers.path, "s", _RESET),
    _box("IPCNamespacePath", "ipc_namespace_path", parsers.path, "s", _RESET),
    _box("ProtectSystem", "protect_system", parsers.bool_or_word(("full", "strict"), "protect system value"), "s"),
    _box("ProtectHome", "protect_home", parsers.bool_or_word(("read-only", "tmpfs"), "protect home value"), "s"),
    _box("MountFlags", "mount_flags", _mount_flags, "t", _RESET,
         show=lambda settings, facts: _MOUNT_FLAGS.get(settings.mount_flags, 0)),
    _box("MountAPIVFS", "mount_api_vfs", parsers.boolean, "b", _RESET, show=_show_mount_api_vfs),
    _box("SELinuxContext", "selinux_context", _label, "(bs)", _RESET, _MODULE, _show_label("selinux_context")),
    _box("AppArmorProfile", "apparmor_profile", _label, "(bs)", _RESET, _MODULE, _show_label("apparmor_profile")),
    _box("SmackProcessLabel", "smack_process_label", _label, "(bs)", _RESET, _MODULE,
         _show_label("smack_process_label")),
)

EXTRA_PROPERTIES = (
    Property("SystemCallFilter", "(bas)", lambda settings, facts: _show_calls(settings.system_call_filter, "@default")),
    Property("SystemCallLog", "(bas)", lambda settings, facts: _show_calls(settings.system_call_log, "")),
)


def resolve_calls(entries: tuple[str, ...], always: str = "@default") -> tuple[bool, dict[str, str]]:
    """Whether the list allows what it names, and the calls it comes to, each with its own error name or "".

    The first line decides what the list is; a later line of the other sense takes calls out again. `always`, what every
    process needs, is in a list that allows.
    """
    allows = bool(entries) and not entries[0].startswith("~")
    calls = dict.fromkeys(syscalls.expand(always), "") if allows and always else {}
    for is_inverted, word, error in words_of_list(entries):
        for call in syscalls.expand(word):
            if is_inverted == allows:
                calls.pop(call, None)
            else:
                calls[call] = error
    return allows, calls


def words_of_list(entries: tuple[str, ...]) -> list[tuple[bool, str, str]]:
    """What SystemCallFilter= lists: whether its line had the "~", the call or group, and its own error name or ""."""
    found = []
    for entry in entries:
        word, _, error = entry.removeprefix("~").partition(":")
        if word:
            found.append((entry.startswith("~"), word, error))
    return found


def _show_calls(entries: tuple[str, ...], always: str) -> tuple[bool, list[str]]:
    allows, calls = resolve_calls(entries, always)
    return allows, sorted(f"{call}:{error}" if error else call for call, error in calls.items())
