.PHONY: demo test lint clean
PYTHON ?= python3
BIN := .venv/bin

demo: .venv/ready
	$(BIN)/asgn demo --out demo

test: .venv/ready
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/ready
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e ".[test,lint]"
	touch $@

clean:
	rm -rf .venv demo build
