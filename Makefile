# One plain virtual environment, made here; nothing else is assumed but Python 3.11 and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: report test test-long test-peers lint bench clean

$(VENV)/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/test: $(VENV)/core
	$(PIP) -e '.[test,dask]'
	touch $@

$(VENV)/lint: $(VENV)/test
	$(PIP) -e '.[lint]'
	touch $@

$(VENV)/peers: $(VENV)/test
	$(PIP) -e '.[peers]'
	touch $@

report: $(VENV)/core
	$(BIN)/rnnbounds report --out report

# A worker a core; one thread each, so that they do not crowd each other out.
test: $(VENV)/test
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto

test-long: $(VENV)/test
	$(BIN)/python -m pytest -q -m 'long and not peers' --timeout 3600

test-peers: $(VENV)/peers
	$(BIN)/python -m pytest -q -m peers

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread each, peers included: what is compared is work, not how libraries share two cores.
bench: $(VENV)/peers
	export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1; \
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) report build *.egg-info
