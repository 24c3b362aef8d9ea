# Each target installs what it lacks first (as root or by sudo; nothing the second time), then does its work.

SHELL := /bin/bash
.PHONY: help demo test soak bench lint install

help:
	@echo "make demo     the main job on a real PostgreSQL, about two minutes (DEMO_ARGS=...)"
	@echo "make test     all tests, a few samples of each random case"
	@echo "make soak     all tests, full counts"
	@echo "make bench    speed against pgBackRest and restic (BENCH_ARGS=--small for a quick look)"
	@echo "make lint     formatting, clippy, tidy"
	@echo "make install  everything that the targets above need"

# The demo is compiled like the tests, so that one compilation serves both; only the bench needs release programs.
demo:
	@scripts/install.sh demo
	@. scripts/env.sh && cargo run -q -p farshore -- demo $(DEMO_ARGS)

test:
	@scripts/install.sh test
	@scripts/test.sh

soak:
	@scripts/install.sh soak
	@FARSHORE_SOAK=1 scripts/test.sh

bench:
	@scripts/install.sh bench
	@. scripts/env.sh && cargo build --release -p farshore && cargo xtask bench $(BENCH_ARGS)

lint:
	@scripts/install.sh lint
	@scripts/lint.sh

install:
	@scripts/install.sh all
