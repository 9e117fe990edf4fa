#!/bin/sh
# Who is killed for want of memory, and what becomes of its unit: run as root where the init runs units in cgroup v2 with
# the memory controller (a virtual machine, say). Prints one line for each unit: its name and, as properties of it,
# ActiveState, SubState, Result, ReloadResult, ExecMainCode and ExecMainStatus; then what the processes wrote.
# systemd's answers are in systemd252.txt.
printf '#!/usr/bin/perl\n$x = q(a) x (80<<20); sleep 1;\n' > /run/hog
chmod 755 /run/hog
mkdir -p /run/systemd/system
cd /run/systemd/system || exit 1
rm -f /run/oom.out
unit() {
    name=oom-$1; shift
    { printf '[Unit]\nDefaultDependencies=no\n[Service]\nMemoryMax=24M\nMemorySwapMax=0\n'; printf '%s\n' "$@"; } > "$name.service"
}
child="ExecStart=/bin/sh -c '/run/hog & wait; sleep 60'"
say() { echo "$1=/bin/sh -c 'echo $2 $3 >> /run/oom.out'"; }
words='$$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS'
unit main ExecStart=/run/hog
unit main-said ExecStart=/run/hog "$(say ExecStop main-said stop)" "$(say ExecStopPost main-said-post "$words")"
unit main-restart ExecStart=/run/hog Restart=on-failure RestartSec=600
unit main-continue ExecStart=/run/hog OOMPolicy=continue
unit main-kill ExecStart=/run/hog OOMPolicy=kill
unit child-continue "$child" OOMPolicy=continue
unit child-stop "$child" "$(say ExecStop child-stop stop)" "$(say ExecStopPost child-stop-post "$words")"
unit child-kill "$child" OOMPolicy=kill "$(say ExecStop child-kill stop)" "$(say ExecStopPost child-kill-post "$words")"
unit child-delegate "$child" Delegate=yes
unit pre ExecStartPre=/run/hog 'ExecStart=/bin/sleep 60'
unit pre-child "ExecStartPre=/bin/sh -c '/run/hog & wait; sleep 5'" 'ExecStart=/bin/sleep 60'
unit stop 'ExecStart=/bin/sleep 60' ExecStop=/run/hog
unit stop-post ExecStart=/bin/true ExecStopPost=/run/hog
unit reload 'ExecStart=/bin/sleep 60' ExecReload=/run/hog
unit term "ExecStart=/bin/sh -c 'trap /run/hog TERM; while :; do sleep 0.2; done'"
systemctl daemon-reload
for file in oom-*.service; do
    systemctl start --no-block "$file"
done
settled() { # until nothing has changed for 5 s
    before=; same=0
    while [ $same -lt 5 ]; do
        now=$(systemctl show -p SubState,Result 'oom-*.service')
        [ "$now" = "$before" ] && same=$((same + 1)) || same=0
        before=$now
        sleep 1
    done
}
settled
systemctl reload oom-reload.service 2> /dev/null
systemctl stop oom-stop.service oom-term.service
settled
for file in oom-*.service; do
    printf '%s' "${file%.service}"
    for property in ActiveState SubState Result ReloadResult ExecMainCode ExecMainStatus; do
        printf ' %s' "$(systemctl show -p $property --value "$file")"
    done
    echo
done
sort /run/oom.out
systemctl stop 'oom-*.service' 2> /dev/null
