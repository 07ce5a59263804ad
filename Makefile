# make run: everything that is needed, then the chat. make test: everything that is needed, then all tests.
PYTHON = .venv/bin/python
FILE ?=

.PHONY: setup run train test check quick fix evaluate evaluate-danger benchmark benchmark-nlu lock clean

setup:
	@scripts/setup

run: setup
	@$(PYTHON) -m bot serve

train: setup
	@$(PYTHON) -m bot train

test: check

check: setup
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PYTHON) -m pytest --cov

quick: setup
	$(PYTHON) -m pytest -q -m "not model and not browser"

fix: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

evaluate: setup
	@$(PYTHON) -m bot evaluate $(FILE)

evaluate-danger: setup
	@$(PYTHON) -m bot evaluate-danger $(FILE)

benchmark: setup
	@$(PYTHON) -m bot benchmark

benchmark-nlu: setup
	@$(PYTHON) -m bot benchmark-nlu $(or $(FILE),../shared/benchmarks/banking77)

lock:
	uv pip compile -q --generate-hashes --python-version 3.10 --no-emit-index-url --no-emit-find-links \
	  --extra dev --no-annotate --custom-compile-command "make lock" pyproject.toml -o constraints/lock.txt

clean:
	rm -rf .venv models artifacts .rasa .mypy_cache .ruff_cache .pytest_cache .coverage
