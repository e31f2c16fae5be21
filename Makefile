# Every verb of the project; `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PROTOS := $(wildcard proto/crm/v1/*.proto)
SCALE  ?= 1
PORT   ?= 9092

.PHONY: help setup demo test soak check proto bench kafka clean
.DEFAULT_GOAL := help

help: ## List the verbs
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: $(READY) ## Install everything into .venv

$(READY): pyproject.toml constraints.txt
	@echo "Installing Annals and what it needs into $(VENV) (a minute the first time) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup ## Simulate a company and tour its reports
	$(BIN)/crm demo

check: setup ## Lint, types and the fast tests, in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/pytest -n 2 -m 'not slow'

test: setup ## Lint, types and every test, against the real thing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/pytest -n 2

soak: setup ## What goes wrong with several processes, at length: ten minutes, and figures
	ANNALS_SOAK=1 $(BIN)/pytest -m soak tests/faults tests/server/test_garbage.py

proto: setup ## Generate the stubs from proto/crm/v1, docs/errors.md, docs/asyncapi.yaml and the table in docs/security.md
	$(BIN)/buf lint
	$(BIN)/python -m grpc_tools.protoc -Iproto --python_out=proto --pyi_out=proto --grpc_python_out=proto $(PROTOS:proto/%=%)
	$(BIN)/python -c 'from infra.server.codes import page; print(page(), end="")' > docs/errors.md
	$(BIN)/python -c 'from pathlib import Path; from infra.server.permissions import page; at = Path("docs/security.md"); at.write_text(page(at.read_text()))'
	$(BIN)/python -c 'from infra.stream.description import asyncapi; print(asyncapi(), end="")' > docs/asyncapi.yaml

bench: setup ## Measure, each figure beside a baseline (SCALE=1: a million events)
	$(BIN)/python -m tests.bench --scale $(SCALE)

kafka: setup ## Fetch Apache Kafka, run it here, print its address; Ctrl-C ends it (PORT=9092)
	@$(BIN)/python -m infra.deploy --port $(PORT)

clean: ## Remove what was installed and built
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
