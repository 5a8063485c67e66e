# `make bench` and `make test` are all a newcomer needs; `make help` lists the rest.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# One environment in the checkout, from locked versions; rebuilt when either file changes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ratebench needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing locked versions into $(VENV) (once; a few minutes)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@

env: $(STAMP) ## make .venv from the locked versions

peers: $(STAMP) ## third-party libraries, into .venv, as rows beside the built-in ones
	@echo "installing the libraries of the extra 'peers' (two are compiled: some minutes, once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[peers]'

spark: $(STAMP) ## Spark, half a gigabyte, for peer:spark_als, which needs Java 17
	@echo "installing Spark (460 MB to download, once)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[spark]'

cluster: $(STAMP) ## Dask, for bench run --cluster and bench worker
	@echo "installing Dask (some 15 MB)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[cluster]'

triton: $(STAMP) ## Triton, where torch has not brought it: for triton_sgd, or its tests
	@echo "installing Triton (some 200 MB)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[triton]'

bench: $(STAMP) ## run the quick suite, write the pages and show which implementation to use
	@$(BIN)/bench run --suite quick --report

site: $(STAMP) ## the results as one interactive page, in results/site/index.html
	@$(BIN)/bench site

WORKERS ?= auto
# LIBMF can hang in its own fit. Then its tests are ended, which is reported and is no failure.
test: lint types ## lint, types and all tests: in parallel, then what measures time or memory
	@$(BIN)/python -m pytest -m 'not alone and not hangs' --numprocesses $(WORKERS) --dist loadscope
	@$(BIN)/python -m pytest tests/bench -m alone
	@$(BIN)/python tests/within_time.py 120 -m hangs tests/conformance tests/impls

mutants: $(STAMP) ## put mistakes into the code and write which test catches each (half an hour)
	@mkdir -p build
	@$(BIN)/python -m tests.mutants.mutate > build/mutations.md; status=$$?; \
		test ! -s build/mutations.md || mv build/mutations.md docs/mutations.md; exit $$status

faults: $(STAMP) ## break the harness in a thousand ways and write what came of each (an hour, as root)
	@$(BIN)/python -m tests.faults $(ARGS)

# CI also writes its JSON, for tools that read pytest-benchmark's: make speed ARGS=--benchmark-json=FILE
speed: $(STAMP) ## time the workloads of the speed gate with pytest-benchmark
	@$(BIN)/python -m pytest tests/speed --benchmark-enable --benchmark-group-by=fullname $(ARGS)

BASE ?= origin/main
gate: $(STAMP) ## is the working tree slower than BASE? (make gate BASE=origin/main)
	@$(BIN)/bench gate $(BASE) $(ARGS)

# Not --quiet: --strict counts the warnings that are shown. The variable silences an advertisement.
docs: $(STAMP) ## build the documentation into build/site; a broken link is an error
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints.txt --editable '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

lint: $(STAMP) ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

format: $(STAMP) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove the environment and caches; results stay
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

.PHONY: help env peers spark cluster triton bench site test mutants faults speed gate docs lint types format clean
