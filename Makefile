# make run     install what is needed and serve on http://127.0.0.1:4000
# make test    install what the tests need, and run them
# make help    the others

SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/signalbox/wheels
LLAMA := $(shell sed -n 's/^llama[-_]cpp[-_]python==//p' constraints.txt)
# Only the library: no tools, no server, no examples, no image support. Set CMAKE_ARGS for more (-DGGML_CUDA=on).
CMAKE_ARGS ?= -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
export CMAKE_ARGS

.PHONY: run test lint bench eval-task llama install clean help

run: install  ## install and serve; ARGS="--port 4001 --rules my.yaml" are passed on
	@if $(BIN)/signalbox extras $(ARGS) | grep -q gguf; then $(MAKE) --no-print-directory llama; fi
	@exec $(BIN)/signalbox serve $(ARGS)

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@echo "Installing Signalbox into $(VENV) (about half a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "venv is missing: apt-get install python3-venv"; exit 1; }
	@$(PIP) --editable .
	@touch $@

llama: $(VENV)/.llama  ## llama.cpp in process, for `kind: gguf`; compiled once, the wheel is kept

$(VENV)/.llama: $(VENV)/.installed
	@if ! ls $(CACHE)/llama_cpp_python-$(LLAMA)-*.whl >/dev/null 2>&1; then \
	  command -v g++ >/dev/null && command -v cmake >/dev/null || { echo "A C++ compiler and cmake are needed: apt-get install g++ cmake"; exit 1; }; \
	  echo "Compiling llama.cpp: about five minutes on two cores, once. The wheel is kept in $(CACHE)."; \
	  mkdir -p $(CACHE) && $(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps \
	    --no-binary llama-cpp-python --wheel-dir $(CACHE) llama-cpp-python==$(LLAMA); fi
	@$(PIP) $$(ls $(CACHE)/llama_cpp_python-$(LLAMA)-*.whl | head -n 1)
	@touch $@

$(VENV)/.dev: $(VENV)/.llama
	@echo "Installing what the tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@

test: $(VENV)/.dev  ## run the tests; ARGS="-k name" are passed to pytest
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev  ## formatting, lint, types
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

bench: $(VENV)/.installed  ## side by side with nginx and LiteLLM; wants the machine to itself, some minutes
	@$(BIN)/python -m bench.run $(ARGS)

eval-task: $(VENV)/.installed  ## how well the `task` signal does: confusion tables
	@$(BIN)/python -m bench.eval_task

clean:  ## remove the environment; the compiled wheel stays in $(CACHE)
	rm -rf $(VENV) .venv-bench *.egg-info

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
