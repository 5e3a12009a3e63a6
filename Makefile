# SPDX-License-Identifier: Apache-2.0
#
# `make demo` and `make test` do their whole set-up on a fresh Linux machine that has a Swift 6.3 toolchain.

SHELL := /bin/bash
PREFIX ?= /usr/local
# Extra flags for every build; CI passes the ones that turn warnings into errors.
SWIFT_FLAGS ?=
PACKAGES := libssl-dev libsqlite3-dev zlib1g-dev pkg-config
COMMANDS := seawall user-service post-service comment-service station-service
RELEASE := .build/release
SANITIZERS := Tests/Sanitizers
FUZZ_RUNS ?= 300000
# Tests that hold measurements against theory, and those that play whole scenarios.
MEASURING := LiveGroundTruthTests|SeawallCommandsTests
# The benchmark package's own files; its `Sources` are links to those of the package around it.
BENCHMARKS := $(addprefix Benchmarks/,Package.swift Benchmarks HotPaths engine-requests hot-paths)
FORMATTED := Package.swift Sources Examples Tests $(BENCHMARKS)

.PHONY: help demo build test bench counts sanitize fuzz format lint install setup toolchain packages clean

help:
	@echo "make demo      load-test the social network over TLS and leave an HTML report in results/"
	@echo "make test      run the test suite"
	@echo "make bench     measure the hot paths: nanoseconds per operation"
	@echo "make counts    check that no hot path executes more instructions or allocates more than before"
	@echo "make sanitize  run the tests of the threaded and unsafe parts under Thread and Address Sanitizer"
	@echo "make fuzz      play made-up bytes to what reads foreign bytes (FUZZ_RUNS=$(FUZZ_RUNS) for each reader)"
	@echo "make build     build the commands (release) into $(RELEASE)"
	@echo "make install   copy the commands into PREFIX/bin (PREFIX=$(PREFIX))"
	@echo "make format    format the sources; make lint checks the format"

demo: build
	$(RELEASE)/seawall run scenarios/quickstart.yaml

build: setup
	swift build -c release $(SWIFT_FLAGS)

test: setup
	swift build --build-tests $(SWIFT_FLAGS)
	@# All at once, as is usual, they would take turns on a few threads, and those that play real time would be late.
	swift test --skip-build --disable-xctest $(SWIFT_FLAGS) --experimental-maximum-parallelization-width 4 \
	    --skip '$(MEASURING)'
	@# What measures has the machine to itself: a generator that is late calls its own measurement invalid.
	swift test --skip-build --disable-xctest $(SWIFT_FLAGS) --no-parallel --filter '$(MEASURING)'

bench: setup
	swift build --package-path Benchmarks -c release --product hot-paths $(SWIFT_FLAGS)
	Benchmarks/.build/release/hot-paths time

counts: setup
	Benchmarks/counts/check.py

# Thread Sanitizer does not see the waiting of Synchronization.Mutex on Linux; with THREAD_SANITIZER the modules lock with a
# mutex that it knows (Mutex+ThreadSanitizer.swift).
sanitize: setup
	cd $(SANITIZERS) && swift build --build-tests --sanitize thread -Xswiftc -DTHREAD_SANITIZER --scratch-path .build/thread
	cd $(SANITIZERS) && swift test --skip-build --disable-xctest --no-parallel --sanitize thread --scratch-path .build/thread
	cd $(SANITIZERS) && swift build --build-tests --sanitize address --scratch-path .build/address
	cd $(SANITIZERS) && LSAN_OPTIONS=suppressions=leaks.supp swift test --skip-build --disable-xctest --no-parallel --sanitize address \
	    --scratch-path .build/address --filter 'LoadGeneratorTests|MeasurementTests'

# Optimized, for more inputs a second; what is read lies in a block of exactly its size, so that Address Sanitizer sees every
# step out of it. Inputs that broke something are left in .build/fuzz.
fuzz: setup
	@# The last -sanitize wins, so the compiler is given both at once: without the fuzzer's there is no coverage to follow.
	cd $(SANITIZERS) && swift build --product fuzz --sanitize address --sanitize fuzzer \
	    -Xswiftc -sanitize=address,fuzzer -Xswiftc -O -Xswiftc -DFUZZER --scratch-path .build/fuzz
	cd $(SANITIZERS) && for target in http1-response json-path histogram cookie-jar pattern; do \
	    mkdir -p .build/fuzz/corpus/$$target && \
	    .build/fuzz/debug/fuzz $$target -runs=$(FUZZ_RUNS) -seed=1 -max_len=4096 -print_final_stats=1 \
	        -artifact_prefix=.build/fuzz/ .build/fuzz/corpus/$$target Corpus/$$target || exit 1; \
	done

format:
	swift format -i -r -p $(FORMATTED)

lint: toolchain
	swift format lint -s -r -p $(FORMATTED)

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(foreach command,$(COMMANDS),$(RELEASE)/$(command)) "$(DESTDIR)$(PREFIX)/bin"

clean:
	rm -rf .build

setup: toolchain packages

toolchain:
	@command -v swift >/dev/null 2>&1 || { \
	    echo "seawall: no swift command found; install a Swift 6.3 toolchain from https://www.swift.org/install/linux/" >&2; exit 1; }
	@version=$$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1); \
	set -- $$version; \
	if [ "$${1:-0}" -lt 6 ] || { [ "$${1:-0}" -eq 6 ] && [ "$${2:-0}" -lt 3 ]; }; then \
	    echo "seawall: needs Swift 6.3 or newer, found $${1:-?}.$${2:-?}; see https://www.swift.org/install/linux/" >&2; exit 1; fi

# Installs only what is missing, with sudo only where that is needed, and says what it does.
packages:
	@if ! command -v dpkg-query >/dev/null 2>&1; then \
	    if command -v pkg-config >/dev/null 2>&1 && pkg-config --exists openssl sqlite3 zlib; then exit 0; fi; \
	    echo "seawall: needs the headers of OpenSSL 3, SQLite 3 and zlib, and pkg-config; install them with this system's package manager (Debian calls them $(PACKAGES))" >&2; \
	    exit 1; \
	fi; \
	missing=""; \
	for package in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	sudo=""; \
	if [ "$$(id -u)" -ne 0 ]; then \
	    command -v sudo >/dev/null 2>&1 || { echo "seawall: missing packages:$$missing; run as root: apt-get install$$missing" >&2; exit 1; }; \
	    sudo="sudo"; \
	fi; \
	echo "seawall: installing missing Debian packages:$$missing"; \
	{ $$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq && \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; } || { \
	    echo "seawall: could not install$$missing; install them by hand: apt-get install$$missing" >&2; exit 1; }
