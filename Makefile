# Needs Python 3.10 to 3.13 (the addons stack: 3.10 or 3.11), and nothing else.
# Each target makes its own virtual environment when it is missing or stale.

SHELL := /bin/sh
comma := ,
VENV := .venv
VENV_ADDONS := .venv-addons
VENV_SPARK := .venv-spark
PYTEST_ARGS ?=
# Workers of pytest, one TensorFlow each. The slow tests stand together: a worker
# that is done takes some from the other.
WORKERS ?= auto
PYTEST := -m pytest -n $(WORKERS) --maxprocesses=4 --dist=worksteal

# What another TensorFlow, Keras or optimizer is likely to break: the promises
# of all components, XLA and exports among them, numbers of published
# implementations, optimizers, the pack, and commands that train, resume and
# export. Left out: what reads files and options, what tests one function (a
# promise, a golden number or a command stands behind it), plugins and broken
# components, and commands whose point is the process or several of them, a page, a
# report, a control, what stops an export, a run of an earlier version, a notebook, a
# flagfile, a table of them or an installation; and that a seed decides all numbers,
# which both stacks' equal metrics show.
STACK_TESTS := tests/addons tests/e2e tests/golden tests/optimizers \
	tests/testing \
	--ignore=tests/e2e/test_command_line.py \
	--ignore=tests/e2e/test_documented_commands.py \
	--ignore=tests/e2e/test_notebook.py \
	--ignore=tests/e2e/test_batch.py \
	--ignore=tests/e2e/test_control.py \
	--ignore=tests/e2e/test_distributed.py \
	--ignore=tests/e2e/test_earlier_runs.py \
	--ignore=tests/e2e/test_parameter_server.py \
	--ignore=tests/e2e/test_report.py \
	--ignore=tests/e2e/test_explained.py \
	--ignore=tests/e2e/test_export_checks.py \
	--ignore=tests/e2e/test_sweep.py \
	--ignore=tests/e2e/test_tables.py \
	--ignore-glob='tests/e2e/test_*_page.py' \
	--ignore-glob='tests/testing/test_broken_*' \
	-k 'not the_same_seed_gives_the_same_numbers'

# $(call find_python,versions): the first that runs and can make environments,
# or the one given by PYTHON=. That a name is on PATH proves nothing: pyenv has
# a shim for every version that any of its environments has.
find_python = for python in $(or $(PYTHON),$(1:%=python%) python3 python); do \
	"$$python" -c 'import sys, venv, ensurepip; \
	wanted = "$(1)".split(); \
	sys.exit("%d.%d" % sys.version_info[:2] not in wanted)' \
	>/dev/null 2>&1 && break; python=; done; \
	if [ -z "$$python" ]; then \
	echo "error: found no working Python of version $(1) with its venv" \
	"module$(if $(PYTHON), at PYTHON=$(PYTHON)); install one, or say" \
	"where it is: make PYTHON=/path/to/python" >&2; exit 1; fi

# $(call make_venv,folder,versions,extras)
define make_venv
	@$(call find_python,$(2)); \
	if ! $(1)/bin/python -m pip --version >/dev/null 2>&1; then \
	echo "making $(1) with $$python"; \
	rm -rf $(1) && "$$python" -m venv $(1); fi
	@echo "installing into $(1): one or two minutes the first time"
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable ".[$(3)]"
	@touch $@
endef

# Of make demo-workers: two free ports, and what its workers train.
PORTS ?= 24810 24811
DEMO_WORKERS := "--dataset=synthetic(users=600)" --policy=all --learning_rate=0.005 \
	"--backbone=sasrec(channels=16,num_blocks=2)" --pretrain_epochs=3 \
	--epochs=3 --threads=1 --run=run --overwrite

.PHONY: help venvs demo demo-workers test test-addons test-spark stack-addons same-metrics faults docs results lint \
	format clean

