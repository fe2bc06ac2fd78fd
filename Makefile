# The doors of this repository. Variables: DATA=./data  PORT=8080  LISTEN=127.0.0.1  PUBLIC_URL=  POLICY=deploy/scopes.yml
#   ISSUER=embedded|keycloak  KEYCLOAK_PORT=0  ISSUERS=  STORE=file|postgres  REGISTRIES=1
.PHONY: help run up down demo test test-keycloak test-replicas test-clients crash lint bench bench-store bench-tokens bench-gateway bench-search fuzz openapi model keycloak fmt tools
# `--bin`, not `--package`: cargo then chooses features for the whole workspace, as for the servers, and
# builds nothing twice (77 of xtask's 136 crates otherwise).
SERVE := [ -x target/release/xtask ] || echo "==> building the tools (two minutes the first time)" >&2; cargo run --quiet --locked --release --bin xtask --
TOOL := cargo run --quiet --locked --bin xtask --

help: ## Say which doors there are
	@sed -n 's/^\([a-z-]*\):[ a-z]* ## /  make \1\t/p' Makefile | expand -t 16
run: tools ## Install, build, start, play the demo, serve until Ctrl-C
	@$(SERVE) run
up: tools ## Start the stack in the background; DATA/run.json says where
	@$(SERVE) up
down: tools ## Stop the stack of DATA
	@$(SERVE) down
demo: tools ## Play the demo on a stack of its own; exits 0 only if it worked
	@$(SERVE) demo
model: tools ## Fetch the embedding model into DATA/model
	@$(TOOL) model
keycloak: tools ## Fetch Keycloak into this machine's cache
	@$(TOOL) keycloak
fmt: tools ## Format every file
	cargo fmt --all
lint: tools ## Formatting, clippy with warnings denied, the rules of the house
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(TOOL) tidy
test: tools ## Everything: set-up, model, lint, all tests through real nginx with the real model
	@$(TOOL) setup
	@$(TOOL) model
	@$(TOOL) keycloak --if-possible
	@$(MAKE) --no-print-directory lint
	cargo test --workspace --locked
test-keycloak: tools ## Only the tests on a real Keycloak, with its long outage
	@$(TOOL) setup
	@$(TOOL) model
	@$(TOOL) keycloak
	KEYCLOAK_OUTAGE_SECONDS=$${KEYCLOAK_OUTAGE_SECONDS:-60} cargo test --workspace --locked --test keycloak
test-replicas: tools ## Only the tests of several registries on one Postgres, with its long outage
	@$(TOOL) setup
	@$(TOOL) model
	REPLICAS_PARTITION_SECONDS=$${REPLICAS_PARTITION_SECONDS:-30} cargo test --workspace --locked --test replicas --test postgres --test vectors
test-clients: tools ## Only the tests with lumoauth, Agno, the OpenAI Agents SDK and mcp, from PyPI and npm
	@$(TOOL) setup
	cargo test --workspace --locked --test packages --test gateway
crash: tools ## Kill the registry CRASH_KILLS=2000 times while eight clients write
	CRASH_KILLS=$${CRASH_KILLS:-2000} cargo test --workspace --locked --test crash -- --nocapture
bench: tools ## Measure
	cargo bench --workspace --locked
bench-store: tools ## Only what keeping costs: 100, 10,000 and 100,000 agents, in files and in Postgres
	@$(TOOL) model
	cargo bench --workspace --locked --bench store
bench-tokens: tools ## Only what a sign-in and an exchange cost, beside one argon2id verify and one ES256 signature
	cargo bench --workspace --locked --bench tokens
bench-gateway: tools ## Only what a call through the gateway costs, beside the same call made directly and through nginx alone
	@$(TOOL) setup
	cargo bench --workspace --locked --bench gateway
bench-search: tools ## Only the search: how well and how fast it finds, 1,000,000 searches while everything changes, what a start takes
	@$(TOOL) model
	cargo bench --workspace --locked --bench quality --bench forward --bench start
	cargo bench --workspace --locked --bench search -- --million
	SEARCHES=1000000 cargo test --workspace --locked --release --test guarantee -- --ignored
fuzz: tools ## Feed the readers of what strangers send, FUZZ_SECONDS=60 each
	@$(TOOL) fuzz
openapi: tools ## Rewrite docs/api/*.json from the code
	ACCEPT=1 cargo test --quiet --locked --package registry --test openapi

# What no program of ours could ask for, since it takes these to build one. The rest is xtask's.
CPP := apt-get install --yes --no-install-recommends g++
tools:
	@command -v cargo >/dev/null || { echo "error: cargo is missing: install Rust 1.90 or newer, for example with rustup (https://rustup.rs)"; exit 1; } >&2
	@command -v c++ >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update --quiet && $(CPP); } || { echo "error: g++ is missing (the search index is C++); type: sudo $(CPP)"; exit 1; } >&2
