# The commands of the README. Everything happens in the virtual environment .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file's tests go to one process, which compiles what they share once. What a Codec writes there, the readable decoder
# of jaxcompress.reference has to decode, too.
PYTEST_OPTIONS := -n auto --dist loadfile --reference
# What the installed package is made of: a change here installs it anew.
SOURCES := pyproject.toml CMakeLists.txt $(shell find jaxcompress coder convert train -type f -not -name '*.pyc')

.PHONY: demo test test-slow lint types docs figures dist test-wheel clean

demo: $(VENV)/.installed
	$(BIN)/jaxcompress demo -o demo --force

test: $(VENV)/.installed-dev
	$(BIN)/pytest -m "not slow" $(PYTEST_OPTIONS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/pytest -m slow $(PYTEST_OPTIONS)

lint: $(VENV)/.installed-dev types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy sees the package as it installs: coder/, convert/ and train/ inside it.
types: $(VENV)/.installed-dev
	rm -rf build/types && mkdir -p build/types/jaxcompress
	ln -s $(CURDIR)/jaxcompress/* build/types/jaxcompress
	ln -s $(CURDIR)/coder $(CURDIR)/convert $(CURDIR)/train build/types/jaxcompress
	cd build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml

# Executes the notebooks among the pages; a warning is an error.
docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -E -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

# What pages include of the benchmarks' output; `make figure-coder` makes one. REFERENCE: a virtual environment with
# CompressAI; KODAK: the pictures; WEIGHTS: trained checkpoints. All of them take an hour and a half on a quiet machine.
figures: $(addprefix figure-,autoregressive codec coder light memory networks parity startup)

PICTURE = --picture "$(KODAK)/kodim01.png"
CHECKPOINT = --checkpoint "$(WEIGHTS)/mbt2018-mean.pth.tar"
AGAINST = --reference "$(REFERENCE)"

figure-autoregressive: OPTIONS = $(AGAINST) $(PICTURE)
figure-codec: OPTIONS = $(AGAINST) --kodak "$(KODAK)" --models mbt2018-mean
figure-coder: OPTIONS = $(AGAINST) --kodak "$(KODAK)" --weights "$(WEIGHTS)"
figure-light: OPTIONS = $(AGAINST) $(PICTURE)
figure-memory: OPTIONS = --kodak "$(KODAK)" $(CHECKPOINT)
figure-networks: OPTIONS = $(AGAINST) --threads 1 --allocator hugetlb
figure-parity: OPTIONS = $(AGAINST) --kodak "$(KODAK)"
figure-startup: OPTIONS = $(AGAINST) $(PICTURE) $(CHECKPOINT)

figure-%: $(VENV)/.installed-dev
	mkdir -p build docs/figures
	$(BIN)/python benchmarks/$*.py $(OPTIONS) > build/$*.txt
	mv build/$*.txt docs/figures/$*.txt

# The wheel comes from the source distribution, which must therefore be complete.
dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

test-wheel: dist
	$(BIN)/python -P tools/test_wheel.py oldest newest

clean:
	rm -rf $(VENV) build dist demo

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet .
	touch $@

# torch comes first and alone: a plain CPU build satisfies the pin, and no later step looks for another.
$(VENV)/.installed-dev: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet '.[dev]'
	touch $@ $(VENV)/.installed
