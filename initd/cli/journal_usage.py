"""What `journalctl --help` says, which is also the options' part of its manual page."""

from __future__ import annotations

HELP = """\
journalctl [OPTIONS...] [MATCHES...]

Show what was logged: everything, or the entries that all matches fit. A match
is FIELD=VALUE, the path of a program or device, or "+" for "or".

Which entries:
  -u --unit=UNIT             Of a unit, and about it (may be a pattern)
     --user-unit=UNIT        Of a unit of an account's manager
  -t --identifier=TEXT       By the name that programs log under
  -p --priority=LEVEL        As important as this, or more; or FROM..TO
     --facility=NAME...      By syslog facility
  -b --boot[=ID|N]           Of this boot or of another
  -S --since=TIME            Not older than this
  -U --until=TIME            Not newer than this
  -c --cursor=CURSOR         From this entry on
     --after-cursor=CURSOR   Behind this entry
     --cursor-file=FILE      Behind the entry that FILE names, which is then
                             set to the last one shown
  -g --grep=PATTERN          Whose message fits a regular expression
     --case-sensitive[=BOOL] Whether case matters to it (only where it has
                             capitals)
  -k --dmesg                 Refused: the kernel's log is not the container's

How they are shown:
  -o --output=FORMAT         short, short-precise, short-iso,
                             short-iso-precise, short-full, short-monotonic,
                             short-unix, verbose, export, json, json-pretty,
                             json-sse, json-seq, cat, with-unit
     --output-fields=LIST    Of verbose, export and json: only these fields
  -n --lines[=COUNT]         Only the last ones (10)
  -r --reverse               The newest first
  -f --follow                Go on with what comes
     --no-tail               With -f: all that there is already
  -e --pager-end             Go to the end in the pager
  -a --all                   Long and unprintable values in full
     --no-full               Cut what does not fit
     --no-hostname           Leave out the name of the host
     --utc                   Times in UTC
     --show-cursor           The cursor of the last entry at the end
  -x --catalog               Accepted: there are no explanations
  -q --quiet                 No hints
     --no-pager              Never use a pager

Where they come from:
     --system                The system's journal
     --user                  The journal of your account
     --runtime-directory=DIR  That of the manager with this runtime directory
  -m --merge                 Every journal that is there
  -D --directory=PATH        Journal files of a directory
     --file=PATH             A journal file
     --root=PATH             The journal of the system below a directory
     --image=PATH            Refused: images are not mounted
     --namespace=NAME        Journals of a namespace
  -M --machine=NAME          Refused: there are no machines below this one

Instead of entries:
  -F --field=FIELD           The values that a field has
  -N --fields                The names of all fields
     --list-boots            Boots of which there are entries
     --disk-usage            How much space journal files take
     --header                What journal files say of themselves
     --verify                Whether journal files are whole
     --rotate                Begin new files
     --vacuum-size=BYTES     Remove the oldest files until they take no more
     --vacuum-files=COUNT    Remove all but so many
     --vacuum-time=SPAN      Remove those that are older
     --sync                  Wait until all entries so far are on the disk
     --flush                 Move from /run/log/journal to /var/log/journal
     --relinquish-var        Write to /run/log/journal again
     --smart-relinquish-var  The same where /var/log/journal is a mount
  -h --help                  This
     --version               The version

Sealing (--setup-keys, --interval=, --verify-key=, --force) and the message
catalog (--list-catalog, --dump-catalog, --update-catalog) are not supported.

See the journalctl(1) man page for details.
"""
