# The front door. Each target brings what it needs first (scripts/bootstrap), then hands over to CMake.

.DEFAULT_GOAL := build
.PHONY: build demo test test-console test-clients bench check format asan tsan fuzz torture image bare deb deb-test install clean help results-list
MAKEFLAGS += --no-print-directory

PORT ?= 8080
SUITE ?= trixie
FUZZ_SECONDS ?= 60
KILLS ?= 100

build: ## build/latentd, with everything it needs brought first
	@scripts/bootstrap
	@scripts/build release latentd

demo: ## a server on 127.0.0.1:8080 (PORT=) with two collections of pictures; Ctrl-C stops it
	@PORT=$(PORT) scripts/demo

test: ## the tests: all of them as released, the unit tests again under the sanitizers
	@scripts/bootstrap
	@status=0; scripts/test release -LE long || status=1; \
	scripts/test asan -LE long -L 'unit|fuzz' || status=1; exit $$status

test-console: ## the console in a headless browser, every view against a real server
	@scripts/bootstrap demo browser
	@scripts/test_console

test-clients: ## clients others wrote: openai, the inference protocol, one generated from /openapi.json
	@scripts/bootstrap
	@scripts/test_clients

bench: ## measures, each figure beside its limit; JSON in build/bench.json
	@scripts/bootstrap
	@scripts/bench

check: ## format, layers, scripts, lint, warnings as errors
	@scripts/bootstrap check
	@scripts/check

format: ## rewrites every C file as .clang-format says
	@scripts/bootstrap check
	@scripts/sources | xargs -0 clang-format-14 -i

asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/bootstrap
	@scripts/test asan -LE long

tsan: ## the stress programs under ThreadSanitizer
	@scripts/bootstrap
	@scripts/test tsan -L stress

fuzz: ## each fuzz target for FUZZ_SECONDS=60
	@scripts/bootstrap fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

results-%: ## trains and measures one result of docs/results.md (results-list: which there are)
	@scripts/bootstrap
	@scripts/results $*

results-list:
	@scripts/results --list

torture: ## the long tests: every allocation failing in turn, KILLS=100 kills under load
	@scripts/bootstrap
	@LATENTD_KILLS=$(KILLS) scripts/test release -L 'torture|long'

image: ## builds the container image without a container engine, starts it and asks it
	@scripts/bootstrap image
	@scripts/image

bare: ## both commands of the README on a bare Debian: SUITE=bookworm or trixie (needs root)
	@scripts/bootstrap image
	@scripts/bare $(SUITE)

deb: ## the Debian package of this machine's Debian
	@scripts/bootstrap
	@scripts/package

deb-test: ## builds it in a bare Debian and installs it in another: SUITE=trixie or bookworm (needs root)
	@scripts/bootstrap image
	@scripts/package_try $(SUITE)

install: build ## into /usr/local, or PREFIX=
	@cmake --install build $(if $(PREFIX),--prefix $(PREFIX))

clean: ## removes what was built; .deps and .demo stay
	@rm -rf build build-dev build-asan build-tsan build-fuzz build-package

help: ## this list
	@awk -F':.*## ' '/^[a-z%-]+:.*## / { sub(/%/, "NAME", $$1); printf "  make %-13s%s\n", $$1, $$2 }' Makefile
