# make demo   evaluate the shipped agents and show what they want (about three minutes)
# make test   lint, type-check and test everything
# make clean  remove what was built; the virtual environment and your runs stay
# Each sets up what it needs by itself the first time: see scripts/setup.sh. PYTHON=python3.12 picks the interpreter.

SHELL := bash
BIN := .venv/bin
export PYTHON

.PHONY: demo test lint types clean setup
.DEFAULT_GOAL := demo

setup:
	@scripts/setup.sh

demo: setup
	@$(BIN)/mcproxy demo

test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint types
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .

# mypy cannot follow tasks/, eval/ and scripts/ into the package; it reads them where a regular install puts them.
types: setup
	@rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-compile --target build/typed .
	$(BIN)/mypy build/typed/mcproxy

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
