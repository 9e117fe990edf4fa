#!/bin/sh
# Which lines systemd-run --property= comes to in a transient unit's file: run as root where systemd 252 is PID 1, with
# cases.txt as the input. Prints each case, and behind it the sections and lines of the file without those of every file.
# The answers are in systemd252.txt.
number=0
while IFS= read -r case; do
    number=$((number + 1))
    systemd-run --quiet --unit="case$number" --description=X --property="$case" /bin/sleep 1000 < /dev/null || echo "! $case"
    echo "# $case"
    grep -v -e '^#' -e '^$' -e '^Description=X$' -e '^ExecStart=' "/run/systemd/transient/case$number.service"
    systemctl stop "case$number.service"
done
