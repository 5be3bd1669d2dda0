# `make demo` and `make test` do all the set-up they need. GNU make 3.81 (macOS) is enough.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
JOBS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types clean

help:
	@echo "make setup   install into $(VENV), with torch and all tools"
	@echo "make demo    train a blood-pressure model over the emulated network; report and capture in runs/demo"
	@echo "make test    all tests, $(JOBS) at a time (JOBS=4; ARGS='-k dep' goes to pytest)"
	@echo "make lint    style, format, generated files up to date"
	@echo "make types   mypy"
	@echo "make clean   remove $(VENV), caches and build products; runs/ stays"
	@echo "A certain Python: make setup PYTHON=/path/to/python3.13"

setup: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/net4ai run blood-pressure --report runs/demo --capture runs/demo/blood-pressure.pcapng $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest -n $(JOBS) --dist loadgroup $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m net4ai.codecs.generate --check
	$(BIN)/python -m net4ai.app.specification --check

# mypy does not follow the package-dir of pyproject.toml: it is given a folder net4ai of links.
types: $(INSTALLED)
	@mkdir -p .mypy_path/net4ai
	@for link in .mypy_path/net4ai/*; do test -e "$$link" || rm -f "$$link"; done
	@for init in */__init__.py; do package=$${init%/*}; \
	    test -e ".mypy_path/net4ai/$$package" || ln -s "../../$$package" ".mypy_path/net4ai/$$package"; done
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .mypy_path .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first of these that runs, is 3.11 to 3.14 and can make environments.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
    if $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
        >/dev/null 2>&1; then echo $$python; break; fi; done)

$(INSTALLED): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
	    echo "No Python 3.11, 3.12, 3.13 or 3.14 with the module venv was found." >&2; \
	    echo "Debian, Ubuntu: apt install python3-venv. macOS: brew install python@3.13. Or: make PYTHON=/path/to/python3.13" >&2; \
	    exit 1; fi
	@rm -f $@
	@$(BIN)/python -c pass 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV) with $$($(BIN)/python --version); the first time takes minutes, most of it for torch"
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt --no-build-isolation \
	    -e '.[learning,placement,postgresql,scapy,test,lint]'
	@touch $@
