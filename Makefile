# Everything a reader or a contributor runs. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
comma := ,
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2
# Chapters to re-execute: make update CHAPTERS="book/multitree/factorization.md"
CHAPTERS ?=
STUDY ?=
MODULES ?=
SUBJECTS ?=
PEERS ?=
# NEWEST=1 installs the newest versions that pyproject.toml allows instead of the lock.
NEWEST ?=
INSTALL := $(if $(NEWEST),--upgrade setuptools .[book$(comma)study$(comma)dev],-r requirements.lock)
export PYTHONPATH := src
# One thread each: the notebooks run side by side, and small matrices gain nothing from more.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export POT_BACKEND_DISABLE_TENSORFLOW := 1
export POT_BACKEND_DISABLE_JAX := 1
export POT_BACKEND_DISABLE_CUPY := 1

PYTEST := $(BIN)/python -m pytest
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout 300
PARALLEL := -n $(JOBS) --dist loadfile
SOURCES := $(shell find book src/book_tools src/lib -type f \( -name '*.md' -o -name '*.ipynb' \
	-o -name '*.py' -o -name '*.yml' -o -name '*.bib' -o -path 'book/static/*' \
	-o -path 'book/data/*.csv' \) 2>/dev/null | sort) README.md LICENSE
HTML := _build/html/.built

.DEFAULT_GOAL := help
.PHONY: help setup book serve test update ledger status portability lint coverage bench mutants study clean FORCE

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -c 'import matplotlib.font_manager'  # builds the font cache once, before any notebook asks
	touch $@

setup: $(READY)  ## make .venv, install the lock and the package

book: $(HTML)  ## build the pages from the executed notebooks
	@$(BIN)/python -c 'import pathlib; print("The book is at", pathlib.Path("_build/html/index.html").resolve().as_uri())'

# The names of the sources and the address of the buttons: rewritten only when one of them changes.
MADE_OF := $(BOOK_REPOSITORY_URL) $(BOOK_REPOSITORY_BRANCH) $(SOURCES)
_build/sources: FORCE
	@mkdir -p _build
	@echo '$(MADE_OF)' | cmp -s - $@ || echo '$(MADE_OF)' > $@

# The folder build/ holds the library of the last wheel, also the modules removed since.
$(HTML): $(READY) _config.yml _toc.yml _build/sources $(SOURCES)
	rm -rf _build/html _build/.doctrees _build/extra build && mkdir -p _build/extra/downloads
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w _build/extra/downloads .
	$(BIN)/jupyter-book build -W -n --keep-going .
	touch $@

serve: book  ## read the book on http://localhost:8000
	$(BIN)/python -m http.server --bind localhost --directory _build/html 8000

test: $(HTML)  ## unit tests, doctests, ledger, notebooks against their outputs, built pages
	$(PYTEST) -p book_tools.progress $(PARALLEL) --doctest-modules $(NBVAL) tests src/lib book

update: $(READY)  ## execute the chapters and store them (CHAPTERS="book/part/x.md ...")
	$(BIN)/python -m book_tools.update $(CHAPTERS)

ledger: $(READY)  ## write the pages derived from the claims ledger
	$(BIN)/python -m book_tools.ledger

status: $(READY)  ## measure the chapters and write the status page
	$(BIN)/python -m book_tools.status

portability: $(READY)  ## re-run every notebook with other BLAS kernels and thread counts
	OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 \
		$(PYTEST) -p book_tools.progress $(PARALLEL) $(NBVAL) book
	test -n "$(FIRST_ONLY)" || OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(PYTEST) -p book_tools.progress $(PARALLEL) $(NBVAL) book

lint: $(READY)  ## ruff, on code and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

coverage: $(READY)  ## coverage of the library by its unit tests, in one process
	$(PYTEST) -q --cov --cov-report=term-missing --doctest-modules tests src/lib --ignore tests/book

bench: $(READY)  ## measure speed beside peers (tests/benchmarks; PEERS=1 installs the peers first)
	test -z "$(PEERS)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[peers]'
	$(BIN)/python -m book_tools.bench $(SUBJECTS)

mutants: $(READY)  ## break the library's numbers by 0.1 % and see that tests notice (MODULES="...")
	$(BIN)/python -m book_tools.mutation $(MODULES)

study: $(READY)  ## run or resume a study (STUDY="package.module:NAME --out path")
	$(BIN)/python -m openblackbox.study $(STUDY)

clean:  ## remove what was built
	rm -rf _build .pytest_cache .ruff_cache .hypothesis build src/lib/*.egg-info
