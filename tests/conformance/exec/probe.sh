#!/bin/sh
# What a process of a unit finds itself to be; one "key value" a line, into the file named by $1.
p=/proc/$$
extra=
for fd in 3 4 5 6 7 8 9; do
    [ -L $p/fd/$fd ] && extra="$extra $fd"
done
streams=$(for fd in 0 1 2; do
    where=$(readlink $p/fd/$fd) || continue
    printf 'fd:%s %s %s\n' $fd "${where%%:\[*}" "$(sed -n 's/^flags:\t//p' $p/fdinfo/$fd)"
done)
{
    exec 2>/dev/null
    printf '%s\n' "$streams"
    echo "more-descriptors $extra"
    # Without a child: the shell blocks signals while it makes one.
    while read -r key value; do
        case $key in
        Uid: | Gid: | Groups: | CapInh: | CapPrm: | CapEff: | CapBnd: | CapAmb: | NoNewPrivs: | SigIgn: | SigBlk: | Umask:)
            printf '%s %s\n' "${key%:}" "$value" ;;
        esac
    done < $p/status
    sed '1d; s/^Max \(.\{21\}\) \(.\{20\}\) \(.\{20\}\).*/limit:\1|\2|\3/' $p/limits
    tr '\0' '\n' < $p/environ | sed 's/^/env:/; s/=/ /' | LC_ALL=C sort
    echo "cwd $(readlink $p/cwd)"
    echo "root $(readlink $p/root)"
    echo "oom_score_adj $(cat $p/oom_score_adj)"
    echo "coredump_filter $(cat $p/coredump_filter)"
    echo "timerslack $(cat /proc/self/timerslack_ns)"
    echo "personality $(cat $p/personality)"
    [ -t 0 ] && echo "terminal $(stat -L -c '%u %g %a' $p/fd/0)"
    read -r _ _ _ _ pgrp session tty _ < $p/stat
    [ $pgrp = $$ ] && echo "group-leader yes"
    [ $session = $$ ] && echo "session-leader yes"
    [ $tty = 0 ] || echo "controlling-terminal yes"
    echo "nice $(nice)"
    chrt -p $$ | sed "s/pid [0-9]*'s current /sched:/; s/: /|/; s/ /-/g; s/|/ /"
    echo "affinity $(taskset -p $$ | sed 's/.*: //')"
    echo "ionice $(ionice -p $$)"
    for path in $(echo "$RUNTIME_DIRECTORY:$STATE_DIRECTORY:$CACHE_DIRECTORY:$LOGS_DIRECTORY:$CONFIGURATION_DIRECTORY" | tr : ' '); do
        echo "directory:$path $(stat -L -c '%a %u %g' $path)"
    done
    if [ -n "$CREDENTIALS_DIRECTORY" ]; then
        echo "credentials $(stat -c '%a %u %g' "$CREDENTIALS_DIRECTORY")"
        find "$CREDENTIALS_DIRECTORY" -mindepth 1 | LC_ALL=C sort | while read -r path; do
            printf '%s\n' "credential:$path $(stat -c '%a %u %g' "$path") $(od -An -tx1 "$path" | tr -d ' \n')"
        done
    fi
} > "$1.new"
mv "$1.new" "$1"
