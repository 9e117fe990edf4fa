"""The directives of systemd.exec(5) that say who runs, with what, and where its input and output go.

Namespaces, system calls and the like are in `directives_sandbox`.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64

from initd.core import parsers, unitname, words
from initd.core.directive import BadValue, Context, Directive, FatalValue, Merge, Property, shows, shows_fact
from initd.core.logfilter import compile_pattern
from initd.core.sections import Group
from initd.core.settings_exec import inherits_nothing, is_credential_name
from initd.core.sources import LoadFacts
from initd.core.states import Fate
from initd.core.unfinished import Keyed, Octets
from initd.core.values import INFINITY, LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _NAME_START | frozenset("0123456789")
_USER_NAME = _NAME | {"-"}
#: Of the strict rules, and what (uid_t) -1 is, in the kernel's two sizes of it.
_LONGEST_NAME, _NO_ID, _NO_SHORT_ID = 31, 2**32 - 1, 2**16 - 1

# --- identity -----------------------------------------------------------------------------------------------------


def user_or_group(context: Context, text: str) -> str:
    name = context.expand_or_fail(text, is_quoted=False)
    _check_name(context, name)
    return name


def _check_name(context: Context, name: str) -> None:
    if not is_user_name(name):
        raise FatalValue(f"Invalid user/group name or numeric ID: {name}")
    if not name.isdecimal() and not (_USER_NAME.issuperset(name) and name[0] in _NAME_START and len(name) <= _LONGEST_NAME):
        # Of no line: systemd does not say where the name stands.
        context.diagnostics.append(Diagnostic(
            LOG_WARNING, "", 0,
            f"Accepting user/group name '{name}', which does not match strict user/group name rules.",
        ))


def is_user_name(name: str) -> bool:
    """What systemd lets pass as a user's or group's name, or as a numeric id."""
    if not name or name != name.strip() or name in (".", "..") or len(name) > 255:
        return False
    if any(ord(char) < 32 or char in ":/\x7f" for char in name):
        return False
    if name.isdecimal() and name.isascii():
        # An id as it is usually written, and not one that means none.
        return (name == "0" or name[0] != "0") and int(name) < _NO_ID and int(name) != _NO_SHORT_ID
    return not name.startswith("-") or not name[1:].isdecimal()


def _groups(context: Context, text: str) -> tuple[str, ...]:
    names = tuple(context.expand_each(parsers.split(context, text)))
    for name in names:
        _check_name(context, name)
    return names


# --- directories ----------------------------------------------------------------------------------------------------


def _working_directory(context: Context, text: str) -> None:
    missing_ok = text.startswith("-")
    path = text[1:] if missing_ok else text
    failure: type[BadValue] = BadValue if missing_ok else FatalValue
    if path and path != "~":
        try:
            path = context.expand(path)
        except BadValue as error:
            raise failure(str(error)) from None
        problem = parsers.path_problem(path)
        if problem:
            raise failure(f"WorkingDirectory= path is {problem}{', ignoring' * missing_ok}: {path}")
        path = parsers.simplify(path)
    context.draft.set(Group.EXEC, "working_directory", path)
    context.draft.set(Group.EXEC, "working_directory_missing_ok", missing_ok)


def _show_working_directory(settings: Any, facts: LoadFacts) -> str:
    return ("!" if settings.working_directory_missing_ok else "") + str(settings.working_directory)


def _search_path(context: Context, text: str) -> tuple[str, ...]:
    """Up to the first that is no path: what stands behind it is passed over, as in systemd 252."""
    out = []
    for item in context.expand_each(text.split(":")):
        try:
            out.append(parsers.check_path(context, item))
        except BadValue as error:
            context.warn(str(error))
            break
    return tuple(out)


def _exec_directories(context: Context, text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Relative paths, each with an optional ":symlink"; what stands behind that is not looked at."""
    out: list[tuple[str, tuple[str, ...]]] = []
    for word in parsers.split(context, text):
        parts = [part for part in word.split(":") if part][:2]
        if not parts or len(parts) > 1 and context.key == "ConfigurationDirectory":
            context.warn(f"Too many or too few fields in {context.key}=, ignoring: {word}")
            continue
        try:
            path = _relative(context, context.expand(parts[0]))
            links = tuple([_relative(context, context.expand(link)) for link in parts[1:]])
        except BadValue as error:
            context.warn(str(error))
            continue
        out.append((path, links))
    return tuple(out)


