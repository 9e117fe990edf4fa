"""Everything stands in setup.cfg but this: `pyinit-exec`, the one C program, is compiled on the way."""

import os
import subprocess
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.bdist_wheel import bdist_wheel as WheelCommand
from setuptools.command.build import build as BuildCommand

EXEC = Path("initd", "exec")


class BuildExec(Command):
    """Run the program's own Makefile, in the source tree; into the wheel, with the units, goes what it made."""

    description = "compile pyinit-exec"
    user_options = []

    def initialize_options(self):
        self.build_lib = None

    def finalize_options(self):
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self):
        subprocess.run(["make", "-C", os.fspath(EXEC)], check=True)
        target = Path(self.build_lib, EXEC)
        self.mkpath(os.fspath(target))
        self.copy_file(os.fspath(EXEC / "pyinit-exec"), os.fspath(target / "pyinit-exec"))
        units = Path(self.build_lib, "initd", "units", "user")
        self.mkpath(os.fspath(units))
        for path in group_units():
            self.copy_file(os.fspath(path), os.fspath(units / path.name))


class Build(BuildCommand):
    sub_commands = [*BuildCommand.sub_commands, ("build_exec", None)]


class Wheel(WheelCommand):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        # Any Python 3 runs it; the static program inside ties it to the platform.
        return ("py3", "none", super().get_tag()[2])


def group_units():
    """What the units of `pyinit --runtime-directory=` count on."""
    return sorted(path for path in Path("units", "user").iterdir() if path.is_file() and path.suffix != ".preset")


def unit_files():
    """(directory below the prefix, files): /usr/local/lib/systemd/system is on the unit search path.

    A wheel holds no links: aliases become copies, and .wants directories, which are nothing but links, stay out.
    """
    files = sorted(path for path in Path("units").iterdir() if path.is_file())
    presets = [os.fspath(path) for path in files if path.suffix == ".preset"]
    return [("lib/systemd/system", [os.fspath(path) for path in files if path.suffix != ".preset"]),
            ("lib/systemd/system-preset", presets)]


setup(
    cmdclass={"build": Build, "build_exec": BuildExec, "bdist_wheel": Wheel},
    data_files=unit_files(),
)
