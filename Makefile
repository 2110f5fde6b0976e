# `make demo` shows the product, `make test` checks it. Both need only Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A node refuses work while others need the processor. What is started here is to run beside them.
export CEREBRUM_NODE_MAX_OTHERS_CPU_PERCENT ?= 100

.PHONY: demo test check lint types layers unit format clean vsix vsix-needs test-vscode test-neovim

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

# Many tests wait more than they compute, so that three run beside each other even on two cores.
# Those that install something from the package index run with `make test-vscode` only.
unit: $(STAMP)
	@$(BIN)/python -m tests.e2e.editors --in-background
	$(BIN)/pytest --numprocesses 3 --dist loadfile -m "not alone"
	$(BIN)/pytest -m "alone and not index"

format: $(STAMP) ## write what `make lint` would complain about
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

VSCODE := editors/vscode

VSIX := dist/cerebrum.vsix
PACKAGES := $(shell find cerebrum_kit cerebrum_lsp orchestrator node_backend -type f ! -path '*/__pycache__/*')
EXTENSION := $(shell find $(VSCODE)/src $(VSCODE)/tests $(VSCODE)/media $(VSCODE)/*.* -type f)

vsix: $(VSIX) ## the extension for VS Code: dist/cerebrum.vsix

vsix-needs: $(VSCODE)/node_modules/.installed $(VSCODE)/daemon/.built

$(VSIX): $(VSCODE)/node_modules/.installed $(VSCODE)/daemon/.built $(EXTENSION) LICENSE
	@mkdir -p dist && cp LICENSE $(VSCODE)/
	cd $(VSCODE) && npm run --silent check && npm run --silent test && npm run --silent package

$(VSCODE)/daemon/.built: $(STAMP) $(PACKAGES) README.md
	@rm -rf build/lib build/bdist.* $(VSCODE)/daemon
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir $(VSCODE)/daemon .
	@touch $@

$(VSCODE)/node_modules/.installed: $(VSCODE)/package-lock.json
	@command -v npm >/dev/null || { echo "make vsix needs Node.js 20 or later, with npm"; exit 1; }
	cd $(VSCODE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-vscode: $(STAMP) ## the extension in a real VS Code, in a real browser
	@$(BIN)/python -m tests.e2e.editors --only-vscode
	$(BIN)/pytest tests/e2e/vscode

test-neovim: $(STAMP) ## the plugin in real Neovims, the old and the new one
	$(BIN)/pytest tests/e2e/neovim

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) tools/environment.py $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
