# make demo   everything installed, built, booted and shown
# make test   everything installed, and every test
# Both are meant for a fresh Debian 12 machine, as root; what is there already is left alone.

PYTHON ?= python3
VENV = build/venv
BIN = $(VENV)/bin
RUN = $(BIN)/python -m pytest -q
DEBS = build-essential ca-certificates catatonit curl debhelper help2man iproute2 lowdown mmdebstrap musl-tools openssh-client \
	podman procps python3 python3-venv runc valgrind

.PHONY: help demo test check unit sim sim-long container packages images web figures docs answers escape fuzz fuzz-exec fuzz-socket injected bench bench-capture bench-journalctl growth \
	journal-kills groups-page steering-page chaos soak chaos-peers calendars triggers package-triggers matrix pythons trixie autopkgtest single deb tools clean

help:
	@sed -n 's/^# //p' Makefile

demo: tools
	$(PYTHON) tests/container/demo.py

test: check unit sim container

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/mypy

# Sockets have short names, and so must their directory. Two files at a time, those that take longest first.
LONGEST = tests/conformance/test_directives.py tests/fuzz/test_growth.py tests/test_cost.py tests/test_packaging.py
unit: $(VENV)/ready initd/exec/pyinit-exec
	directory=$$(mktemp -d) && $(RUN) --numprocesses 2 --dist loadfile --no-loadscope-reorder --basetemp $$directory \
		$(LONGEST) tests --ignore tests/sim --ignore tests/container; \
	code=$$?; rm -rf $$directory; exit $$code

sim: $(VENV)/ready
	$(RUN) --numprocesses 2 --dist worksteal tests/sim/test_properties.py tests/sim

# Ten million events with everything going wrong that can (an hour); goes into tests/sim/results.tsv.
SIM_STEPS ?= 10000000
sim-long: $(VENV)/ready
	nice -n 19 $(BIN)/python -m tests.sim.long --steps $(SIM_STEPS) --write

# Three files at a time: most of what they do is to wait for containers.
container: $(VENV)/ready initd/exec/pyinit-exec
	$(RUN) --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 30 \
		-m "not images" --ignore tests/container/test_packages.py \
		--ignore tests/container/test_web_browser.py tests/container

# The images of tests/images, each built, run and asked (two minutes); two of them are in no other target.
images: $(VENV)/ready
	$(RUN) tests/container/test_images.py

# What upgrades, removals and image builds of packages leave behind, as recorded under systemd (three minutes).
packages: $(VENV)/ready
	$(RUN) tests/container/test_packages.py

# The web page in headless Chromium (a minute); its pictures go into debian/doc.
web: $(VENV)/ready-web
	PYINIT_KEEP_PICTURES=1 $(RUN) tests/container/test_web_browser.py

# The README's table of figures.
figures: tools
	$(PYTHON) tests/bench/figures.py --write

# The pages of all directives, of a service's states, of systemctl's verbs, and of what was tried; completion for shells.
docs: $(VENV)/ready
	$(BIN)/python -m initd.cli.directives_page > debian/doc/directives.md
	$(BIN)/python -m initd.cli.states_page > debian/doc/service-states.md
	$(BIN)/python -m tests.conformance.systemctl.page > debian/doc/systemctl.md
	$(BIN)/python -m tests.matrix.page > debian/doc/packages.md
	$(BIN)/python tests/chaos/page.py > debian/doc/robustness.md
	$(BIN)/python -m initd.cli.shell_completion bash > debian/completion/systemctl
	$(BIN)/python -m initd.cli.shell_completion zsh > debian/completion/_systemctl
	$(BIN)/python -m initd.cli.shell_completion fish > debian/completion/systemctl.fish

# pyinit plan, systemctl why and pyinit diff in a container, and what they say: debian/doc/answers.md.
answers: tools
	$(PYTHON) tests/container/answers.py

# How often a service that does not want to be stopped gets away, over 200 tries; goes into tests/container/escapes.tsv.
escape: tools
	$(PYTHON) tests/container/escape.py --tries 200 --write

# The journal killed 200 times while services write, and 600 times with clients beside them; what became of their lines goes into tests/container/journal_kills.tsv.
journal-kills: tools
	$(PYTHON) tests/container/journal_kills.py --kills 200 --write
	$(PYTHON) tests/container/journal_kills.py --kills 600 --load --write

# What can go wrong around an init, at length (some hours; tests/chaos/run.py takes names, tries and minutes); what came of it
# goes into tests/chaos/results.tsv.
chaos: tools
	dpkg-query -W qemu-system-x86 cpio > /dev/null || apt-get install -qq -y --no-install-recommends qemu-system-x86 cpio
	$(PYTHON) tests/chaos/run.py --write

# A day of a container with twenty services, compressed into half an hour; goes into tests/chaos/soak.tsv.
soak: tools
	$(PYTHON) tests/chaos/soak.py --write

# Some of the same chaos for pyinit, systemd, s6 and supervisord, beside each other; goes into tests/chaos/peers.tsv.
chaos-peers: tools
	$(PYTHON) tests/chaos/others.py --write

# Everything that parses, for FUZZ_SECONDS; what was run goes into tests/fuzz/results.tsv.
FUZZ_SECONDS ?= 60
fuzz: $(VENV)/ready-fuzz
	nice -n 19 $(BIN)/python tests/fuzz/fuzz_units.py --seconds $(FUZZ_SECONDS)

