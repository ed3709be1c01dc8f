# The two commands of the README are `make demo` and `make test`. CI runs test and smoke.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo demo-photos test lint types tests coverage smoke test-lowest test-avx2 test-slow notebooks test-browser test-kills soak bench docs clean

demo: $(STAMP)
	rm -rf runs/demo
	$(BIN)/cladenet train lenet5_relu --data digits --out runs/demo
	$(BIN)/cladenet evaluate runs/demo
	$(BIN)/cladenet predict runs/demo examples/digits
	@echo "the report: $(CURDIR)/runs/demo/report.html"

# The same for photographs: PHOTOS is a folder of class folders, such as hymenoptera's.
PHOTOS ?= $(CLADENET_TEST_DATA)/hymenoptera
demo-photos: $(STAMP)
	@test -d "$(PHOTOS)" || { echo "no photographs at '$(PHOTOS)': make demo-photos PHOTOS=FOLDER"; exit 2; }
	rm -rf runs/demo-photos
	$(BIN)/cladenet train --data "$(PHOTOS)" --out runs/demo-photos
	$(BIN)/cladenet evaluate runs/demo-photos
	@echo "the report: $(CURDIR)/runs/demo-photos/report.html"

# One process more than there are cores, for many a test waits for processes of its own. Files in
# the order of their names: by default those of few tests, which take longest, come last, and one
# of them runs on alone.
CORES := $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
SIDE_BY_SIDE = -n $(shell expr $(CORES) + 1) --dist loadfile --no-loadscope-reorder
# Where bytecode is not kept, each of some hundred processes of the tests compiles it again.
tests coverage test-slow notebooks test-kills: export PYTHONDONTWRITEBYTECODE =

# mypy runs beside the tests: both are minutes of processor time.
test: lint
	$(MAKE) --jobs=2 types tests

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy

# COVERAGE=yes, as in CI: and that they reach as much of the source as pyproject.toml says.
REACHED := build/coverage.json
tests: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow and not browser" \
		$(if $(COVERAGE),--cov --cov-report=json:$(REACHED) --cov-fail-under=0)
	$(if $(COVERAGE),$(BIN)/python benchmarks/coverage_floor.py $(REACHED))

coverage:
	$(MAKE) tests COVERAGE=yes

# The wheel in a fresh environment, as a user installs it: with the tests' versions, with today's,
# and, the first commands alone, with the lowest that pyproject.toml allows of all but torch.
smoke:
	$(PYTHON) tests/smoke/fresh.py constraints.txt
	$(PYTHON) tests/smoke/fresh.py
	$(PYTHON) tests/smoke/fresh.py lowest-but-torch

# All commands, and the lowest torch, too: a download of gigabytes.
test-lowest:
	$(PYTHON) tests/smoke/fresh.py lowest

# The tests as on a processor without AVX-512, VNNI and bfloat16, which most laptops have.
test-avx2:
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 $(MAKE) tests

# Minutes to an hour: 50 random kills, giants, long trainings.
test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest $(SIDE_BY_SIDE) -m slow

# The notebooks, from their first cell to their last.
notebooks: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m slow tests/test_notebooks.py

# The pages in a real Chromium, without a window; they skip where there is none. npm fetches axe-core.
test-browser: docs
	OMP_NUM_THREADS=1 $(BIN)/pytest -m browser -rs

test-kills: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto tests/test_resume.py tests/test_fault_shards.py tests/test_torchrun.py -m slow -k kills

# The faults of the tests many times over: half an hour, and docs/faults.md at the end.
soak: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py

bench: $(STAMP)
	$(BIN)/python benchmarks/input_pipeline.py
	$(BIN)/python benchmarks/dense_evaluation.py
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/plot.py
	$(BIN)/python benchmarks/speed_page.py --write

# The site, into build/site/latest, and on the commit of a release into a folder of its number;
# others stay. It works from disk. A link that leads nowhere ends it.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m website build/site

$(STAMP): pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) runs build .mypy_cache .pytest_cache .ruff_cache
