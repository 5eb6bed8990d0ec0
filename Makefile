# What people type. Every target makes .venv when it is missing and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
HOURS ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# On Linux without a GPU PyTorch's own index has a build without CUDA, a tenth of the size.
CPU_INDEX := https://download.pytorch.org/whl/cpu
EXTRAS_lab := lab
EXTRAS_test := test,lab,sde
EXTRAS_train := train
export PYTHONWARNINGS := ignore::DeprecationWarning

.PHONY: demo lab test test-all check bench train evaluate pictures notebooks clean

demo: .venv/.base .venv/.lab  ## draw the quickstart notebook: demo/quickstart.html and demo/grid.png
	$(BIN)/python examples/demo.py

lab: .venv/.base .venv/.lab  ## open the examples in JupyterLab
	$(BIN)/jupyter lab examples

# The notebooks run as on Binder: no GPU and, where the system can hold a process to it, 2 GiB of memory.
test: .venv/.base .venv/.lab .venv/.test  ## quick tests, notebooks, browser tests
	$(BIN)/pytest
	if [ "$$(uname -s)" = Linux ]; then ulimit -d 2097152; fi; SDNB_PROGRESS=0 CUDA_VISIBLE_DEVICES= \
	  $(BIN)/pytest -o addopts=-q --nbval --nbval-sanitize-with tests/sanitize.cfg examples
	$(BIN)/pytest -m browser tests

test-all: test  ## the slow tests as well
	$(BIN)/pytest -m "slow and not browser"

check: .venv/.base .venv/.test  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.base .venv/.test  ## sdnb against plain diffusers, to benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

train: .venv/.base .venv/.train  ## train mini: make train HOURS=2
	$(BIN)/python -m training --hours $(HOURS)

evaluate: .venv/.base .venv/.train  ## the figures of mini
	$(BIN)/python -m training.evaluate

pictures: .venv/.base .venv/.lab .venv/.test  ## draw the pictures of the README again
	$(BIN)/python examples/pictures.py
	SDNB_SCREENSHOTS=$(CURDIR)/examples/pictures $(BIN)/pytest -m browser -k with_mini tests/browser/test_panel.py

notebooks: .venv/.base .venv/.lab .venv/.test  ## run the examples again and store their outputs
	$(BIN)/python examples/notebooks.py

clean:
	rm -rf .venv demo dist build

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.torch: .venv/bin/python constraints.txt
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1 \
	  && $(BIN)/python -c 'import urllib.request as u; u.urlopen("$(CPU_INDEX)/torch/", timeout=5)' 2>/dev/null; \
	then $(PIP) torch --index-url $(CPU_INDEX); else $(PIP) torch; fi
	@touch $@

.venv/.base: .venv/.torch pyproject.toml
	$(PIP) --editable .
	@touch $@

.venv/.lab .venv/.test .venv/.train: .venv/.%: .venv/.base
	$(PIP) --editable ".[$(EXTRAS_$*)]"
	@touch $@
