# make demo   draw people, plant a leak, audit it, compare with the truth
# make test   the whole test suite
# make lint   ruff, mypy --strict, import-linter
# make bench  our pipeline beside the face_recognition way
# `make` never touches anything outside this folder but pip's own cache.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint bench clean
.DEFAULT_GOAL := test

$(READY): pyproject.toml constraints.txt hatch_build.py src/probablyexists/faces/align.c
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/probablyexists demo

test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check src tests scripts hatch_build.py
	$(BIN)/ruff format --check src tests scripts hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python scripts/bench.py

clean:
	rm -rf .venv probablyexists-demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
