# make demo      draw people, plant a leak, audit it, compare with the truth
# make show      the same, and then the page in the browser
# make test      the test suite but its slow tests: minutes
# make test-all  the whole test suite
# make lint      ruff, mypy --strict, import-linter
# make docs      the site, into site/: links checked, no page asks another machine for anything
# make bench     our pipeline beside the face_recognition way
# `make` never touches anything outside this folder but pip's own cache.

PYTHON ?= python3
BIN := .venv/bin
# The demo needs the package alone; the rest needs torch, Ray and the test tools too.
BASE := .venv/.base
DEV := .venv/.dev
# Not compiled: Python compiles what is imported, a small part of what is installed, and keeps it.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
BUILT_FROM := pyproject.toml constraints.txt hatch_build.py src/probablyexists/faces/align.c

.PHONY: demo show test test-all lint docs bench clean
.DEFAULT_GOAL := test

.venv/pyvenv.cfg:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

$(BASE): .venv/pyvenv.cfg $(BUILT_FROM)
	$(INSTALL) -e .
	touch $@

$(DEV): .venv/pyvenv.cfg $(BUILT_FROM)
	$(INSTALL) -e '.[dev]'
	touch $(BASE) $@

demo: $(BASE)
	$(BIN)/probablyexists demo --overwrite

show: $(BASE)
	$(INSTALL) -e '.[show]'
	$(BIN)/probablyexists demo --show --overwrite

test: $(DEV)
	$(BIN)/pytest -n auto --dist worksteal

test-all: $(DEV)
	$(BIN)/pytest -n auto --dist worksteal -m ""

lint: $(DEV)
	$(BIN)/ruff check src tests scripts hatch_build.py
	$(BIN)/ruff format --check src tests scripts hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(DEV)
	$(BIN)/python scripts/bench.py

clean:
	rm -rf .venv site probablyexists-demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
