# The template's own commands. The generated project has a Makefile of its own.
ifneq (,$(filter 3.%,$(MAKE_VERSION)))
$(error make $(MAKE_VERSION) is too old: version 4 or newer is needed. On macOS: brew install make, then run gmake)
endif
SHELL := /bin/sh
PYTHON ?= python3
PORT ?=
WORKERS ?= 2
BUILD ?= build
TEMPLATE := {{cookiecutter.project_slug}}
# one word of the shell, whatever is in it: a path may hold spaces, quotes and any letter
quoted = '$(subst ','\'',$(1))'
TOOLS := $(call quoted,$(BUILD)/tools)
TOOL := $(call quoted,$(BUILD)/tools/bin/python)
DEMO := $(BUILD)/demo
# where nobody would put a project, and somebody does
GENERATED := $(BUILD)/a "b" é
PROJECT := $(MAKE) --no-print-directory -C "$(TEMPLATE)" PYTHON=$(call quoted,$(PYTHON))
# a project has its own folder for what it makes, whatever was said here
MADE := $(MAKE) --no-print-directory PYTHON=$(call quoted,$(PYTHON)) BUILD=. -C

.DEFAULT_GOAL := help
.PHONY: help demo setup-ecosystem test-quick test test-template test-project test-generated test-containers labs-check docs check bench screenshots requirements clean tools

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' Makefile

tools:
	@$(call quoted,$(PYTHON)) "$(TEMPLATE)/development/install.py" $(TOOLS) requirements.txt

demo: tools ## generate a project with the defaults, install it, run it (PORT=8100 for another port)
	@$(TOOL) -m cookiecutter . --no-input --overwrite-if-exists --output-dir $(call quoted,$(DEMO))
	@$(MADE) $(call quoted,$(DEMO)/secure-chatbot) run PORT="$(PORT)"

test: test-template test-project ## test the template, and the project in place

test-template:
	@$(call quoted,$(PYTHON)) "$(TEMPLATE)/development/install.py" $(TOOLS) requirements-test.txt
	@$(TOOL) -m pytest -n $(WORKERS) tests

test-project:
	@$(PROJECT) test

test-generated: tools ## generate a project into a folder with spaces, quotes and letters, and run its tests there (TESTS=…)
	@$(TOOL) -m cookiecutter . --no-input --overwrite-if-exists --output-dir $(call quoted,$(GENERATED))
	@$(MADE) $(call quoted,$(GENERATED)/secure-chatbot) test

test-quick: ## the template's own tests, and a first look at the project in two minutes or so
	@$(MAKE) --no-print-directory test-template
	@$(PROJECT) test-quick

setup-ecosystem: ## install what others made and some tests run against (needs Node.js and npm)
	@$(PROJECT) setup-ecosystem

test-containers: ## test the project against another PostgreSQL, in a container (needs Docker)
	@$(PROJECT) test-containers

labs-check: ## take each control of the project away and see what happens (ID=… for one)
	@$(PROJECT) labs-check ID="$(ID)"

docs: ## write the documents that are made from the registry of controls
	@$(PROJECT) docs

check: ## lint, format, types and import directions of the project
	@$(PROJECT) check

bench: ## run every benchmark of the project in place
	@$(PROJECT) bench

screenshots: ## make the pictures of the README (needs Chromium)
	@$(PROJECT) screenshots PICTURES="../docs/pictures"

requirements: ## compile every requirements file to hashes (needs uv)
	@for name in requirements requirements-test; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	    --no-emit-find-links --no-header $$name.in --output-file $$name.txt || exit 1; done
	@$(PROJECT) requirements

clean: ## remove everything that the commands above made
	rm -rf $(call quoted,$(BUILD))
