# make              lists the targets
# make PYTHON=...   the interpreter that .venv is made with (default: python3.11, else python3)
# make PIP_ARGS=... options for pip, an index for example
# make EXTRAS=...   extras of pyproject.toml to install (default: dev), such as EXTRAS=dev,inc,torchao
# make ARGS=...     more arguments for the command of a target, such as ARGS="-k criterion"

SHELL    := /bin/bash
PY       := .venv/bin/python
STAMP    := .venv/.installed
LOG      := .venv/install.log
PYTHON   ?=
PIP_ARGS ?=
EXTRAS   ?= dev
ARGS     ?=

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint install again

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
	@sed -n '2,/^$$/ s/^# //p' Makefile

quickstart: $(STAMP) ## Prune, fine-tune, quantize and measure a small try-on network: results/quickstart/
	$(PY) experiments/run.py experiment=quickstart $(ARGS)

test: $(STAMP) ## Run the tests
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(PY) -m pytest -q -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 --durations=10 $(ARGS)

lint: $(STAMP) ## Check style, formatting and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

install: $(STAMP) ## Make .venv and install into it; the other targets do it themselves

# The stamp names the folder it was made in: after a move the editable install points to the old place.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): again
endif
ifeq ($(origin EXTRAS),command line)
$(STAMP): again
endif

$(STAMP): pyproject.toml constraints.txt
	@$(make_venv)
	@$(install_package)
	@echo '$(CURDIR)' > $@

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
TOO_OLD    := Python 3.11 or newer is needed

define make_venv
set -euo pipefail; \
if [ ! -x $(PY) ]; then \
  python=; found=; \
  for candidate in $(or $(PYTHON),python3.11 python3); do \
    version=$$("$$candidate" -V 2>&1) || continue; \
    found="$$found, $$candidate is $$version"; \
    if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$candidate; break; fi; \
  done; \
  if [ -z "$$python" ]; then \
    echo "error: $(TOO_OLD)$${found:-, found none}; name one: make PYTHON=/path/to/python3.11" >&2; exit 2; \
  fi; \
  if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
    echo "error: $$python has no venv module; install it (Debian, Ubuntu: python3-venv) and run make again" >&2; exit 2; \
  fi; \
  echo "Making .venv with $$("$$python" -V)"; \
  "$$python" -m venv --clear .venv; \
fi; \
if ! $(PY) -c '$(NEW_ENOUGH)'; then \
  echo "error: $(TOO_OLD), .venv has $$($(PY) -V 2>&1); remove it (rm -rf .venv) and run make again" >&2; exit 2; \
fi; \
$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
endef

# Of pip's output only the large downloads and the errors are shown; all of it is in the log.
define install_package
set -euo pipefail; \
echo "Installing vtoncompress$(if $(EXTRAS),[$(EXTRAS)]) into .venv: one to three minutes, longer on a slow line (all of it: $(LOG))"; \
$(PY) -m pip install --disable-pip-version-check --no-input --progress-bar off -c constraints.txt $(PIP_ARGS) \
  -e '.$(if $(EXTRAS),[$(EXTRAS)])' 2>&1 | tee $(LOG) | while IFS= read -r line; do \
  case $$line in \
    *"Downloading "*" MB)"|*"Downloading "*" GB)") echo "  $${line#"$${line%%[![:space:]]*}"}" ;; \
    "Installing collected packages:"*) echo "  Unpacking" ;; \
    ERROR*) echo "  $$line" >&2 ;; \
  esac; \
done || { echo "error: the installation failed, see $(LOG)" >&2; exit 1; }; \
echo "Installed in $$SECONDS s"
endef