help:
	@echo "make demo         who should be tuned? policies, explained"
	@echo "make demo-workers  two workers of this machine train one model"
	@echo "make test         lint, types and tests on the current TensorFlow"
	@echo "make test-addons  tests on TensorFlow 2.15 with tensorflow-addons"
	@echo "make stack-addons  those of them that depend on the stack"
	@echo "make test-spark   tests of --engine=spark, with PySpark; needs Java"
	@echo "make same-metrics  both stacks: are the metrics the same?"
	@echo "make faults       ten kills at random moments; minutes"
	@echo "make results      every sweep of docs/RESULTS.md: hours; it goes on"
	@echo "make venvs        the environments of TensorFlow 2.15 and of Spark"
	@echo "make docs         build the site into site/; a warning is an error"
	@echo "make lint         ruff and mypy alone"
	@echo "make format       let ruff mend what it can"
	@echo "make clean        remove environments and caches; runs stay"

$(VENV)/.stamp: setup.py pyproject.toml Makefile
	$(call make_venv,$(VENV),3.13 3.12 3.11 3.10,dev)

$(VENV_ADDONS)/.stamp: setup.py pyproject.toml Makefile
	$(call make_venv,$(VENV_ADDONS),3.11 3.10,addons$(comma)dev)

$(VENV_SPARK)/.stamp: setup.py pyproject.toml Makefile
	$(call make_venv,$(VENV_SPARK),3.12 3.11 3.10,spark$(comma)dev)

venvs: $(VENV_ADDONS)/.stamp $(VENV_SPARK)/.stamp

demo: $(VENV)/.stamp
	$(VENV)/bin/python -m tfxdr.main --preset=demo
	$(VENV)/bin/python -m tfxdr.main --preset=demo-scarce

# Each worker has a folder of its own, as if it were another machine.
demo-workers: $(VENV)/.stamp
	@set -- $(PORTS); begun="$$PWD"; index=1; \
	workers="\"127.0.0.1:$$1\", \"127.0.0.1:$$2\""; \
	while [ $$index -ge 0 ]; do \
	mkdir -p runs/demo-workers/$$index && cd runs/demo-workers/$$index && \
	TF_CONFIG="{\"cluster\": {\"worker\": [$$workers]}, \
	\"task\": {\"type\": \"worker\", \"index\": $$index}}" \
	"$$begun/$(VENV)/bin/python" -m tfxdr.main --distribute=multi-worker \
	$(DEMO_WORKERS) & \
	last=$$!; cd "$$begun"; index=$$((index - 1)); done; \
	wait $$last; status=$$?; wait; exit $$status

lint: $(VENV)/.stamp
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m mypy

format: $(VENV)/.stamp
	$(VENV)/bin/python -m ruff check --fix .
	$(VENV)/bin/python -m ruff format .

test: lint
	$(VENV)/bin/python $(PYTEST) $(PYTEST_ARGS)

test-addons: $(VENV_ADDONS)/.stamp
	$(VENV_ADDONS)/bin/python $(PYTEST) $(PYTEST_ARGS)

stack-addons: $(VENV_ADDONS)/.stamp
	$(VENV_ADDONS)/bin/python $(PYTEST) $(STACK_TESTS) $(PYTEST_ARGS)

# One process: each would start a Spark of its own.
test-spark: $(VENV_SPARK)/.stamp
	$(VENV_SPARK)/bin/python -m pytest tests/data/engines $(PYTEST_ARGS)

same-metrics: $(VENV)/.stamp $(VENV_ADDONS)/.stamp
	$(VENV)/bin/python benchmarks/both_stacks.py $(VENV_ADDONS)/bin/python

faults: $(VENV)/.stamp
	$(VENV)/bin/python -m benchmarks.faults --kills=10

# From the root of the repository, where flagfiles look for what was downloaded. A
# sweep that is done takes seconds.
results: $(VENV)/.stamp
	@for sweep in flags/results/*.flags; do echo "$$sweep"; \
	$(VENV)/bin/python -m tfxdr.main --flagfile=$$sweep || exit; done
	$(VENV)/bin/python -m tfxdr.main --mode=results --run=runs/results \
		--output=docs/RESULTS.md

# Its theme announces on every build that it will not follow MkDocs 2.
docs: $(VENV)/.stamp
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) $(VENV_ADDONS) $(VENV_SPARK) build dist site *.egg-info
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
