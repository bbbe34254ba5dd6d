# The two commands: `make demo` and `make test`. Each sets up what it needs.
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: demo test setup lint format lock clean

demo: setup  ## Run the sample events through the deployed topology, on this machine
	responder run

test: setup-lambda lint  ## Everything that CI runs
	python -m pytest --numprocesses auto --dist loadfile

setup:  ## Install what is locked into .venv
	@requirements/setup

.PHONY: setup-lambda
setup-lambda:
	@requirements/setup --lambda

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
	rm -rf .venv .aws-sam build
