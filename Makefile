# The three ways in: `make run`, `make test`, `make ui`. Everything is installed into .venv, from the lock file.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# Any of these that is of a supported version; PYTHON=/path/to/python names one.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)

# Five at once: many tests wait for services. Tests of one file share those, and stay together.
PYTEST_ARGS ?= -n 5 --dist loadfile --no-loadscope-reorder

.PHONY: help run test test-all ui lint lock docs screenshots clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Copydesk needs Python 3.11, 3.12 or 3.13; none was found. Debian and Ubuntu: apt install python3 python3-venv" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. Debian and Ubuntu: apt install python3-venv; Fedora: dnf install python3" >&2; exit 2; }
	@echo "Installing into $(VENV) (once; about a minute)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(VENV)/installed ## load samples/ into ./data and say what to try next
	@$(BIN)/copydesk run samples
	@echo
	@$(BIN)/copydesk sql "SELECT language, count(*) AS documents, count(content_created) AS dated, \
		count(place_id) AS placed, count(agency_id) AS credited \
		FROM documents GROUP BY ALL ORDER BY documents DESC, language LIMIT 8"
	@echo
	@echo "Try next:"
	@echo "  . $(BIN)/activate"
	@echo "  copydesk sql 'select located, content_created, agency_id from documents limit 10'"
	@echo "  copydesk explain samples/azertac/2022/gandja-gare.txt"
	@echo "  copydesk rejects"
	@echo "  copydesk run YOUR_FOLDER          (of .txt files)"
	@echo "  make ui"

test: $(VENV)/installed lint ## what has to pass
	@$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not slow"

test-all: $(VENV)/installed lint ## the same, and more of the faults: before a release
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

ui: $(VENV)/installed ## the Dagster web UI on http://127.0.0.1:3000
	@$(BIN)/copydesk ui

docs: $(VENV)/installed ## write docs/tables.md from the contract
	@$(BIN)/python -m copydesk.dictionary > docs/tables.md

screenshots: $(VENV)/installed ## make the pictures of the README (needs Chromium, and a font with Chinese signs)
	@$(BIN)/python -m docs.screenshots

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --only-binary :all: --no-header --upgrade --quiet -o requirements.lock

clean: ## remove .venv and build output; the home stays
	rm -rf $(VENV) build dist *.egg-info
