# Every target does its own set-up. On a machine without an NVIDIA card on Linux, the small torch is enough:
#   make course TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
# (another torch later: make clean first).
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV ?= .venv
PROFILE ?= smoke
FRESH ?=
SLUG ?=
COLAB_VENV ?= .venv-colab
COLAB_TORCH ?= torch==2.11.0 --index-url https://download.pytorch.org/whl/cpu

PY := $(VENV)/bin/python
# Twice quiet: errors only. Bytecode is compiled when first imported, which is a fraction of what torch has.
PIP_INSTALL := $(PY) -m pip install --quiet --quiet --disable-pip-version-check --no-input --no-compile
EXTRAS := notebooks,train,eval,test,dev
VENV_STAMP := $(VENV)/.stamp-venv
TORCH_STAMP := $(VENV)/.stamp-torch
INSTALL_STAMP := $(VENV)/.stamp-install
BROWSER_STAMP := $(VENV)/.stamp-browser
# Two test processes share the machine; torch with several threads in each would slow both down.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 MPLBACKEND=agg
# A notebook's cells belong together in one process, hence loadfile.
NBVAL := --nbval-lax --nbval-current-env --nbval-sanitize-with tests/notebooks/sanitize.cfg -p tests.notebooks.alone

.DEFAULT_GOAL := help
.PHONY: help setup table course colab-check test lint format bench soak weights browser slug clean

help:
	@echo "make course    run all notebooks (profile smoke) and build results/index.html; again: what changed"
	@echo "make course FRESH=1   all of them, changed or not"
	@echo "make test      lint, tests, notebooks"
	@echo "make setup     only the environment in $(VENV)"
	@echo "make table     evaluate all methods into results/evaluation/ (hours, and more to train them)"
	@echo "make bench     speed and memory figures into results/bench/"
	@echo "make soak      long tests"
	@echo "make browser   tests that drive a real browser"
	@echo "make weights   train the shipped weights anew (hours)"
	@echo "make format    format the code"
	@echo "make slug SLUG=owner/name   move badges and clone cells to another repository"
	@echo "make colab-check   the course on the versions of a Colab runtime (requirements/colab-pins.txt)"
	@echo "make clean     remove the environment and all that was built"

$(VENV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 (found: $$($(PYTHON) --version 2>&1))"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python -m venv is missing: apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(TORCH_STAMP): $(VENV_STAMP)
	@echo "installing $(TORCH)"
	@$(PIP_INSTALL) $(TORCH)
	@touch $@

$(INSTALL_STAMP): $(TORCH_STAMP) pyproject.toml
	@echo "installing fommvg and what it needs"
	@$(PIP_INSTALL) --editable '.[$(EXTRAS)]'
	@touch $@

$(BROWSER_STAMP): $(INSTALL_STAMP)
	@echo "installing what drives a browser (the browser itself: CHROMIUM=..., else chromium or chrome on PATH)"
	@$(PIP_INSTALL) --editable '.[$(EXTRAS),lab,browser]'
	@touch $@

setup: $(INSTALL_STAMP)

course: setup
	$(PY) -m fommvg_lib course --profile $(PROFILE) --out results/course $(if $(FRESH),--fresh)

# By hand: the course on the versions that a Colab runtime brings. They are in an environment of their own.
colab-check:
	$(PYTHON) -m venv $(COLAB_VENV)
	$(COLAB_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile $(COLAB_TORCH)
	$(COLAB_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --requirement requirements/colab-pins.txt
	PYTHONPATH=. $(COLAB_VENV)/bin/python -m fommvg_lib course --out build/colab-check --fresh

lint: setup
	$(PY) -m ruff check --quiet .
	$(PY) -m ruff format --quiet --check . || { echo "not formatted: run make format"; exit 1; }

format: setup
	$(PY) -m ruff check --quiet --fix .
	$(PY) -m ruff format --quiet .

test: lint
	$(TEST_ENV) $(PY) -m pytest -q -n 2 --dist loadfile $(NBVAL) $(wildcard tests notebooks)

table: setup
	$(TEST_ENV) $(PY) results/evaluation/make_table.py

bench: setup
	$(PY) -m tests.bench --out results/bench

soak: setup
	$(TEST_ENV) $(PY) -m pytest -m soak tests; \
	  code=$$?; if [ $$code -eq 5 ]; then echo "no soak test exists yet"; exit 1; fi; exit $$code

browser: $(BROWSER_STAMP)
	$(TEST_ENV) $(PY) -m pytest -q -rs -m browser tests/browser

weights: setup
	$(PY) -m fommvg_lib.training.shipped

slug: setup
	$(PY) .ci/slug.py $(SLUG)

clean:
	rm -rf $(VENV) $(COLAB_VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis results/course results/index.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
