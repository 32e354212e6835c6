# Two commands: `make demo` does the main job on real input, `make test` proves it. Both set up .venv first; set-up does
# nothing when nothing changed.
SHELL  := /bin/bash
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready

# Byte code, where PYTHONDONTWRITEBYTECODE is set too (every import of torch would take 10 s longer). pip does it on one
# core, and with the packages' own tests: 68 of the 148 s of a set-up. Templates among the files do not compile.
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '/tests?/'

.PHONY: setup runner wheel demo bench-peers bench-arm test lint test-phones test-zoo clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "ghostdeploy needs Python 3.11 ($(PYTHON) is not on PATH; try: make PYTHON=python3)"; exit 1; }
	@echo "== setting up $(VENV) (about 3 minutes, once) =="
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --progress-bar off --no-compile -e '.[dev]' 2>&1 \
	  | grep --line-buffered -E '^(ERROR|Collecting|Processing|Successfully)' | cut -c1-100; exit $${PIPESTATUS[0]}
	@echo "Compiling"
	@$(COMPILE) $(VENV)/lib || true
	@touch $@

lint: setup
	@echo "== ruff, mypy --strict =="
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# Environments of their own for what cannot live beside ExecuTorch: TFLite 2.14 (what phones get here) and MediaPipe.
.venv-%/.ready: tests/tools/requirements-%.txt
	@echo "== setting up .venv-$* for the tests (once) =="
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/pip install --disable-pip-version-check --progress-bar off -q -r $<
	@touch $@

# The same for peers of the comparison; each stands on top of the base environment, which has torch and the models.
.venv-%/.ready: benchmarks/requirements-%.txt $(STAMP)
	@echo "== setting up .venv-$* for the comparison (once) =="
	@$(PYTHON) -m venv .venv-$*
	@realpath $(VENV)/lib/python3.11/site-packages > .venv-$*/lib/python3.11/site-packages/base.pth
	@.venv-$*/bin/pip install --disable-pip-version-check --progress-bar off -q -r $<
	@touch $@

# Every peer: `make bench-peers ARGS="--models mobilenetv2_100 --peers ours-pte,ours-tflite,onnxruntime"`. A peer whose
# environment cannot be made is named as missing in the table.
HEAVY_PEERS := litert openvino ncnn
bench-peers: setup
	@$(if $(findstring --quick,$(ARGS)),,for peer in $(HEAVY_PEERS); do \
	  $(MAKE) --no-print-directory .venv-$$peer/.ready || echo "== no environment for $$peer: it will be missing =="; done)
	@$(BIN)/python -m benchmarks $(ARGS)

# The benchmark programs for phones, into android_bench/built; a wheel built afterwards carries them.
runner: setup
	@$(BIN)/python -m ghostdeploy.device.android.build

wheel: runner
	@$(BIN)/python -m pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

demo: setup
	@$(BIN)/python -m demo

test: lint .venv-tflite214/.ready .venv-mediapipe/.ready
	@echo "== pytest =="
	@$(BIN)/python -m pytest -m "not zoo and not alone and not phones and not photographs and not browser" -n 2 --dist worksteal
	@$(BIN)/python -m pytest -m alone

# Arm64 instructions per inference, ours beside others (a proxy, not time): make bench-arm ARGS="--models mobilenetv2_100"
# or ARGS=--quick. What is counted is kept in build/bench-arm. docs/arm.md is what it wrote: ARGS="-o docs/arm.json";
# where only ours has changed since, ARGS="--others-from docs/arm.json -o docs/arm.json" counts ours alone.
bench-arm: setup
	@$(MAKE) --no-print-directory .venv-litert/.ready || echo "== no environment for litert-torch: it will be missing =="
	@$(BIN)/python -m benchmarks.arm $(ARGS)

# What needs Debian packages: a real adbd in namespaces, arm64 programs under qemu (and root, or user namespaces), int8
# of a trained network on photographs (160 MB, fetched by apt-get download), and the report in a browser.
PHONE_TOOLS := adb qemu-aarch64 chromium
test-phones: setup .venv-tflite214/.ready
	@for tool in $(PHONE_TOOLS); do command -v $$tool >/dev/null || { \
	  echo "$$tool is missing: apt-get install adb qemu-user libc6-arm64-cross libstdc++6-arm64-cross chromium"; exit 1; }; done
	@echo "== pytest, phones, photographs and pages =="
	@$(BIN)/python -m pytest -m "phones or photographs or browser" -n 2 --dist worksteal

test-zoo: setup
	@$(BIN)/python -m pytest -m zoo

clean:
	rm -rf $(VENV) .venv-* build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis
