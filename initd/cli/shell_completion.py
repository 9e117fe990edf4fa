"""Prints what bash, zsh and fish need to complete `systemctl`'s command line: from the tables that read it.

    python3 -m initd.cli.shell_completion bash|zsh|fish

`make docs` writes the results to debian/completion. Which units a verb is for is asked of `systemctl` itself, when the
user presses the key.
"""

from __future__ import annotations

import sys

from initd.cli import options
from initd.cli.systemctl import VERBS
from initd.core import signals, states

#: What a verb's arguments are → the verbs. Verbs that are not here take none, or what cannot be guessed.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "startable": ("start",),
    "running": ("stop", "condstop", "kill", "freeze", "thaw"),
    "reloadable": ("reload", "condreload", "force-reload"),
    "units": (
        "restart", "try-restart", "condrestart", "reload-or-restart", "try-reload-or-restart", "reload-or-try-restart",
        "status", "why", "show", "cat", "edit", "help", "is-active", "check", "is-failed", "list-dependencies", "list-units",
        "clean", "set-property", "bind", "mount-image", "service-log-level", "service-log-target", "revert",
    ),
    "failed": ("reset-failed",),
    "enabled": ("disable", "reenable"),
    "disabled": ("enable",),
    "masked": ("unmask",),
    "files": ("mask", "preset", "is-enabled", "list-unit-files", "link"),
    "targets": ("isolate", "set-default", "add-wants", "add-requires"),
    "timers": ("list-timers",),
    "sockets": ("list-sockets",),
    "jobs": ("cancel",),
    "variables": ("unset-environment", "set-environment"),
    "environment": ("import-environment",),
    "levels": ("log-level",),
    "log_targets": ("log-target",),
    "booleans": ("service-watchdogs",),
}  # fmt: skip
#: Kind → the words after `systemctl` that list it, the name first in each line.
QUESTIONS = {
    "startable": "list-unit-files --state=enabled,enabled-runtime,disabled,static,indirect,linked,generated,alias",
    "running": "list-units --state=active,activating,reloading,deactivating",
    "reloadable": "list-units --state=active",
    "units": "list-units --all",
    "failed": "list-units --failed",
    "enabled": "list-unit-files --state=enabled,enabled-runtime,linked,linked-runtime,alias,indirect",
    "disabled": "list-unit-files --state=disabled,indirect,linked,static",
    "masked": "list-unit-files --state=masked,masked-runtime",
    "files": "list-unit-files",
    "targets": "list-unit-files --type=target",
    "timers": "list-units --all --type=timer",
    "sockets": "list-units --all --type=socket",
    "jobs": "list-jobs",
}
_WORDS = {
    "levels": ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"),
    "log_targets": ("console", "journal", "kmsg", "journal-or-kmsg", "null", "auto"),
    "booleans": ("yes", "no"),
}


def option_values() -> dict[str, tuple[str, ...]]:
    """Long option → the words it may have."""
    load_and_active = (*(each.value for each in states.LoadState), *(each.value for each in states.ActiveState))
    names = tuple("SIG" + signals.short_name(number) for number in range(1, 32))
    return {
        "type": options.UNIT_TYPES,
        "state": load_and_active,
        "job-mode": tuple(each.value for each in states.JobMode),
        "kill-whom": tuple(each.value for each in states.KillWho),
        "kill-who": tuple(each.value for each in states.KillWho),
        "signal": names,
        "output": options.OUTPUTS,
        "preset-mode": ("full", "enable-only", "disable-only"),
        "timestamp": ("pretty", "unix", "us", "utc", "us+utc"),
        "legend": ("yes", "no"),
        "what": ("configuration", "state", "cache", "logs", "runtime", "all"),
        "check-inhibitors": ("auto", "yes", "no"),
    }


#: Options whose value is a directory or a file.
_PATHS = ("root", "image")


def _with_value() -> list[str]:
    return [name for name, (_, takes_value) in options.LONG.items() if takes_value]


def _without_value() -> list[str]:
    return [name for name, (_, takes_value) in options.LONG.items() if not takes_value]


# --- bash -----------------------------------------------------------------------------------------------------------

_BASH = r"""# bash completion for systemctl; printed by initd/cli/shell_completion.py

_systemctl_list() {
    systemctl --no-legend --plain --no-pager --full "$@" 2>/dev/null | while read -r name rest; do
        printf '%s\n' "$name"
    done
}

_systemctl_arguments() {
    case $1 in
@QUESTIONS@
    variables) systemctl show-environment 2>/dev/null | while IFS== read -r name rest; do printf '%s\n' "$name"; done ;;
    environment) compgen -v ;;
@WORDS@
    properties) systemctl show --all "${2:-init.scope}" 2>/dev/null | while IFS== read -r name rest; do
            printf '%s\n' "$name"
        done ;;
    esac
}

_systemctl_values() {
    case $1 in
@VALUES@
    --property|-p|-P) _systemctl_arguments properties ;;
    esac
}

_systemctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb="" word skip="" i options=()
    COMPREPLY=()
    # Behind "--type=", which the shell takes apart.
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $skip ]]; then
            [[ $word == "=" ]] || skip=""
            continue
        fi
        case $word in
        --user|--system|--global|--root|--machine|-M) options+=("$word") ;;
        esac
        case $word in
        @TAKERS@) skip=yes ;;
        -*|=) ;;
        *) verb=$word; break ;;
        esac
    done
    case $prev in
    @PATHS@) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    @TAKERS@) mapfile -t COMPREPLY < <(compgen -W "$(_systemctl_values "$prev")" -- "${cur##*,}"); return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "@OPTIONS@" -- "$cur")
        return
    fi
    if [[ -z $verb ]]; then
        mapfile -t COMPREPLY < <(compgen -W "@VERBS@" -- "$cur")
        return
    fi
    local kind=""
    case $verb in
@KINDS@
    esac
    [[ $kind ]] || return
    # Names may hold backslashes, which -W would take for its own.
    mapfile -t COMPREPLY < <(_systemctl_arguments "$kind" | while read -r word; do
        [[ $word == "$cur"* ]] && printf '%s\n' "$word"
    done)
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}

complete -o filenames -F _systemctl systemctl
"""


