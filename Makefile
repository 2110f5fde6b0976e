# `make demo` shows the product, `make test` checks it. Both need only Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check lint types layers unit format clean

demo: $(STAMP) ## complete a line of a real file, from nothing, in the terminal
	@$(BIN)/cerebrum-lsp try --own-pool

test: check unit ## all that CI runs

check: lint types layers

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/pytest

format: $(STAMP) ## write what `make lint` would complain about
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) tools/environment.py $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