# The manager's socket, for FUZZ_SECONDS; what was run goes into tests/fuzz/socket_results.tsv.
fuzz-socket: tools
	$(PYTHON) tests/fuzz/fuzz_socket.py --seconds $(FUZZ_SECONDS) --write

# pyinit-exec by its exec context, with libFuzzer and the sanitizers; what was run goes into tests/fuzz/exec_results.tsv.
fuzz-exec: $(VENV)/ready
	dpkg-query -W clang-14 libclang-rt-14-dev > /dev/null || apt-get install -qq -y --no-install-recommends clang-14 libclang-rt-14-dev
	nice -n 19 $(BIN)/python tests/fuzz/fuzz_exec.py --seconds $(FUZZ_SECONDS)

# Every function of the shell raises once, in a manager that must go on (an hour and more); goes into tests/injected/results.tsv.
injected: $(VENV)/ready initd/exec/pyinit-exec
	nice -n 5 $(BIN)/python -m tests.injected.run --write

# What events, scale, rolling restarts and event listeners say in a container; goes into debian/doc/events-and-groups.md.
groups-page: tools
	$(PYTHON) tests/container/groups_page.py

# pyinitctl, top, and the picture of a boot: debian/doc/steering.md.
steering-page: tools
	$(PYTHON) tests/container/steering_page.py

# A thousand timers, sockets and watched paths at once, with nothing to do; goes into tests/bench/triggers.tsv.
triggers: tools
	$(PYTHON) tests/bench/triggers.py --write

# Ten thousand calendar events, told by the real systemd-analyze and by ours; goes into
# tests/conformance/analyze/calendars.tsv.
calendars: $(VENV)/ready
	$(BIN)/python -m tests.conformance.analyze.calendars --seed $${SEED:-7} --write

# What it costs to keep what services write, beside systemd's journal, supervisor and s6 (half an hour); tests/bench/capture.md.
bench-capture: tools
	$(PYTHON) tests/bench/capture.py --write

# What journalctl takes over a gigabyte; tests/bench/journalctl.md.
bench-journalctl:
	directory=$$(mktemp -d) && $(PYTHON) -m tests.bench.journalctl $$directory/store --write; rm -rf $$directory

# Starts, stops, restarts, memory and commands of up to 3000 services, beside other managers (an hour); tests/bench/scale.md.
bench: tools $(VENV)/ready
	$(PYTHON) tests/bench/scale.py --write
	$(call install,bench)
	$(BIN)/python tests/bench/scale_page.py

# What the manager keeps of 10,000 restarts and 1,000 reloads (five minutes); goes into tests/bench/growth.tsv.
growth: tools
	$(PYTHON) tests/bench/growth.py --write

# All recorded sockets, timers and paths of packages, played to pyinit, and what differs; `make test` has most of them.
package-triggers: $(VENV)/ready
	$(BIN)/python -m tests.conformance.packagetriggers.record --ours

# Debian's packages, unchanged, one after the other: installed, booted, asked, restarted, stopped; goes into tests/matrix.
matrix: tools
	$(PYTHON) tests/matrix/matrix.py --init both --write

# pip's way, with each of these interpreters that there is.
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
pythons: $(VENV)/ready
	@for each in $(PYTHONS); do \
		program=$$(command -v $$each) || { echo "$$each is not here"; continue; }; \
		echo "$$program"; PYINIT_TEST_PYTHON=$$program $(RUN) tests/test_packaging.py || exit 1; done

# The package on another Debian than 12 (five minutes): RELEASE=trixie has Python 3.13, sid 3.14.
trixie: $(VENV)/ready
	PYINIT_TEST_RELEASE=$(or $(RELEASE),trixie) $(RUN) --numprocesses 2 --dist loadfile $(addprefix tests/container/test_, \
		boot.py commands.py install.py journalctl.py paths.py reexec.py sockets.py stop.py timers.py upgrade.py)

# The package's own tests (debian/tests), by autopkgtest, in a container that pyinit has booted.
autopkgtest: tools
	$(PYTHON) tests/container/autopkgtest.py

# Two files for an image that installs no package of ours: pyinit.pyz and pyinit-exec, below build/single.
single: deb
	$(PYTHON) debian/single/build.py ../pyinit_*_$$(dpkg --print-architecture).deb build/single

deb: tools
	dpkg-buildpackage -b -us -uc

initd/exec/pyinit-exec: $(wildcard initd/exec/*.[ch]) | tools
	$(MAKE) -C initd/exec

# One look at what is installed; apt only where something is missing.
tools:
	@missing=; for name in $(DEBS); do \
		dpkg-query -W -f '$${db:Status-Abbrev}' $$name 2>/dev/null | grep -q ^ii || missing="$$missing $$name"; done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; \
	fi

# The tests' own Python packages, as setup.cfg names them, in a place of their own.
$(VENV)/ready: setup.cfg | tools
	$(PYTHON) -m venv $(VENV)
	$(call install,test)
	touch $@

# The fuzzer has a library of its own, and wheels for some machines only.
$(VENV)/ready-fuzz: $(VENV)/ready
	$(call install,fuzz)
	touch $@

$(VENV)/ready-web: $(VENV)/ready
	$(call install,browser)
	touch $@

define install
	$(PYTHON) -c 'import configparser as c; p = c.ConfigParser(); p.read("setup.cfg"); print(p["options.extras_require"]["$(1)"])' \
		> build/requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -r build/requirements.txt
endef

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	$(MAKE) -C initd/exec clean
