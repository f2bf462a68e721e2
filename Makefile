# make demo   evaluate the shipped agents and show what they want (about three minutes)
# make check  lint, type-check and run the tests that start no process (about a minute)
# make test   lint, type-check and test everything
# make clean  remove what was built; the virtual environment and your runs stay
# Each sets up what it needs by itself the first time: see scripts/setup.sh. PYTHON=python3.12 picks the interpreter.

SHELL := bash
BIN := .venv/bin
TESTS := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal
export PYTHON

.PHONY: demo check test lint types clean setup
.DEFAULT_GOAL := demo

setup:
	@scripts/setup.sh

demo: setup
	@$(BIN)/mcproxy demo

check: lint types
	$(TESTS) -m "not slow and not gpu and not cli"

test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint types
	$(TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot follow tasks/, eval/ and scripts/ into the package; it reads them where a regular install puts them.
types: setup
	@rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-compile --target build/typed .
	$(BIN)/mypy build/typed/mcproxy tests docs/*.py

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