def _relative(context: Context, path: str) -> str:
    if path.startswith("/"):
        raise BadValue(f"{context.key}= path is absolute, ignoring: {path}")
    if not path or ".." in path.split("/") or any(ord(char) < 32 for char in path):
        raise BadValue(f"{context.key}= path is not normalized, ignoring: {path}")
    simple = parsers.simplify(path)
    if simple == "private" or simple.startswith("private/"):
        raise BadValue(f"{context.key}= path can't be 'private', ignoring assignment: {path}")
    return simple


def _directory(key: str, field: str) -> tuple[Directive, ...]:
    properties = [Property(key, "as", lambda settings, facts: [path for path, _ in getattr(settings, field)])]
    if key != "ConfigurationDirectory":
        properties.append(Property(key + "Symlink", "a(sst)", lambda settings, facts: [
            (path, link, 0) for path, links in getattr(settings, field) for link in links
        ]))
    return (
        Directive(key, Group.EXEC, field, _exec_directories, Merge.APPEND, tuple(properties)),
        Directive(key + "Mode", Group.EXEC, field + "_mode", parsers.mode, Merge.REPLACE,
                  (shows(key + "Mode", "u", field + "_mode"),)),
    )


# --- environment ----------------------------------------------------------------------------------------------------


def is_variable_name(name: str) -> bool:
    return bool(name) and name[0] in _NAME_START and _NAME.issuperset(name)


def is_variable_value(value: str) -> bool:
    return not any(ord(char) < 32 and char not in "\t\n" or char == "\x7f" for char in value)


def _environment(context: Context, text: str, old: Keyed | tuple[str, ...]) -> Keyed:
    variables = old if isinstance(old, Keyed) else Keyed((item.partition("=")[0], item) for item in old)
    for word in context.expand_each(parsers.split(context, text)):
        name, equals, value = word.partition("=")
        if not equals or not is_variable_name(name) or not is_variable_value(value):
            context.warn(f"Invalid environment assignment, ignoring: {word}")
            continue
        variables[name] = word
    return variables


def _pass_environment(context: Context, text: str) -> tuple[str, ...]:
    out = []
    # A backslash only makes the next letter itself here, and no name has one.
    names = [word.replace("\\", "") for word in parsers.split(context, text, unescape=False)]
    for word in context.expand_each(names):
        if is_variable_name(word):
            out.append(word)
        else:
            context.warn(f"Invalid environment name for PassEnvironment, ignoring: {word}")
    return tuple(out)


def _unset_environment(context: Context, text: str) -> tuple[str, ...]:
    out = []
    for word in context.expand_each(parsers.split(context, text, unescape=False)):
        name, _, value = word.partition("=")
        if is_variable_name(name) and is_variable_value(value):
            out.append(word)
        else:
            context.warn(f"Invalid environment name or assignment, ignoring: {word}")
    return tuple(out)


def _environment_file(context: Context, text: str) -> tuple[tuple[str, bool], ...]:
    full = context.expand(text)
    missing_ok = full.startswith("-")
    path = full[1:] if missing_ok else full
    return ((parsers.check_path(context, path), missing_ok),)


# --- input and output -----------------------------------------------------------------------------------------------

_INPUTS = frozenset("null tty tty-force tty-fail socket data".split())
_OUTPUTS = frozenset("inherit null tty journal kmsg journal+console kmsg+console socket".split())
_OLD_OUTPUTS = {"syslog": "journal", "syslog+console": "journal+console"}
_FILES = {"file:": "file", "append:": "append", "truncate:": "truncate"}


def _standard(field: str, stream: str, known: frozenset[str]) -> Callable[[Context, str], None]:
    """The parser of one of the three streams: sets `field` and `field`_path."""
    what = "input specifier" if stream == "stdin" else "output specifier"

    def parse(context: Context, text: str) -> None:
        word, argument = _stream_target(context, text, stream, what)
        if not argument and word != "fd" and word not in known:
            raise parsers.bad(what, text)
        context.draft.set(Group.EXEC, field, word)
        context.draft.set(Group.EXEC, field + "_path", argument)

    return parse


