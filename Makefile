# `make help` lists what there is. Needs GNU make 3.81 and Python 3.11 or newer, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
PHOTOS ?= samples
MINISTACK := .local/ministack
RIE := .local/rie
BASELINES := .local/baselines
READERS := .local/readers
AUDIT := .local/audit

OF_HANDLER := tests/unit/promises tests/unit/decoders tests/unit/metadata $(patsubst %,tests/unit/test_%.py,\
	conversion decoder dimensions documents entries objects paid quota settings telemetry)

# What is said on make's command line reaches the program letter for letter, in the environment: neither make nor the
# shell runs what is in it. The deploy tool takes nothing else: no variable that is set elsewhere changes what it does.
VARIABLES := PHOTOS STACK REGION PROFILE ARCHITECTURE BASE_IMAGE YES EXISTING_BUCKET PREFIX VIA EMAIL PARAMETERS TAGS \
	DATA N SEED ROUNDS RATE BESIDE TPS DUPLICATES SIZE TARGET RECOGNISER SLO WARMUP OUT KEEP MINUTES DIR ONLY \
	LIBRARY PHOTOS_LOCAL_STATE PYTHON
TOLD := $(foreach name,$(VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
$(foreach name,$(TOLD),$(eval override $(name) := $$(value $(name)))$(eval export $(name)))
export PHOTOS PYTHON
told = $(if $(filter $1,$(TOLD)),"$${$1}")
given = $(if $(filter $1,$(TOLD)),--$2 "$${$1}")
number_sign := \#
python = $(if $(filter ~/%,$(firstword $(value PYTHON))),"$${HOME}$${PYTHON$(number_sign)?}","$${PYTHON}")
# A switch has one word; another one is an option's value, which the program refuses with a sentence.
switch = $(if $(and $(filter $1,$(TOLD)),$($1)),--$3$(if $(filter-out 1,$(words $($1)))$(filter-out $2,$($1)),="$${$1}"))
# What the programs then speak of, and not of their options.
TOOL = MAKE_VARIABLES="$(VARIABLES)" $(BIN)/python -m

DEPLOY = $(TOOL) infra $(call given,STACK,stack) $(call given,REGION,region) \
	$(call given,PROFILE,profile) $(call given,ARCHITECTURE,architecture) \
	$(if $(value BASE_IMAGE),--base "$${BASE_IMAGE}") $(call switch,YES,1,yes)

# Of the caller's settings for pip those hold that say where packages come from. Where they go to, and which code
# runs, is said here: no PIP_USER, no PYTHONPATH, and no pip.conf that has the like (a venv's prefix is its own folder).
PIP_SETTINGS := $(addprefix PIP_,CONFIG_FILE INDEX_URL EXTRA_INDEX_URL NO_INDEX FIND_LINKS TRUSTED_HOST CERT CLIENT_CERT \
	PROXY DEFAULT_TIMEOUT TIMEOUT RETRIES RESUME_RETRIES CACHE_DIR NO_CACHE_DIR KEYRING_PROVIDER NO_INPUT \
	CONSTRAINT ONLY_BINARY NO_BINARY PREFER_BINARY USE_FEATURE USE_DEPRECATED)
PYTHON_SETTINGS := PYTHON $(addprefix PYTHON,UNBUFFERED IOENCODING UTF8 COERCECLOCALE DONTWRITEBYTECODE PYCACHEPREFIX \
	FAULTHANDLER HASHSEED)
unexport $(filter-out $(PIP_SETTINGS) $(PYTHON_SETTINGS),$(filter PIP_% PYTHON%,$(.VARIABLES)))
pip = $1/bin/python -m pip install --quiet --disable-pip-version-check --no-user --root=/ "--prefix=$$PWD/$1" --target=
pinned = $(call pip,$1) --require-hashes -r requirements/$2.txt

.DEFAULT_GOAL := help
.PHONY: help setup emulator demo up down image push deploy redeploy rollback destroy \
	test coverage test-image test-browser test-chaos test-all histories chaos corpus smoke loadtest \
	bench bench-quota bench-endurance bench-import bench-convert bench-browse bench-audit bench-backfill \
	bench-live bench-alarms bench-slots bench-memory bench-metadata bench-vision bench-limits bench-image figures lint docs wheel \
	audit format lock clean

help: ## list the targets
	@echo 'make TARGET [NAME=value ...], for example make demo PHOTOS=~/Pictures'
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

## On this machine, without AWS

demo: setup ## label photos on this machine: PHOTOS=dir for your own
	@$(BIN)/python -m local demo "$${PHOTOS}"

up: setup ## start the local cloud: LIBRARY=dir (kept) PARAMETERS=
	@$(BIN)/python -m local up $(or $(call told,PARAMETERS),"") $(call told,LIBRARY)

down: setup ## stop the local cloud
	@$(BIN)/python -m local down

## On AWS

deploy: setup ## deploy to AWS: REGION= EMAIL= TAGS= PARAMETERS="Name=…"
	@$(DEPLOY) deploy $(call given,EXISTING_BUCKET,existing-bucket) $(call given,PREFIX,prefix) \
		$(call given,VIA,via) $(call given,EMAIL,email) $(call given,PARAMETERS,parameters) $(call given,TAGS,tags)

redeploy: setup ## run a new image; roll back if it labels no photo
	@$(DEPLOY) redeploy

rollback: setup ## run the previous image again
	@$(DEPLOY) rollback

destroy: setup ## remove the stacks; data stays, unless DATA=delete
	@$(DEPLOY) destroy $(call switch,DATA,delete,with-data)

image: setup ## build the function's container image
	@$(DEPLOY) image

push: setup ## build it and push it to ECR
	@$(DEPLOY) push

## Tests

test: .venv/.dev $(MINISTACK)/.installed ## run the tests that need no Docker and no browser
	@$(BIN)/python -m pytest --ignore tests/image --ignore tests/browser --ignore tests/chaos --numprocesses 2 --dist loadgroup

coverage: .venv/.dev ## measure the function's branches; fail below 95 %
	@rm -rf .local/coverage && mkdir -p .local/coverage
	@$(BIN)/coverage run -m pytest --quiet $(OF_HANDLER)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-image: .venv/.dev $(MINISTACK)/.installed $(RIE)/.installed ## test the image and the deploy tool, in Docker
	@$(BIN)/python -m pytest tests/image

test-browser: .venv/.dev ## test the web pages, in Chromium
	@$(BIN)/python -m pytest tests/browser

test-chaos: .venv/.dev $(MINISTACK)/.installed ## run a few minutes of `make chaos`
	@$(BIN)/python -m pytest tests/chaos

test-all: test test-image test-browser test-chaos ## run all tests, as CI does

histories: .venv/.dev ## play made-up histories in virtual time: N= SEED=
	@$(BIN)/python -m tests.histories $(or $(call told,N),100000) $(call told,SEED)

chaos: .venv/.loadtest $(MINISTACK)/.installed ## inject every fault while photos flow: N= SEED=
	@$(TOOL) chaos $(call given,N,number) $(call given,SEED,seed)

corpus: setup ## judge the decoder by a folder: DIR= ONLY=decoder
	@$(TOOL) corpus $(call given,DIR,folder) $(call switch,ONLY,decoder,decoder)

smoke: setup ## label one photo of each kind: TARGET=aws REGION= OUT=
	@$(TOOL) smoke $(call given,TARGET,target) $(call given,REGION,region) $(call given,PROFILE,profile) \
		$(call given,OUT,out) $(if $(value BASE_IMAGE),--base "$${BASE_IMAGE}") $(call switch,YES,1,yes)

## Measurements

loadtest: .venv/.loadtest $(MINISTACK)/.installed ## measure latency and loss: N= RATE= (docs/loadtest.md)
	@$(TOOL) loadtest $(call given,N,number) $(call given,RATE,rate) $(call given,PROFILE,shape) \
		$(call given,SIZE,size) $(call given,PHOTOS,photos) $(call given,TARGET,target) \
		$(call given,RECOGNISER,recogniser) $(call given,SLO,slo) $(call given,SEED,seed) \
		$(call given,WARMUP,warmup) $(call given,BESIDE,beside) $(call given,TPS,tps) \
		$(call given,DUPLICATES,duplicates) $(call given,OUT,out) $(call given,STACK,stack) $(call given,REGION,region) \
		$(call switch,KEEP,1,keep) $(call switch,YES,1,yes)

bench: setup $(BASELINES)/.installed ## compare the function with three usual designs: ROUNDS=
	@$(BIN)/python -m loadtest.benchmarks.handler $(call told,ROUNDS)

bench-browse: .venv/.dev ## time searches of a million rows, and the page: N=
	@$(BIN)/python -m loadtest.benchmarks.browse $(call told,N)

bench-audit: .venv/.loadtest ## time an audit of 100,000 photos of a stand-in: N=
	@$(BIN)/python -m loadtest.benchmarks.audit $(call told,N)

bench-backfill: .venv/.loadtest ## time queueing 100,000 photos of a stand-in: N=
	@$(BIN)/python -m loadtest.benchmarks.backfill $(call told,N)

bench-live: .venv/.loadtest $(MINISTACK)/.installed ## live photos beside an import (40 minutes): N=20000
	@$(BIN)/python -m loadtest.benchmarks.live $(call told,N)

bench-alarms: .venv/.loadtest $(MINISTACK)/.installed ## which alarms an import rings (14 minutes): N=20000
	@$(BIN)/python -m loadtest.benchmarks.alarms $(call told,N)

bench-slots: .venv/.dev ## simulate the quota at up to 2,000 calls a second
	@$(BIN)/python -m tests.histories.slots

bench-memory: .venv/.dev ## ask the page's server for 24 photos of 190 MB at once
	@$(BIN)/python -m loadtest.benchmarks.memory

bench-metadata: .venv/.loadtest $(READERS)/.installed ## compare what reads time and place of photos
	@$(BIN)/python -m loadtest.benchmarks.metadata

bench-vision: setup ## judge the vision models by photos: DIR= for your own
	@$(TOOL) local.models.evaluation $(call given,DIR,folder)

bench-limits: .venv/.loadtest $(MINISTACK)/.installed ## find this machine's limits: half an hour; N=5000: less
	@$(BIN)/python -m loadtest.benchmarks.limits $(call told,N)

bench-quota: .venv/.loadtest $(MINISTACK)/.installed ## drain a backlog at quotas of 5, 20 and 80 (7 minutes)
	@$(BIN)/python -m loadtest.benchmarks.quota

bench-endurance: .venv/.loadtest $(MINISTACK)/.installed ## watch the environments at a steady rate: MINUTES=20
	@$(BIN)/python -m loadtest.benchmarks.endurance $(call told,MINUTES)

bench-import: .venv/.loadtest $(MINISTACK)/.installed ## compare `photos import` with bare PutObject: N=5000
	@$(BIN)/python -m loadtest.benchmarks.import_ $(call told,N)

bench-convert: .venv/.loadtest ## measure decoding phone photos: CPU and memory
	@$(BIN)/python -m loadtest.benchmarks.convert

bench-image: setup $(RIE)/.installed ## compare the image with a plain one
	@$(BIN)/python -m loadtest.benchmarks.image $(if $(value BASE_IMAGE),"$${BASE_IMAGE}")

figures: .venv/.dev .venv/.loadtest $(MINISTACK)/.installed ## measure what the docs show again (two hours)
	@$(BIN)/python -m loadtest.benchmarks.all_figures

## Maintenance

lint: .venv/.dev ## check style, types, template, help pages
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/cfn-lint infra/*.yaml
	@$(BIN)/python -m cogapp --check --diff docs/commands.md

docs: .venv/.dev ## write the help pages into docs/commands.md
	@$(BIN)/python -m cogapp -r docs/commands.md

wheel: .venv/.run ## build dist/*.whl, which contains `photos` alone
	@rm -rf build dist # setuptools would put what an earlier build left there into the wheel
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build

audit: $(AUDIT)/.installed ## look up known vulnerabilities of pinned packages
	@for name in handler image run loadtest dev ministack models baselines readers; do echo "$$name:" && \
		$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/$$name.txt || exit 1; done

format: .venv/.dev ## format the code
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

lock: .venv/.dev ## pin the newest of requirements/*.in, with hashes
	@cd requirements && for name in handler image run loadtest dev ministack models baselines readers audit; do \
		../$(UV) --upgrade --output-file $$name.txt $$name.in || exit 1; done
	@cd requirements && ../$(UV) --upgrade --no-deps --output-file rie.txt rie.in

setup: .venv/.run $(MINISTACK)/.installed

clean: ## remove what the Makefile made
	@rm -rf .venv .local build dist

.venv/.made:
	@$(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "photo-labels needs Python 3.11 or newer: name one with make PYTHON=python3.12" >&2; exit 1; }
	@$(python) -m venv .venv
	@touch $@

.venv/.run: .venv/.made requirements/run.txt pyproject.toml
	@echo "setting up .venv (about half a minute, once)"
	@$(call pinned,.venv,run)
	@$(call pip,.venv) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.loadtest: .venv/.run requirements/loadtest.txt
	@$(call pinned,.venv,loadtest)
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@echo "setting up the tools for tests (about half a minute, once)"
	@$(call pinned,.venv,dev)
	@touch $@

emulator: $(RIE)/.installed

$(RIE)/.installed: .venv/.made requirements/rie.txt
	@echo "fetching Lambda's runtime interface emulator (a few seconds, once)"
	@rm -rf $(RIE)
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --dest $(RIE) -r requirements/rie.txt
	@$(BIN)/python -m zipfile -e $(RIE)/*.whl $(RIE)/wheel
	@mv $(RIE)/wheel/samcli/local/rapid/aws-lambda-rie-* $(RIE)
	@rm -rf $(RIE)/wheel $(RIE)/*.whl
	@chmod +x $(RIE)/aws-lambda-rie-*
	@touch $@

$(MINISTACK)/.installed: requirements/ministack.txt
	@echo "setting up the local AWS (a few seconds, once)"
	@$(python) -m venv $(MINISTACK)
	@$(call pinned,$(MINISTACK),ministack)
	@touch $@

# Of the same Python as .venv: the profiler in it profiles what runs there.
$(BASELINES)/.installed: .venv/.made requirements/baselines.txt
	@echo "setting up what the benchmark compares with (a few seconds, once)"
	@$(BIN)/python -m venv --clear $(BASELINES)
	@$(call pinned,$(BASELINES),baselines)
	@touch $@

$(READERS)/.installed: .venv/.made requirements/readers.txt
	@echo "setting up what the benchmark compares with (a few seconds, once)"
	@$(BIN)/python -m venv --clear $(READERS)
	@$(call pinned,$(READERS),readers)
	@touch $@

$(AUDIT)/.installed: .venv/.made requirements/audit.txt
	@$(BIN)/python -m venv --clear $(AUDIT)
	@$(call pinned,$(AUDIT),audit)
	@touch $@
