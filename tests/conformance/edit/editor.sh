#!/bin/sh
# The editor of these cases: tells what it was given, and does to each file what $DO says.
for file in "$@"; do
    case "$file" in
    /*) echo "--- $file"
        if [ -e "$file" ]; then sed 's/^/> /' "$file"; echo; else echo "(not there)"; fi
        eval "$DO" ;;
    *)  echo "argument $file" ;;
    esac
done
exit "${STATUS:-0}"
