# The front door. `make` alone prints what there is.
.DEFAULT_GOAL := help
.PHONY: help setup up down dev stores format lint test test-fast test-e2e fuzz bench generate check-generated \
        db-migrate images health outbox db-shell redis-shell chart
SHELL := /bin/bash
NAMESPACE ?= creator
PLATFORM  ?= demo
KUBECTL   := tests/cluster/platform kubectl

help: ## print this list
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## download or build what `make dev` needs; `make up` and the tests build the rest when they need it
	cargo fetch --locked
	tests/stores/setup

up: ## a cluster, the operator, the sample platform; ends with a URL and curl lines that work
	tests/cluster/platform up

down: ## end what `make up` started
	tests/cluster/platform down

dev: ## the four services, their stores and the gateway on loopback, without Kubernetes; STORES=docker|process
	tests/stores/dev

stores: ## the four stores on loopback, for `cargo test`: then `set -a; . .dev/stores/env`
	tests/stores/start .dev/stores

format: ## format the Rust code
	cargo fmt --all

lint: ## format check, clippy, house rules, chart, shell scripts, TypeScript
	tests/cluster/packages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --locked --workspace --test tidy
	$(MAKE) --no-print-directory chart
	shellcheck -x -S warning $$(grep -rlE '^#!/bin/(ba)?sh' tests .ci)
	@if reason=$$(tests/web/run --check); then tests/web/run types; else echo "TypeScript skipped: $$reason"; fi

chart: ## helm lint, template and the schemas of what it renders
	tests/cluster/chart

test: ## everything: pure, services, fuzzing, operator, browser, node; prints the counts
	tests/run

test-fast: ## what needs no Kubernetes and no browser
	tests/run fast

fuzz: ## generated requests against the four services; FUZZ_SEED and FUZZ_EXAMPLES choose others and more
	tests/run fuzz

test-e2e: ## only what needs the whole node
	tests/run node

bench: ## what the platform costs beside the least that would do the same work; prints a table
	tests/bench/run

generate: ## rewrite CRDs, OpenAPI, golden plans, reference pages, the widget
	UPDATE_GOLDEN=1 tests/run generated
	@if reason=$$(tests/web/run --check); then tests/web/run build; else echo "widget skipped: $$reason"; fi

check-generated: ## fail when a generated file is stale
	tests/run generated
	git diff --exit-code

db-migrate: ## bring the database of `make dev` (or of DATABASE_* and ADMIN_*) to this version
	tests/stores/migrate

images: ## one image for each binary, with Docker or without
	tests/cluster/service-images

%-logs: ## logs of auth, creator-hub, ai-engine, channel, operator, postgres, redis, ollama, chroma, gateway
	$(KUBECTL) -n $(if $(filter operator,$*),creator-system,$(NAMESPACE)) logs --tail=100 --prefix --max-log-requests=20 -l app.kubernetes.io/component=$*

health: ## what the platform says of itself
	$(KUBECTL) -n $(NAMESPACE) get creatorplatforms,pods
	@for s in auth creator-hub ai-engine channels; do curl -s http://127.0.0.1:8080/$$s/readyz; echo; done

db-shell: ## psql in the platform's database, as administrator
	$(KUBECTL) -n $(NAMESPACE) exec -it $(PLATFORM)-postgres-0 -- psql -h 127.0.0.1 -U postgres platform

outbox: ## letters that wait: of `make dev` where it runs, else of the platform in the cluster
	@tests/stores/outbox || $(KUBECTL) -n $(NAMESPACE) exec deploy/$(PLATFORM)-auth -- auth-service outbox

redis-shell: ## redis-cli in the platform's Redis
	$(KUBECTL) -n $(NAMESPACE) exec -it $(PLATFORM)-redis-0 -- redis-cli