def _stream_target(context: Context, text: str, stream: str, what: str) -> tuple[str, str]:
    """The word and its path or descriptor name."""
    if text == "fd":
        return "fd", stream
    if text.startswith("fd:"):
        name = context.expand(text[3:])
        if not name or len(name) > 255 or ":" in name:
            raise parsers.bad(what, text)
        return "fd", name
    for front, word in _FILES.items():
        if text.startswith(front) and (word == "file" or stream != "stdin"):
            return word, parsers.check_path(context, context.expand(text[len(front):]))
    if stream != "stdin" and text in _OLD_OUTPUTS:
        context.advise(f"Standard output type {text} is obsolete, automatically updating to {_OLD_OUTPUTS[text]}. "
                       "Please update your unit file, and consider removing the setting altogether.")
        return _OLD_OUTPUTS[text], ""
    return text, ""


def _show_fd_name(field: str) -> Callable[[Any, LoadFacts], str]:
    def show(settings: Any, facts: LoadFacts) -> str:
        return str(getattr(settings, field + "_path")) if getattr(settings, field) == "fd" else ""

    return show


def _show_standard_output(settings: Any, facts: LoadFacts) -> str:
    """To inherit what nothing is read from means the manager's default."""
    is_default = not settings.standard_output or inherits_nothing(settings)
    return facts.default_standard_output if is_default else str(settings.standard_output)


def _input_text(context: Context, text: str, old: Octets | bytes) -> Octets:
    data = words.unescape(context.expand(text))
    return _added(old, data.encode("utf-8", "surrogateescape") + b"\n")


def _added(old: Octets | bytes, more: bytes) -> Octets:
    found = old if isinstance(old, Octets) else Octets(old)
    found += more
    return found


def _input_data(context: Context, text: str, old: Octets | bytes) -> Octets:
    try:
        return _added(old, a2b_base64("".join(text.split()).encode(), strict_mode=True))
    except (Base64Error, ValueError):
        raise BadValue(f"Failed to decode base64 data, ignoring: {text}") from None


def _log_namespace(context: Context, text: str) -> str:
    """A word that may stand in the names of the namespace's own sockets."""
    name = context.expand(text)
    socket = f"systemd-journald-varlink@{name}.socket"
    if "\\" in name or name in ("", ".", "..") or not unitname.is_valid(socket):
        raise BadValue(f"Specified log namespace name is not valid, ignoring: {name}")
    return name


def _log_extra_fields(context: Context, text: str) -> tuple[bytes, ...]:
    out = []
    for word in context.expand_each(parsers.split(context, text)):
        name, equals, _ = word.partition("=")
        if not equals:
            context.warn(f"Log field lacks '=' character, ignoring: {word}")
        elif not name or name[0] == "_" or not set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"):
            context.warn(f"Log field name is invalid, ignoring: {word}")
        else:
            out.append(word.encode("utf-8", "surrogateescape"))
    return tuple(out)


def _log_filter_pattern(context: Context, text: str) -> tuple[str, ...]:
    """One, with its tilde. Nothing is expanded in it (systemd 253)."""
    pattern = text.removeprefix("~")
    try:
        if not pattern:
            raise ValueError("there is nothing behind the tilde")
        compile_pattern(pattern)
    except ValueError as error:
        raise BadValue(f"Bad pattern \"{pattern}\": {error}, ignoring.") from None
    return (text,)


LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp 12 13 14 15 "
    "local0 local1 local2 local3 local4 local5 local6 local7"
).split()


def _name_or_number(names: tuple[str, ...] | list[str], what: str) -> Callable[[Context, str], int]:
    number = parsers.integer(0, len(names) - 1, what)

    def parse(context: Context, text: str) -> int:
        return names.index(text) if text in names else number(context, text)

    return parse


_level = _name_or_number(LEVELS, "log level")

# --- credentials --------------------------------------------------------------------------------------------------


def _credential_name(context: Context, text: str) -> str:
    name = context.expand(text)
    if not is_credential_name(name):
        raise BadValue(f'Credential name "{name}" not valid, ignoring.')
    return name


def _import_credential(context: Context, text: str) -> tuple[str, ...]:
    """One name, which may end in "*" (systemd.exec(5) of systemd 254)."""
    pattern = context.expand(text)
    name = pattern.removesuffix("*")
    if any(char in name for char in "*?[") or not is_credential_name(name or "x"):
        raise BadValue(f'Credential name or glob "{pattern}" not valid, ignoring.')
    return (pattern,)


