# PaperClip. `make demo` needs Rust and a C compiler, `make test` also npm, Chromium and promtool; both fetch everything else
# from crates.io and npm by the lock files.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

CHROMIUM := $(or $(PAPERCLIP_CHROMIUM),/usr/bin/chromium)

.PHONY: help demo test bench build release lint fmt npm js chromium promtool charm charm-lint clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: release ## three nodes on this machine that diverge and converge
	$(TARGET)/release/paperclip-node demo $(DEMO)

test: js chromium promtool build ## every test, those against real JavaScript OrbitDB included
	$(CARGO) test --workspace --locked

bench: js release ## PaperClip beside JavaScript OrbitDB and the primitives, as a table
	$(CARGO) run --release --locked -p paperclip-bench -- $(BENCH)

build: ## the node and the charm, for tests
	$(CARGO) build --locked -p paperclip-node -p paperclip-charm -p juju-sim

release: ## the node as it is shipped
	$(CARGO) build --release --locked -p paperclip-node

lint: ## what CI holds every change to
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: ## formats the code
	$(CARGO) fmt

npm:
	@command -v npm >/dev/null || { \
	  echo "npm is missing. The tests run a real JavaScript OrbitDB; npm brings it and the Node.js that it needs." >&2; \
	  echo "On Debian or Ubuntu: apt-get install npm. Elsewhere: https://nodejs.org" >&2; exit 1; }

chromium:
	@test -x $(CHROMIUM) || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; fi; \
	  test -x $(CHROMIUM); } || { \
	  echo "Chromium is missing: $(CHROMIUM). One of the tests runs an app in a real browser." >&2; \
	  echo "On Debian: apt-get install chromium. Elsewhere: install Chromium or Chrome and set PAPERCLIP_CHROMIUM to it." >&2; \
	  exit 1; }

# Prometheus's own judge of alert rules, from Debian's package: unpacked, not installed, because installing starts a server.
PROMTOOL := $(or $(PAPERCLIP_PROMTOOL),$(shell command -v promtool),$(TARGET)/prometheus/usr/bin/promtool)

promtool:
	@test -x "$(PROMTOOL)" || { \
	  mkdir -p $(TARGET)/prometheus && cd $(TARGET)/prometheus && command -v apt-get >/dev/null && \
	  { [ "$$(id -u)" != 0 ] || apt-get update --quiet; } && \
	  apt-get download --quiet prometheus && dpkg-deb --extract prometheus_*.deb .; } || true
	@test -x "$(PROMTOOL)" || { \
	  echo "promtool is missing. The tests judge the alert rules with it." >&2; \
	  echo "On Debian: apt-get download prometheus. Elsewhere: https://prometheus.io/download, and set PAPERCLIP_PROMTOOL to it." >&2; \
	  exit 1; }

js: npm tests/js/node_modules/.package-lock.json tests/js-2.5/node_modules/.package-lock.json tests/backups/node_modules/.package-lock.json

tests/%/node_modules/.package-lock.json: tests/%/package-lock.json
	cd tests/$* && npm ci --no-audit --no-fund
	@touch $@

charm: ## the charm, packed
	charm/pack/pack

charm-lint: ## the charm's files, judged by charmcraft and charm-proof
	charm/pack/lint

clean: ## removes what was built
	$(CARGO) clean
	rm -rf tests/js/node_modules tests/js-2.5/node_modules tests/backups/node_modules
