# The template's own commands. The generated project has a Makefile of its own.
ifneq (,$(filter 3.%,$(MAKE_VERSION)))
$(error make $(MAKE_VERSION) is too old: version 4 or newer is needed. On macOS: brew install make, then run gmake)
endif
SHELL := /bin/sh
PYTHON ?= python3
PORT ?=
WORKERS ?= 2
BUILD ?= $(CURDIR)/build
TEMPLATE := {{cookiecutter.project_slug}}
TOOLS := $(BUILD)/tools/bin
DEMO := $(BUILD)/demo/secure-chatbot

.DEFAULT_GOAL := help
.PHONY: help demo setup-ecosystem test-quick test test-template test-project test-generated test-containers labs-check docs check bench screenshots requirements clean tools

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' Makefile

tools:
	@"$(PYTHON)" "$(TEMPLATE)/development/install.py" "$(BUILD)/tools" requirements.txt

demo: tools ## generate a project with the defaults, install it, run it (PORT=8100 for another port)
	@"$(TOOLS)/cookiecutter" . --no-input --overwrite-if-exists --output-dir "$(BUILD)/demo"
	@$(MAKE) --no-print-directory -C "$(DEMO)" run PYTHON="$(PYTHON)" PORT="$(PORT)"

test: test-template test-project ## test the template, and the project in place

test-template:
	@"$(PYTHON)" "$(TEMPLATE)/development/install.py" "$(BUILD)/tools" requirements-test.txt
	@"$(TOOLS)/python" -m pytest -n $(WORKERS) tests

test-project:
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" test PYTHON="$(PYTHON)"

test-generated: tools ## generate a project and run its own tests there
	@"$(TOOLS)/cookiecutter" . --no-input --overwrite-if-exists --output-dir "$(BUILD)/generated"
	@$(MAKE) --no-print-directory -C "$(BUILD)/generated/secure-chatbot" test PYTHON="$(PYTHON)"

test-quick: ## the template's own tests, and a first look at the project in two minutes or so
	@$(MAKE) --no-print-directory test-template
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" test-quick PYTHON="$(PYTHON)"

setup-ecosystem: ## install what others made and some tests run against (needs Node.js and npm)
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" setup-ecosystem

test-containers: ## test the project against another PostgreSQL, in a container (needs Docker)
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" test-containers PYTHON="$(PYTHON)"

labs-check: ## take each control of the project away and see what happens (ID=… for one)
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" labs-check PYTHON="$(PYTHON)" ID="$(ID)"

docs: ## write the documents that are made from the registry of controls
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" docs PYTHON="$(PYTHON)"

check: ## lint, format, types and import directions of the project
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" check PYTHON="$(PYTHON)"

bench: ## run every benchmark of the project in place
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" bench PYTHON="$(PYTHON)"

screenshots: ## make the pictures of the README (needs Chromium)
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" screenshots PYTHON="$(PYTHON)" PICTURES="$(CURDIR)/docs/pictures"

requirements: ## compile every requirements file to hashes (needs uv)
	@for name in requirements requirements-test; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	    --no-emit-find-links --no-header $$name.in --output-file $$name.txt || exit 1; done
	@$(MAKE) --no-print-directory -C "$(TEMPLATE)" requirements

clean: ## remove everything that the commands above made
	rm -rf "$(BUILD)"