def _set_credential(context: Context, text: str) -> tuple[tuple[str, bytes], ...]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise BadValue(f"Invalid syntax, ignoring: {text}")
    data = words.unescape(value).encode("utf-8", "surrogateescape")
    return ((_credential_name(context, name), data),)


def _set_credential_encrypted(context: Context, text: str) -> tuple[tuple[str, bytes], ...]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise BadValue(f"Invalid syntax, ignoring: {text}")
    try:
        return ((_credential_name(context, name), a2b_base64(value.encode())),)
    except (Base64Error, ValueError):
        raise BadValue(f"Encrypted credential data not valid Base64 data, ignoring: {text}") from None


def _load_credential(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    name, _, path = text.partition(":")
    if not name:
        raise BadValue(f"Invalid syntax, ignoring: {text}")
    name = _credential_name(context, name)
    source = context.expand(path) if path else name
    if not is_credential_name(source) and (not source.startswith("/") or parsers.path_problem(source)):
        raise BadValue(f'Credential source "{source}" not valid, ignoring.')
    return ((name, source),)


# --- the table ------------------------------------------------------------------------------------------------------

_NEEDS_PAM = "there is no PAM session here"


def _exec(key: str, field: str, parse: Callable[..., Any], signature: str, merge: Merge = Merge.REPLACE,
          default: Any = None,
          property_name: str = "", fate: Fate = Fate.APPLIED, reason: str = "") -> Directive:
    properties = (shows(property_name or key, signature, field, default),) if signature else ()
    return Directive(key, Group.EXEC, field, parse, merge, properties, fate, reason)


_RESET = Merge.REPLACE_OR_RESET

EXEC: tuple[Directive, ...] = (
    Directive("WorkingDirectory", Group.EXEC, "working_directory", _working_directory, Merge.SPREAD,
              (Property("WorkingDirectory", "s", _show_working_directory),)),
    _exec("RootDirectory", "root_directory", parsers.fatal_path, "s", _RESET),
    _exec("ExecSearchPath", "exec_search_path", _search_path, "as", Merge.APPEND),
    _exec("User", "user", user_or_group, "s", _RESET),
    _exec("Group", "group", user_or_group, "s", _RESET),
    _exec("SupplementaryGroups", "supplementary_groups", _groups, "as", Merge.APPEND),
    _exec("PAMName", "pam_name", parsers.expanded, "s", _RESET, fate=Fate.IGNORED, reason=_NEEDS_PAM),
    _exec("UMask", "umask", parsers.mode, "u"),
    Directive("Environment", Group.EXEC, "environment", _environment, Merge.FOLD,
              (shows("Environment", "as", "environment"),)),
    _exec("EnvironmentFile", "environment_files", _environment_file, "a(sb)", Merge.APPEND,
          property_name="EnvironmentFiles"),
    _exec("PassEnvironment", "pass_environment", _pass_environment, "as", Merge.APPEND),
    _exec("UnsetEnvironment", "unset_environment", _unset_environment, "as", Merge.APPEND),
    Directive("StandardInput", Group.EXEC, "standard_input", _standard("standard_input", "stdin", _INPUTS),
              Merge.SPREAD, (
        shows("StandardInput", "s", "standard_input"),
        Property("StandardInputFileDescriptorName", "s", _show_fd_name("standard_input")),
    )),
    Directive("StandardOutput", Group.EXEC, "standard_output", _standard("standard_output", "stdout", _OUTPUTS),
              Merge.SPREAD, (
        Property("StandardOutput", "s", _show_standard_output),
        Property("StandardOutputFileDescriptorName", "s", _show_fd_name("standard_output")),
    )),
    Directive("StandardError", Group.EXEC, "standard_error", _standard("standard_error", "stderr", _OUTPUTS),
              Merge.SPREAD, (
        shows_fact("StandardError", "s", "standard_error", "default_standard_error"),
        Property("StandardErrorFileDescriptorName", "s", _show_fd_name("standard_error")),
    )),
    Directive("StandardInputText", Group.EXEC, "standard_input_data", _input_text, Merge.FOLD),
    Directive("StandardInputData", Group.EXEC, "standard_input_data", _input_data, Merge.FOLD,
              (shows("StandardInputData", "ay", "standard_input_data"),)),
    _exec("TTYPath", "tty_path", parsers.path, "s", _RESET),
    _exec("TTYReset", "tty_reset", parsers.boolean, "b"),
    _exec("TTYVHangup", "tty_vhangup", parsers.boolean, "b"),
    _exec("TTYVTDisallocate", "tty_vt_disallocate", parsers.boolean, "b"),
    _exec("TTYRows", "tty_rows", parsers.integer(0, 65535, "TTY size"), "q", _RESET, 65535),
    _exec("TTYColumns", "tty_columns", parsers.integer(0, 65535, "TTY size"), "q", _RESET, 65535),
    _exec("SyslogIdentifier", "syslog_identifier", parsers.expanded, "s", _RESET),
    _exec("SyslogFacility", "syslog_facility", _name_or_number(FACILITIES, "log facility"), "i"),
    _exec("SyslogLevel", "syslog_level", _level, "i"),
    _exec("SyslogLevelPrefix", "syslog_level_prefix", parsers.boolean, "b"),
    _exec("LogLevelMax", "log_level_max", _level, "i", _RESET),
    _exec("LogRateLimitIntervalSec", "log_rate_limit_interval_usec", parsers.seconds(), "t",
          property_name="LogRateLimitIntervalUSec"),
    _exec("LogRateLimitBurst", "log_rate_limit_burst", parsers.unsigned, "u"),
    _exec("LogExtraFields", "log_extra_fields", _log_extra_fields, "aay", Merge.APPEND),
    # Of systemd 253.
    _exec("LogFilterPatterns", "log_filter_patterns", _log_filter_pattern, "", Merge.APPEND),
    _exec("LogNamespace", "log_namespace", _log_namespace, "s", _RESET, fate=Fate.DEGRADED,
          reason="there is one journal, for all units: this one waits for sockets of another, and does not start"),
    _exec("NoNewPrivileges", "no_new_privileges", parsers.boolean, "b"),
    _exec("IgnoreSIGPIPE", "ignore_sigpipe", parsers.boolean, "b"),
    *_directory("RuntimeDirectory", "runtime_directory"),
    *_directory("StateDirectory", "state_directory"),
    *_directory("CacheDirectory", "cache_directory"),
    *_directory("LogsDirectory", "logs_directory"),
    *_directory("ConfigurationDirectory", "configuration_directory"),
    _exec("RuntimeDirectoryPreserve", "runtime_directory_preserve",
          parsers.bool_or_word(("restart",), "exec preserve mode"), "s"),
    _exec("TimeoutCleanSec", "timeout_clean_usec", parsers.seconds(zero=INFINITY), "t",
          property_name="TimeoutCleanUSec"),
    _exec("SetCredential", "set_credential", _set_credential, "a(say)", Merge.APPEND),
    _exec("SetCredentialEncrypted", "set_credential_encrypted", _set_credential_encrypted, "a(say)", Merge.APPEND,
          fate=Fate.IGNORED, reason="encrypted credentials need a host key"),
    _exec("LoadCredential", "load_credential", _load_credential, "a(ss)", Merge.APPEND),
    # Of systemd 254: what it asks for is cheap to give.
    _exec("ImportCredential", "import_credential", _import_credential, "", Merge.APPEND),
    _exec("LoadCredentialEncrypted", "load_credential_encrypted", _load_credential, "a(ss)", Merge.APPEND,
          fate=Fate.IGNORED, reason="encrypted credentials need a host key"),
    _exec("UtmpIdentifier", "utmp_identifier", parsers.expanded, "s", _RESET, fate=Fate.IGNORED,
          reason="no utmp is kept"),
    _exec("UtmpMode", "utmp_mode", parsers.word_of(("init", "login", "user"), "utmp mode"), "s", fate=Fate.IGNORED,
          reason="no utmp is kept"),
)

EXTRA_PROPERTIES = (
    Property("SyslogPriority", "i", lambda settings, facts: settings.syslog_facility * 8 + settings.syslog_level),
    shows("SameProcessGroup", "b", "same_process_group"),
    # A setting of services alone, and shown by all.
    Property("NonBlocking", "b", lambda settings, facts: False),
)
