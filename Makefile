# The two commands: `make demo` and `make test`. Each sets up what it needs.
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test chaos fuzz bench sam-local setup lint format lock clean

demo: setup  ## Run the sample events through the deployed topology, on this machine
	responder run

test: setup-lambda setup-linters lint  ## Everything that CI runs
	python -m pytest --numprocesses auto --dist loadfile

chaos: setup  ## Faults, killed containers, and deliveries late, twice and out of order: the long form of the tests' own
	python -m pytest --numprocesses auto --long tests/chaos

fuzz: setup  ## Every sample event, mutilated in every way: the long form of the tests' own
	python -m pytest --numprocesses auto --long tests/fuzzing

bench: setup-lambda  ## Measure, print the figures with their goals, and write build/bench.json
	@python -m benchmarks

# Status 3 of the first says that there is no Docker engine: then the emulator that comes with SAM runs what SAM builds.
sam-local: setup-lambda  ## Run each built function with a sample event, with `sam local invoke` where Docker is
	@python -m sandbox.sam_local || { [ $$? = 3 ] && \
	  echo 'sam-local: the runtime interface emulator runs them instead, without a container' >&2 && \
	  python -m pytest -v tests/packaging/test_served.py; }

setup:  ## Install what is locked into .venv
	@requirements/setup

.PHONY: setup-lambda setup-linters
setup-lambda:
	@requirements/setup --lambda

setup-linters: setup-lambda # its Python is theirs
	@requirements/setup --linters

lint: setup
	ruff check
	ruff format --check
	mypy
	lint-imports
	sam validate --lint
	sam validate --lint --template templates/member.yaml
	sam validate --lint --template templates/organization.yaml

format: setup
	ruff check --fix
	ruff format

lock: setup  ## Lock the newest versions that fit requirements/*.in
	requirements/lock --upgrade

clean:
	rm -rf .venv .venv-linters .aws-sam build
