# Everything runs from .venv, which the lock file alone determines.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dataset test long lint bench install browser postgres

dataset: install
	$(BIN)/slingshot build

test: install browser postgres
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# Damaged recipes, damaged source files and killed builds, in sizes and numbers that take hours; the suite runs a few of each.
long: install
	$(BIN)/python -m pytest --mutations 100000 --kills 100 --accepted 1000 \
		tests/assets/loading/test_mutated_recipes.py tests/assets/sources/reading/test_mutated_files.py \
		tests/assets/building/test_kills.py tests/assets/building/test_rounds_killed.py

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m tests.benchmarks.rebuilds
	$(BIN)/python -m tests.benchmarks.audits
	$(BIN)/python -m tests.benchmarks.large_sources
	$(BIN)/python -m tests.benchmarks.neighbours
	$(BIN)/python -m tests.benchmarks.own_set
	$(BIN)/python -m tests.benchmarks.growth
	$(BIN)/python -m tests.benchmarks.endpoint
	$(BIN)/python -m tests.benchmarks.engines
	$(BIN)/python -m tests.benchmarks.nodes
	$(BIN)/python -m tests.benchmarks.servers

# For the tests of pages. Where this is no Debian, or you are not root, install one yourself; without it these tests skip.
browser:
	@command -v chromedriver > /dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null || \
		{ apt-get update --quiet && apt-get install --yes --quiet chromium chromium-driver; } || true

# For the tests of warehouses in PostgreSQL, which start servers of their own; the run level keeps Debian from starting one.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || [ "$$(id -u)" != 0 ] || \
		! command -v apt-get > /dev/null || \
		{ apt-get update --quiet && RUNLEVEL=1 apt-get install --yes --quiet postgresql; } || true

install: .venv/installed

# torch comes first and exactly: any range lets pip take a build with gigabytes of CUDA packages.
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