def bash() -> str:
    takers = [f"--{name}" for name in _with_value()]
    takers += [f"-{letter}" for letter, name in options.SHORT.items() if name in _with_value()] + ["-P"]
    letters = {name: letter for letter, name in options.SHORT.items()}
    values = [
        f"    --{name}{f'|-{letters[name]}' if name in letters else ''}) echo {' '.join(words)} ;;"
        for name, words in option_values().items()
    ]
    return _filled(_BASH, {
        "QUESTIONS": "\n".join(f"    {kind}) _systemctl_list {words} ;;" for kind, words in QUESTIONS.items()),
        "WORDS": "\n".join(f"    {kind}) printf '%s\\n' {' '.join(words)} ;;" for kind, words in _WORDS.items()),
        "VALUES": "\n".join(values),
        "TAKERS": "|".join(takers),
        "PATHS": "|".join(f"--{name}" for name in _PATHS),
        "OPTIONS": " ".join(f"--{name}" for name in options.LONG),
        "VERBS": " ".join(VERBS),
        "KINDS": "\n".join(f"    {'|'.join(verbs)}) kind={kind} ;;" for kind, verbs in ARGUMENTS.items()),
    })


# --- zsh ------------------------------------------------------------------------------------------------------------

_ZSH = r"""#compdef systemctl
# zsh completion for systemctl; printed by initd/cli/shell_completion.py

_systemctl_list() {
    local -a names
    names=(${${(f)"$(_call_program units systemctl --no-legend --plain --no-pager --full "$@" 2>/dev/null)"}%% *})
    compadd -a names
}

_systemctl_arguments() {
    case $1 in
@QUESTIONS@
    (variables) compadd -- ${${(f)"$(systemctl show-environment 2>/dev/null)"}%%=*} ;;
    (environment) compadd -k parameters ;;
@WORDS@
    esac
}

_systemctl_verb() {
    if (( CURRENT == 1 )); then
        compadd -- @VERBS@
        return
    fi
    case $words[1] in
@KINDS@
    esac
}

_arguments -s \
@OPTIONS@
    '*::verb:_systemctl_verb'
"""


def zsh() -> str:
    letters = {name: letter for letter, name in options.SHORT.items()}
    values = option_values()
    lines = []
    for name, (_, takes_value) in options.LONG.items():
        if not takes_value:
            end = ""
        elif name in _PATHS:
            end = ":path:_files"
        else:
            words = " ".join(values.get(name, ()))
            end = f":{name}:({words})" if words else f":{name}: "
        both = f"{{-{letters[name]},--{name}{'=' if takes_value else ''}}}" if name in letters else ""
        lines.append(f"    '*'{both}'{end}' \\" if both else f"    '*--{name}{'=' if takes_value else ''}{end}' \\")
    return _filled(_ZSH, {
        "QUESTIONS": "\n".join(f"    ({kind}) _systemctl_list {words} ;;" for kind, words in QUESTIONS.items()),
        "WORDS": "\n".join(f"    ({kind}) compadd -- {' '.join(words)} ;;" for kind, words in _WORDS.items()),
        "OPTIONS": "\n".join(lines),
        "VERBS": " ".join(VERBS),
        "KINDS": "\n".join(
            f"    ({'|'.join(verbs)}) _systemctl_arguments {kind} ;;" for kind, verbs in ARGUMENTS.items()),
    })


# --- fish -----------------------------------------------------------------------------------------------------------

_FISH = r"""# fish completion for systemctl; printed by initd/cli/shell_completion.py

function __fish_pyinit_systemctl_list
    systemctl --no-legend --plain --no-pager --full $argv 2>/dev/null | string replace -r ' .*' ''
end

set -l verbs @VERBS@
complete -c systemctl -f
complete -c systemctl -n "not __fish_seen_subcommand_from $verbs" -a "$verbs"
@KINDS@
@OPTIONS@
"""


def fish() -> str:
    values = option_values()
    letters = {name: letter for letter, name in options.SHORT.items()}
    lines = []
    for name, (_, takes_value) in options.LONG.items():
        line = f"complete -c systemctl -l {name}" + (f" -s {letters[name]}" if name in letters else "")
        if name in _PATHS:
            line += " -r -F"
        elif takes_value:
            line += " -x" + (f" -a '{' '.join(values[name])}'" if name in values else "")
        lines.append(line)
    kinds = []
    for kind, verbs in ARGUMENTS.items():
        if kind in QUESTIONS:
            words = f"(__fish_pyinit_systemctl_list {QUESTIONS[kind]})"
        elif kind in _WORDS:
            words = " ".join(_WORDS[kind])
        else:
            words = "(set -n)" if kind == "environment" else "(systemctl show-environment | string replace -r '=.*' '')"
        quote = '"'
        kinds.append(f"complete -c systemctl -n '__fish_seen_subcommand_from {' '.join(verbs)}' -a {quote}{words}{quote}")
    return _filled(_FISH, {"VERBS": " ".join(VERBS), "KINDS": "\n".join(kinds), "OPTIONS": "\n".join(lines)})


# --- all ------------------------------------------------------------------------------------------------------------

SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def _filled(text: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        print("Which shell: bash, zsh or fish?", file=sys.stderr)
        return 1
    sys.stdout.write(SHELLS[arguments[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
