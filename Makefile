# The entry point for developers: `make` without a target lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup up down dev stores format lint test test-fast test-e2e test-exhaustive exhaustive-summary fuzz quality bench generate check-generated \
        db-migrate images release health outbox jobs events db-shell redis-shell chart
SHELL := /bin/bash
NAMESPACE ?= creator
PLATFORM  ?= demo
KUBECTL   := tests/cluster/platform kubectl

help: ## print this help
	@grep -hE '^[a-z0-9%-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## download or build what `make dev` needs; `make up` and the tests build the rest when they need it
	cargo fetch --locked
	tests/stores/setup

up: ## start a cluster, the operator and a sample platform; prints its URL and first API calls
	tests/cluster/platform up

down: ## stop and delete what `make up` started
	tests/cluster/platform down

dev: ## run the four services, their stores and the gateway on loopback, without Kubernetes; STORES=docker|process
	tests/stores/dev

stores: ## start the four stores on loopback for `cargo test`, then: `set -a; . .dev/stores/env`
	tests/stores/start .dev/stores

format: ## format the Rust code
	cargo fmt --all

lint: ## check formatting, clippy, the repository's rules, the chart, shell scripts and TypeScript
	tests/cluster/packages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked --workspace --test tidy
	$(MAKE) --no-print-directory chart
	shellcheck -x -S warning $$(grep -rlE '^#!/bin/(ba)?sh' tests .ci)
	@if reason=$$(tests/web/run --check); then tests/web/run types; else echo "TypeScript skipped: $$reason"; fi

chart: ## lint and render the Helm chart, and validate the rendered objects
	tests/cluster/chart

test: ## run all tests: unit, services, fuzzing, operator, browser, node; prints the counts
	tests/run

test-exhaustive: ## run what is too long for `make test`, in parts: PART="rls walks" selects, FORCE=1 repeats
	tests/exhaustive $(if $(FORCE),--force) $(PART)

exhaustive-summary: ## print the results of `make test-exhaustive` so far
	tests/exhaustive --summary

test-fast: ## run the tests that need neither Kubernetes nor a browser
	tests/run fast

fuzz: ## send generated requests to the four services; FUZZ_SEED and FUZZ_EXAMPLES configure it
	tests/run fuzz

quality: ## measure search and answers on judged data; docs/quality.md says what the figures mean
	tests/run quality

test-e2e: ## run the end-to-end tests on a Kubernetes node only
	tests/run node

bench: ## compare the hot paths with a minimal implementation of the same work; prints a table
	tests/bench/run

generate: ## regenerate CRDs, OpenAPI documents, golden plans, reference pages and the widget
	UPDATE_GOLDEN=1 tests/run generated
	@if reason=$$(tests/web/run --check); then tests/web/run build; else echo "widget skipped: $$reason"; fi

check-generated: ## fail if a generated file is out of date
	tests/run generated
	git diff --exit-code

db-migrate: ## migrate the database of `make dev`, or the one in DATABASE_* and ADMIN_*
	tests/stores/migrate

release: ## push images and chart to REGISTRY by digest, with a folder of what users need: make release REGISTRY=registry.example.com/creator
	tests/cluster/release $(REGISTRY)

images: ## build one image for each binary, with or without Docker
	tests/cluster/service-images

%-logs: ## print the logs of auth, creator-hub, ai-engine, channel, operator, postgres, redis, ollama, chroma, gateway
	$(KUBECTL) -n $(if $(filter operator,$*),creator-system,$(NAMESPACE)) logs --tail=100 --prefix --max-log-requests=20 -l app.kubernetes.io/component=$*

health: ## print the status of the platform and the readiness of its services
	$(KUBECTL) -n $(NAMESPACE) get creatorplatforms,pods
	@for s in auth creator-hub ai-engine channels; do curl -s http://127.0.0.1:8080/$$s/readyz; echo; done

db-shell: ## open psql on the platform's database, as administrator
	$(KUBECTL) -n $(NAMESPACE) exec -it $(PLATFORM)-postgres-0 -- psql -h 127.0.0.1 -U postgres platform

jobs: ## print failed jobs and scheduled work of each service of the platform in the cluster
	@for s in auth creator-hub ai-engine channel; do for what in failed schedules; do \
	  echo "$$s: $$what"; $(KUBECTL) -n $(NAMESPACE) exec deploy/$(PLATFORM)-$$s -- $$s-service jobs $$what; done; done

events: ## print the events that the subscriptions of each service of the platform in the cluster have set aside
	@for s in auth creator-hub ai-engine channel; do \
	  echo "$$s"; $(KUBECTL) -n $(NAMESPACE) exec deploy/$(PLATFORM)-$$s -- $$s-service events failed; done

outbox: ## print unsent emails: of `make dev` if it runs, otherwise of the platform in the cluster
	@tests/stores/outbox || $(KUBECTL) -n $(NAMESPACE) exec deploy/$(PLATFORM)-auth -- auth-service outbox

redis-shell: ## open redis-cli on the platform's Redis, with the rights of auth
	$(KUBECTL) -n $(NAMESPACE) exec -it $(PLATFORM)-redis-0 -- \
	  sh -c 'exec redis-cli --user auth --pass "$$AUTH_REDIS_PASSWORD" --no-auth-warning'
