# The doors of this repository. Variables: DATA=./data  PORT=8080  POLICY=deploy/scopes.yml
.PHONY: help run up down demo test lint bench openapi model fmt
SERVE := cargo run --quiet --locked --release --package xtask --
TOOL := cargo run --quiet --locked --package xtask --

help: ## Say which doors there are
	@sed -n 's/^\([a-z]*\): *## /  make \1\t/p' Makefile | expand -t 16
run: ## Install, build, start, play the demo, serve until Ctrl-C
	@$(SERVE) run
up: ## Start the stack in the background; DATA/run.json says where
	@$(SERVE) up
down: ## Stop the stack of DATA
	@$(SERVE) down
demo: ## Play the demo on a stack of its own; exits 0 only if it worked
	@$(SERVE) demo
model: ## Fetch the embedding model into DATA/model
	@$(TOOL) model
fmt: ## Format every file
	cargo fmt --all
lint: ## Formatting, clippy with warnings denied, the rules of the house
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(TOOL) tidy
test: ## Everything: set-up, model, lint, all tests through real nginx with the real model
	@$(TOOL) setup
	@$(TOOL) model
	@$(MAKE) --no-print-directory lint
	cargo test --workspace --locked
bench: ## Measure
	cargo bench --workspace --locked
openapi: ## Rewrite docs/api/*.json from the code
	ACCEPT=1 cargo test --quiet --locked --package registry --test openapi
