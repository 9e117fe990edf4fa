"""Asks a real systemd how it reads environment files; run it as root where systemd is PID 1, with python3 >= 3.9.

    python3 record_environment_files.py < environment-files.txt > new.txt

Each line of the data is a pair: the file's bytes, and the variables that a service got from it, sorted; None where
the service was not started. Lines of the input may leave the answer out. Recorded with systemd 252.39-1~deb12u2.
"""

import ast
import os
import subprocess
import sys

UNIT = "/run/systemd/system/environment-file-recorder.service"
FILE, OUTPUT = "/run/environment-file-recorder", "/run/environment-file-recorder.out"
OWN = (b"PATH", b"LANG", b"INVOCATION_ID", b"JOURNAL_STREAM", b"SYSTEMD_EXEC_PID", b"LC_CTYPE")
PROGRAM = f"open('{OUTPUT}','wb').write(open('/proc/self/environ','rb').read())"


def ask(content):
    with open(FILE, "wb") as file:
        file.write(content)
    if os.path.exists(OUTPUT):
        os.unlink(OUTPUT)
    subprocess.run(["systemctl", "start", os.path.basename(UNIT)], stderr=subprocess.DEVNULL)
    if not os.path.exists(OUTPUT):
        return None
    with open(OUTPUT, "rb") as output:
        variables = output.read().split(b"\0")
    return sorted(variable for variable in variables if variable and variable.split(b"=")[0] not in OWN)


def main():
    with open(UNIT, "w") as unit:
        unit.write(
            "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\n"
            f'EnvironmentFile={FILE}\nExecStart=/usr/bin/python3 -ISc "{PROGRAM}"\n'
        )
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    for line in sys.stdin:
        content = ast.literal_eval(line)
        content = content[0] if isinstance(content, tuple) else content
        print(repr((content, ask(content))), flush=True)


main()
