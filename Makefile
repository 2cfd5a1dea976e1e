# One plain virtual environment, made here; nothing else is assumed but make and Python 3.11 or newer:
# the first of these that is. `make PYTHON=...` takes another.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))) python3.11)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: report test test-long test-peers lint docs docs-links docs-access bench smoke wheel clean

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
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal

test-long: $(VENV)/test
	$(BIN)/python -m pytest -q -m 'long and not peers' --timeout 3600

test-peers: $(VENV)/peers
	$(BIN)/python -m pytest -q -m peers

$(VENV)/docs: $(VENV)/core
	$(PIP) -e '.[docs]'
	touch $@

# The site, into build/site/html: nothing is asked of a network, and a warning ends it.
docs: $(VENV)/docs
	$(BIN)/python docs/site/build.py --out build/site/html
	$(BIN)/python docs/site/check_links.py build/site/html

docs-links: $(VENV)/core
	$(BIN)/python docs/site/check_links.py build/site/html

# Needs node, and a Chromium: axe's rules on every kind of page, wide and narrow, light and dark.
docs-access:
	cd docs/access && npm install --silent --no-package-lock && node check.mjs ../../build/site/html

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread each, peers included: what is compared is work, not how libraries share two cores.
bench: $(VENV)/peers
	export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1; \
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The oldest NumPy and SciPy that pyproject.toml allows, in an environment of their own. Their wheels
# exist for Python 3.11 and 3.12.
OLDEST := .venv-oldest
$(OLDEST)/done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(OLDEST)
	grep -vE '^(numpy|scipy|scikit-learn|torch)==' constraints.txt > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		-c $(OLDEST)/constraints.txt 'numpy==2.1.*' 'scipy==1.13.*'
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(OLDEST)/constraints.txt 'numpy==2.1.*' 'scipy==1.13.*' -e '.[test]'
	touch $@

smoke: $(OLDEST)/done
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -q -n auto -m smoke

# A wheel in a clean environment, used from another folder.
wheel:
	PYTHON=$(PYTHON) .ci/wheel

# The committed theorems, once more through Coq's kernel; nothing else here needs Coq.
COQC ?= $(shell command -v coqc)
PROOFS := $(wildcard proofs/*.v)
QUICK := $(addprefix proofs/,chernoff_exponent.v log_four.v node_ratio.v kappa_squared.v \
	logistic_slope.v relu_secant.v leverage_quarter.v dof_convex.v)
ifeq ($(COQC),)
proofs proofs-quick:
	@echo "coqc was not found: apt-get install coq libcoq-interval (Debian), or opam install coq-interval"
else
proofs: $(PROOFS:.v=.checked)
proofs-quick: $(patsubst %.v,%.checked,$(wildcard $(QUICK)))
endif

# Compiled beside a copy, so that no file of Coq's is left among the sources.
proofs/%.checked: proofs/%.v
	@folder=$$(mktemp -d) && cp $< $$folder && \
	(cd $$folder && $(COQC) -q $*.v) && rm -r $$folder && touch $@ && echo "accepted $<"

clean:
	rm -rf $(VENV) $(OLDEST) report build *.egg-info
