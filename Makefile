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
WHEEL = ls $(CACHE)/llama_cpp_python-$(LLAMA)-*.whl >/dev/null 2>&1
PHOENIX := 20.26.1
COMPILER = command -v g++ >/dev/null && command -v cmake >/dev/null
NO_COMPILER = llama.cpp needs a C++ compiler and cmake: apt-get install g++ cmake.
COMPILING = kill -0 $$(cat $(VENV)/llama.pid 2>/dev/null) 2>/dev/null
# Only the library: no tools, no server, no examples, no image support. Set CMAKE_ARGS for more (-DGGML_CUDA=on).
CMAKE_ARGS ?= -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
export CMAKE_ARGS

.PHONY: run test test-clients test-image lint servers bench bench-cache bench-faults bench-world eval-task eval-world train-world test-training test-phoenix llama llama-meanwhile otel install clean help

run: install  ## install and serve; ARGS="--port 4001 --rules my.yaml" are passed on
	@extras=" $$($(BIN)/signalbox extras $(ARGS) | tr '\n' ' ')"; \
	case "$$extras" in *" otel "*) $(MAKE) --no-print-directory otel;; esac; \
	case "$$extras" in *" gguf "*) $(MAKE) --no-print-directory llama-meanwhile;; esac
	@exec $(BIN)/signalbox serve $(ARGS)

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@echo "Installing Signalbox into $(VENV) (about half a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "venv is missing: apt-get install python3-venv"; exit 1; }
	@$(PIP) --editable .
	@touch $@

llama: $(VENV)/.llama  ## llama.cpp in process, for `kind: gguf`; compiled once, the wheel is kept

# In the background, and once: the process that compiles has its number in llama.pid. A backend that needs llama.cpp
# comes up as soon as it is there.
llama-meanwhile:
	@if $(MAKE) -q $(VENV)/.llama 2>/dev/null; then exit 0; fi; \
	if $(COMPILING); then echo "llama.cpp is still being compiled: see $(VENV)/llama.log"; exit 0; fi; \
	if ! $(WHEEL) && ! { $(COMPILER); }; then echo "$(NO_COMPILER) And then: make llama"; exit 0; fi; \
	echo "llama.cpp is installed in the background (compiled once, about five minutes): see $(VENV)/llama.log"; \
	nohup nice $(MAKE) --no-print-directory llama MEANWHILE=1 </dev/null >$(VENV)/llama.log 2>&1 & \
	echo $$! >$(VENV)/llama.pid

