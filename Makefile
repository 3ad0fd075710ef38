# Everything a newcomer needs: each target does its own set-up, in .venv, from the pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format requirements clean

help: ## What there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(VENV)/dev.stamp ## Set up .venv with all that development and the tests need

demo: $(VENV)/demo.stamp ## Watch leaderboards move on embedded parts; ARGS="--for 30s" passes options on
	$(BIN)/python -m worker demo $(ARGS)

test: $(VENV)/dev.stamp ## Run the tests, in three processes, as most of them wait; ARGS="-k boards" passes options on
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/dev.stamp ## Lint, check the types, check the format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## Lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: ## Pin the dependencies again (needs uv)
	uv pip compile $(PIN) pyproject.toml -o requirements/runtime.txt
	uv pip compile $(PIN) --extra demo -c requirements/runtime.txt pyproject.toml -o requirements/demo.txt
	uv pip compile $(PIN) --extra demo --group dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt
	echo "# What builds the wheel: a part of requirements/dev.txt, kept equal to it by a test." >deploy/build-requirements.txt
	echo "hatchling" | uv pip compile $(PIN) -c requirements/dev.txt - >>deploy/build-requirements.txt
PIN := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade

clean: ## Remove what the set-up and the tests left
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say which with PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)

INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check

$(VENV)/demo.stamp: requirements/demo.txt | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/demo.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) --no-build-isolation --no-deps -e .
	@touch $@ $(VENV)/demo.stamp
