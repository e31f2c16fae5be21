# Every verb of the project; `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PROTOS := $(wildcard proto/crm/v1/*.proto)
# What the contract imports of google.api comes with a Python package.
PROTOC  = $(BIN)/python -m grpc_tools.protoc -Iproto -I$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
IMAGE  := build/contract.binpb
KNOWN  := tests/golden/contract.binpb
SCALE  ?= 1
PORT   ?= 9092

.PHONY: help setup demo test soak check contract proto bench kafka clean
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
	$(MAKE) --no-print-directory contract
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow'

test: setup ## Lint, types and every test, against the real thing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory contract
	$(BIN)/pytest -n 2 --dist worksteal

soak: setup ## What goes wrong with several processes, and a million damaged inputs: an hour or so, and figures
	ANNALS_SOAK=1 $(BIN)/pytest -m soak tests/faults tests/server/test_garbage.py

contract: setup ## Whether proto/crm/v1 is well formed, documented, and breaks nobody who knows it as it was
	@mkdir -p build
	@$(PROTOC) --include_imports --include_source_info --descriptor_set_out=$(IMAGE) $(PROTOS)
	$(BIN)/buf lint $(IMAGE) --path crm
	$(BIN)/buf breaking $(IMAGE) --against $(KNOWN) --path crm

proto: contract ## Generate the stubs and the pages of docs that are made of code, and remember the contract
	$(PROTOC) --python_out=proto --pyi_out=proto --grpc_python_out=proto $(PROTOS:proto/%=%)
	$(BIN)/python -m infra.server.reference < $(IMAGE) > docs/reference.md
	$(BIN)/python -c 'from infra.server.codes import page; print(page(), end="")' > docs/errors.md
	$(BIN)/python -c 'from pathlib import Path; from infra.server.permissions import page; at = Path("docs/security.md"); at.write_text(page(at.read_text()))'
	$(BIN)/python -c 'from infra.stream.description import asyncapi; print(asyncapi(), end="")' > docs/asyncapi.yaml
	$(PROTOC) --include_imports --descriptor_set_out=$(KNOWN) $(PROTOS)

bench: setup ## Measure, each figure beside a baseline (SCALE=1: a million events)
	$(BIN)/python -m tests.bench --scale $(SCALE)

kafka: setup ## Fetch Apache Kafka, run it here, print its address; Ctrl-C ends it (PORT=9092)
	@$(BIN)/python -m infra.deploy --port $(PORT)

clean: ## Remove what was installed and built
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
