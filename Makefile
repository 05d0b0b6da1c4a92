# Everything that is done with this project. `make` alone lists it. Needs GNU make, and Python 3.11 or newer with venv.
#
# PYTHON=python3.12 chooses the interpreter, VENV=folder where the tools go, JOBS=n how many processes run tests (0: this one),
# ARGS=… is passed on to demo, test, chaos, bench and simulate.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
JOBS ?= 2

BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
RUN := $(MAKE) --no-print-directory

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test unit check fmt docs setup chaos bench simulate lock image clean

help: ## Say what can be made
	@echo "make TARGET [PYTHON=$(PYTHON)] [VENV=$(VENV)] [ARGS=…]"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

install: ## Install the locked libraries and the connector into the folder VENV, once
	@began=$$(date +%s); \
	$(RUN) --silent $(INSTALLED); \
	echo "installing took $$(( $$(date +%s) - began )) s ($(VENV), $$($(BIN)/python --version))"

demo: install ## Show orders and returns becoming cases, and the decisions coming back; ARGS=--stay keeps it up
	@$(BIN)/connector demo $(ARGS)

test: install ## Run everything that must hold: make check, then all tests; ARGS="-k words" chooses tests, JOBS=0 runs them one after the other
	@$(RUN) check
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

unit: install ## Run the unit tests only
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder tests/unit $(ARGS)

check: install ## Look without running: ruff (lint and format), mypy --strict, the tests inside the mappings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/connector test

fmt: install ## Put imports and format right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## Write anew what comes from the code: the page of commands, the map of modules, schemas/
	$(BIN)/python -m tests.written_docs

setup: install ## Write anew the administrators' files for the shipped flows, in setup/
	@SFCC_URL=https://shop.example.com SFCC_CLIENT_ID=CLIENT_ID SFCC_CLIENT_SECRET=- SALESFORCE_URL=https://org.example.com \
	SALESFORCE_CLIENT_ID=- SALESFORCE_CLIENT_SECRET=- $(BIN)/connector setup --config config.example.yaml $(ARGS)

chaos: install ## Run 100,000 records under every fault and a kill every 10 s, beside a run without; ARGS="--records 5000" is shorter
	$(BIN)/connector selftest --records 100000 --seconds 300 --within 3600 --kill-every 10 --needing 8 --decisions 3 --compare $(ARGS)

bench: install ## Measure records a second, calls and memory; ARGS="--rounds 1" is quicker
	$(BIN)/python -m bench.run $(ARGS)

simulate: install ## Run 10,000 courses of events under faults; ARGS="--seeds 1..500", ARGS=--planted finds planted bugs
	$(BIN)/python -m tests.simulation $(ARGS)

lock: ## Pin every library again with hashes (needs uv); ARGS=--upgrade moves to newer versions
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	@build=$$($(PYTHON) -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'); \
	echo "$$build" | $(COMPILE) --extra dev $(ARGS) --output-file requirements.lock - pyproject.toml; \
	echo "$$build" | $(COMPILE) --constraint requirements.lock --output-file requirements-runtime.lock - pyproject.toml

image: ## Build the container image commerce-case-connector:dev; ARGS are passed to docker build
	docker build $(ARGS) --tag commerce-case-connector:dev .

clean: ## Remove what make has made here (the ledgers of your own runs stay)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing the locked libraries into $(VENV)"
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

# The build tool is locked too: nothing comes without its hash.
$(INSTALLED): $(LOCKED) pyproject.toml
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
