# What a person types. `make help` lists it.
.DEFAULT_GOAL := help
.SILENT:
.PHONY: help demo up down doctor test lint types imports migrations pytest bench soak requirements clean runtime dev

PYTHON ?=
MODEL ?=
ARGS ?=
BIN := .venv/bin

help: ## list the targets
	awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo "  ARGS=... is handed to demo, up, doctor, pytest and bench; PYTHON=/path/to/python chooses the interpreter."

runtime:
	.ci/venv runtime "$(PYTHON)"

dev:
	.ci/venv dev "$(PYTHON)"
	.ci/venv local "$(PYTHON)"

demo: runtime ## start everything, run one request and show it live (ARGS=--once: then stop; MODEL=local: a real model, no network)
	[ "$(MODEL)" != local ] || .ci/venv local "$(PYTHON)"
	[ "$(MODEL)" != local ] || export SHANNON_LOCAL_MODEL=true; exec $(BIN)/python manage.py demo $(ARGS)

up: runtime ## start everything and leave it running; addresses and keys are in .local/stack.json
	exec $(BIN)/python manage.py up $(ARGS)

down: runtime ## stop what `make up` started
	exec $(BIN)/python manage.py down

doctor: runtime ## say what is wrong and what to do
	exec $(BIN)/python manage.py doctor $(ARGS)

lint: dev ## ruff: rules and format
	echo "== lint"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev ## mypy --strict
	echo "== types"
	# what it has kept of modules that were renamed since may be wrong: errors are told only when a fresh look has them too
	told=$$($(BIN)/mypy .) && echo "$$told" || { rm -rf .mypy_cache; exec $(BIN)/mypy .; }

imports: dev ## the contracts of who may import whom
	echo "== import contracts"
	$(BIN)/lint-imports --no-cache

migrations: dev ## no model changed without its migration (part of pytest as well)
	exec $(BIN)/python -m pytest -q tests/integration/platform/test_migrations.py

test: lint types imports pytest ## everything that CI runs

pytest: dev ## the tests alone: all of them in two processes, or some of them in one (ARGS="tests/unit -k name")
	echo "== tests"
	exec $(BIN)/python -m pytest $(or $(ARGS),-n 2)

bench: dev ## measure; prints a table and writes benchmarks/results/latest.json
	exec $(BIN)/python -m benchmarks $(ARGS)

soak: dev ## 200 random faults on 20 tasks, then every promise is checked (ARGS="--seed=1 --faults=50"); 5 minutes
	exec $(BIN)/python -m tests.acceptance.faults.soak $(ARGS)

requirements: dev ## compile requirements*.in into the pinned files, for Python 3.11 to 3.13
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --upgrade -q requirements.in -o requirements.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-header --upgrade -q requirements-dev.in -o requirements-dev.txt

clean: ## stop everything; remove the environment, local data and caches
	if [ -x $(BIN)/python ] && [ -d .local ]; then $(BIN)/python manage.py down || true; fi
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
