# Everything runs from .venv, which the lock file alone determines.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dataset test long lint bench install

dataset: install
	$(BIN)/slingshot build

test: install
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
	$(BIN)/python -m tests.benchmarks.endpoint
	$(BIN)/python -m tests.benchmarks.engines

install: .venv/installed

# torch comes first and exactly: any range lets pip take a build with gigabytes of CUDA packages.
.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