$(VENV)/.llama: $(VENV)/.installed
	@$(if $(MEANWHILE),,if $(COMPILING); then echo "Waiting for llama.cpp, which is being compiled: $(VENV)/llama.log"; fi; while $(COMPILING); do sleep 1; done)
	@if ! $(WHEEL); then \
	  $(COMPILER) || { echo "$(NO_COMPILER)"; exit 1; }; \
	  echo "Compiling llama.cpp: about five minutes on two cores, once. The wheel is kept in $(CACHE)."; \
	  mkdir -p $(CACHE) && $(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps \
	    --no-binary llama-cpp-python --wheel-dir $(CACHE) llama-cpp-python==$(LLAMA); fi
	@$(PIP) $$(ls $(CACHE)/llama_cpp_python-$(LLAMA)-*.whl | head -n 1)
	@touch $@

otel: $(VENV)/.otel  ## what traces need, for OTEL_EXPORTER_OTLP_ENDPOINT

$(VENV)/.otel: $(VENV)/.installed
	@echo "Installing what traces need"
	@$(PIP) --editable '.[otel]'
	@touch $@

$(VENV)/.dev: $(VENV)/.llama
	@echo "Installing what the tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@

# RUNLEVEL=1: the packages' own services are not started where there is no systemd; the tests start their own.
SERVERS := redis-server prometheus strace
servers:  ## the programs that the tests start, Redis, Prometheus and strace, from Debian's packages (as root)
	@missing=; for server in $(SERVERS); do command -v $$server >/dev/null || missing="$$missing $$server"; done; \
	test -n "$$missing" || exit 0; \
	if test "$$(id -u)" != 0; then echo "Their tests are skipped, for they are not installed:$$missing (sudo make servers)"; exit 0; fi; \
	echo "Installing$$missing"; \
	apt-get -qq update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing >/dev/null \
	  || echo "Not installed:$$missing. Their tests are skipped."

# Most tests wait for servers most of the time, so two run at once; those that measure have the machine to themselves.
test: $(VENV)/.dev servers  ## run the tests; ARGS="-k name" are passed to pytest
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone" && $(BIN)/python -m pytest -m alone)

lint: $(VENV)/.dev  ## formatting, lint, types
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

test-image: $(VENV)/.dev  ## follow deploy/Dockerfile by hand: a clean install that serves; a minute
	@$(BIN)/python -m pytest tests/deploy/image_by_hand.py $(ARGS)

# Installs the clients from npm and PyPI under $(dir $(CACHE))clients; then nothing but loopback is reached.
test-clients: $(VENV)/.dev  ## two dozen real clients through Signalbox; 7 GB; ARGS="--write opencode aider"
	@$(BIN)/python -m tests.harnesses $(ARGS)

bench: $(VENV)/.dev servers  ## side by side with nginx and LiteLLM, then cache and metrics; wants the machine to itself, 20 minutes
	@$(BIN)/python -m bench.run $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m bench.cache)
	@$(if $(ARGS),,$(BIN)/python -m bench.metrics --write)

bench-cache: $(VENV)/.dev servers  ## what a cached answer costs, from memory and from Redis
	@$(BIN)/python -m bench.cache $(ARGS)

bench-faults: $(VENV)/.faults  ## kills, leaves, slow streams, bad inputs, ten minutes of all at once; half an hour
	@$(BIN)/python -m bench.faults $(ARGS)

$(VENV)/.faults: $(VENV)/.dev
	@echo "Installing what looks for bad inputs"
	@$(PIP) --editable '.[faults]'
	@touch $@

eval-task: $(VENV)/.installed  ## how well the `task` signal does: confusion tables
	@$(BIN)/python -m bench.eval_task

bench-world: $(VENV)/.dev  ## the world model: several requests at once, first tokens, the cost of the child process
	@$(BIN)/python -m bench.world $(ARGS)

eval-world: $(VENV)/.dev $(if $(findstring ablations,$(ARGS)),$(VENV)/.train)  ## the yard from its shipped files; ARGS=--ablations retrains for comparison
	@$(BIN)/python -m bench.eval_world $(ARGS)

train-world: $(VENV)/.train  ## train the yard's world model anew and write router/world/shipped/
	@$(BIN)/python -m router.world.training $(ARGS)

test-training: $(VENV)/.train  ## the tests that need PyTorch
	@$(BIN)/mypy -p router.world.training && $(BIN)/python -m pytest tests/world/training $(ARGS)

$(VENV)/.train: $(VENV)/.dev
	@echo "Installing PyTorch for the training"
	@$(PIP) --editable '.[train]'
	@touch $@

# Phoenix is large (850 MB) and brings its own versions of much, so it has an environment of its own.
test-phoenix: $(VENV)/.dev .venv-phoenix/.installed  ## the test of traces against a real Phoenix server; installs it
	@$(BIN)/python -m pytest tests/phoenix $(ARGS)

.venv-phoenix/.installed:
	@echo "Installing Phoenix into .venv-phoenix (about two minutes)"
	@test -x .venv-phoenix/bin/python || $(PYTHON) -m venv .venv-phoenix
	@.venv-phoenix/bin/python -m pip --disable-pip-version-check install --quiet arize-phoenix==$(PHOENIX)
	@touch $@

clean:  ## remove the environment; the compiled wheel stays in $(CACHE)
	rm -rf $(VENV) .venv-bench .venv-phoenix *.egg-info

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
