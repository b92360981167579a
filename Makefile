.PHONY: demo test lint clean
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt

demo: .venv/ready
	$(BIN)/asgn demo --out demo

test: lint .venv/crf
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/ready
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv
	$(INSTALL) -e ".[test,lint]"
	touch $@

.venv/crf: .venv/ready
	$(INSTALL) -e ".[crf]" || echo "no dense CRF (it needs a C++ compiler): its tests will be skipped"
	touch $@

clean:
	rm -rf .venv demo build
