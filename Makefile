# Everything runs in .venv, which is made from requirements.lock when first needed.
# `make help` lists the targets; PYTHON=... chooses the interpreter; EXECUTE=1 re-runs the notebooks.
.PHONY: help book test lint unit notebooks-check notebooks exercises map lab lock bench clean
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv/bin
STEP := sh scripts/step.sh
PY := $(VENV)/python
# Notebook text must not depend on the terminal or on the reader's own settings.
export PYTHONDONTWRITEBYTECODE =
export PYDEVD_DISABLE_FILE_VALIDATION = 1
unexport PYTHONPATH PYTHONHOME

help: ## list the targets
	@echo "minicnn: a textbook that runs. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-24s %s\n", $$1, $$2}'

# The stamp holds a checksum, not a time: a fresh checkout of old files must not fool it.
.PHONY: setup
setup: ## make .venv and install the locked dependencies (the other targets do it by themselves)
	@[ -x .venv/bin/python ] && [ "$$(cat .venv/.installed 2>/dev/null)" = "$$(cat requirements.lock pyproject.toml | cksum)" ] \
		|| PYTHON="$(PYTHON)" sh scripts/setup.sh

book: setup ## build the HTML book (EXECUTE=1: re-run every notebook first)
	@if [ "$(EXECUTE)" = 1 ]; then $(PY) scripts/run_notebooks.py; fi
	@$(PY) scripts/build_book.py

test: lint unit notebooks-check ## lint, types, import rules, unit tests, and every notebook re-run and compared
	@echo "All good."

lint: setup
	@$(STEP) "ruff (lint)" $(VENV)/ruff check .
	@$(STEP) "ruff (format)" $(VENV)/ruff format --check .
	@$(STEP) "mypy (types)" $(VENV)/mypy
	@$(STEP) "import-linter (floors)" $(VENV)/lint-imports
	@$(STEP) "generated files are fresh" $(PY) scripts/build_technique_map.py --check
	@$(STEP) "exercises are fresh" $(PY) scripts/build_exercises.py --check

unit: setup
	@$(PY) -m pytest -n 2 --dist loadfile tests

notebooks-check: export MINICNN_PROGRESS = off
notebooks-check: setup
	@$(PY) -m pytest -n 2 --dist loadfile -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout 300 book/*.ipynb exercises/*.ipynb

notebooks: setup ## re-run the book's notebooks and save their outputs
	@$(PY) scripts/run_notebooks.py

exercises: setup ## make the learners' notebooks and the solution pages from exercises/source
	@$(PY) scripts/build_exercises.py

map: setup ## make book/techniques.md from book/techniques.toml
	@$(PY) scripts/build_technique_map.py

lab: setup ## open JupyterLab on the book and the exercises
	@$(VENV)/jupyter lab --notebook-dir=.

lock: setup ## renew requirements.lock to the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--extra book --extra test --extra onnx --extra lab --group lock pyproject.toml -o requirements.lock

clean: ## remove what was built (not .venv)
	rm -rf _build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find minicnn tests book exercises scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
