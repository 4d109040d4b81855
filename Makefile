# `make run` and `make test` are all one needs; each does its own set-up.
#   PYTHON=/path/to/python3.13   another Python than the one found
#   ARGS="-k wallet"             more arguments for the command behind a target

SHELL = /bin/sh
VENV ?= .venv
PYTHON ?=
ARGS ?=
BIN = $(VENV)/bin
export PYTHON VENV
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test test-fast lint format bench setup setup-dev chromium echobots catalogue \
	screenshots sheet lock clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: setup ## The whole service with a local Telegram and demo data
	@exec $(BIN)/regulars run $(ARGS)

test: setup-dev chromium echobots ## Every test, on SQLite, PostgreSQL and a Redis server
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-fast: setup-dev ## The unit tests, under a minute: no database, no server, no browser
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m unit $(ARGS)

lint: setup-dev ## Style, types, imports between rooms, house rules, both languages complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/house_check.py
	$(BIN)/python scripts/catalogue.py check

format: setup-dev ## Format and mend what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup-dev ## What is measured, each beside its ceiling
	@exec $(BIN)/python -m benchmarks $(ARGS)

setup: ## The environment for running
	@scripts/setup runtime --venv "$(VENV)"

setup-dev: ## The environment for testing and linting
	@scripts/setup dev --venv "$(VENV)"

chromium:
	@scripts/chromium

echobots:
	@scripts/echobots

catalogue: setup-dev ## Collect the texts from the code, merge them into both languages, compile
	$(BIN)/python scripts/catalogue.py update
	$(BIN)/python scripts/catalogue.py compile
	$(BIN)/python scripts/catalogue.py check

screenshots: setup-dev chromium ## Pictures of the pages, for the documentation
	@exec $(BIN)/python scripts/screenshots.py $(ARGS)

sheet: setup-dev chromium ## Every screen of the bot on contact sheets, in docs/screens
	@exec $(BIN)/python -m scripts.contact_sheet $(ARGS)

lock: setup-dev ## Renew the locks from pyproject.toml (ARGS=--upgrade for newer versions)
	@scripts/lock $(ARGS)

clean: ## Remove what was made here, but neither data/ nor the environment
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
