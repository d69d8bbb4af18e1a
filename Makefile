# The few commands of DMM. `make` alone says what they are.
CONFIGURATION ?= Release

.PHONY: help build demo test test-fast simulate fuzz bench soak format fresh clean

help:
	@sed -n 's/^## //p' Makefile

## make demo       installs what is missing, builds, and moves memory between real guests while you watch
demo:
	@scripts/demo.sh

## make test       all tests: fast ones first, then long ones, then real guests; installs what they need
test:
	@scripts/test.sh all

## make test-fast  the quick tests, without real guests
test-fast:
	@scripts/test.sh fast

## make build      bin/dmm, bin/dmm-lab and bin/dmmd, which run from any folder
build:
	@scripts/build.sh

## make fresh      runs the README's commands in a bare Debian, to see what they forget
fresh:
	@scripts/fresh.sh

## make soak       kills the daemon 200 times while real guests grow and shrink; artifacts/soak/soak.json
soak:
	@scripts/soak.sh

## make bench      measures, a part each into artifacts/bench/; one part: make bench PART=recovery
bench:
	@scripts/bench.sh $(or $(PART),all)

## make simulate   lives through ten million steps of faults; artifacts/simulate/simulate.json
simulate:
	@scripts/simulate.sh

## make fuzz       gives every edge a million inputs that nobody would write; artifacts/fuzz/fuzz.json
fuzz:
	@scripts/fuzz.sh $(or $(TARGET),all)

## make format     holds the code to its style
format:
	dotnet format DMM.sln --verify-no-changes

## make clean      removes what was built
clean:
	rm -rf bin build artifacts
	find src tests -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
