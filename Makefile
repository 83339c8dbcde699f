# One command for each thing to do. `make run` needs Rust only; `make test` also what tests/lab/install.sh installs.

comma := ,
nextest := $(shell cargo nextest --version 2>/dev/null)

.PHONY: run test lint check build-tests packages lab lab-down dist layout bench

# Opens the console.
run:
	cargo run --release

# Everything that has to pass: packages, lint, and all tests on a lab of real Docker hosts that ends with them.
test: packages lint build-tests
	tests/lab/lab run --engines -- $(MAKE) check

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Built first, so that the lab is not up while the compiler works.
build-tests:
ifdef nextest
	cargo nextest run --workspace --no-run
else
	cargo test --workspace --no-run
endif

# The tests alone, on the lab that WHARF_LAB names.
check:
ifdef nextest
	cargo test --workspace --doc
	cargo nextest run --workspace
else
	cargo test --workspace --no-fail-fast
endif

packages:
	tests/lab/install.sh

# A lab to play with; prints its directory, where ssh_config and wharf.toml are.
lab: packages
	tests/lab/lab up --engines

lab-down:
	tests/lab/lab down

# What is shipped, one static program: target/HOST/dist/wharf. Where the musl target is installed
# (rustup target add), `make dist DIST=x86_64-unknown-linux-musl` builds on that.
DIST ?= $(shell rustc -vV | sed -n 's/^host: //p')
# Functions that came out the same are kept once, and those that run lie side by side (benches/layout), where the linker
# can do that (rustc's own, which it takes for this target).
link := $(if $(filter x86_64-unknown-linux-gnu,$(DIST)),-C link-arg=-Wl$(comma)--icf=all$(comma)--pack-dyn-relocs=relr -C linker=$(CURDIR)/benches/layout/cc)
flags := -C target-feature=+crt-static $(link)
dist:
	RUSTFLAGS="$(flags)" cargo build --profile dist --target $(DIST)

# Finds out anew which functions run: needs valgrind and tmux. After that `make dist` lays them side by side.
layout:
	RUSTFLAGS="$(flags)" cargo rustc --profile dist --bin wharf --target $(DIST) -- -C strip=none
	benches/layout/record "$${CARGO_TARGET_DIR:-target}/$(DIST)/dist/wharf"

# Measures what is shipped: the hot paths, then the program in a terminal on the sim, beside those of its peers that are
# on the path (cargo install oxker dtop ducker). REAL=SOCKET measures on a real engine as well.
bench: dist
	cargo bench --bench hot --bench logs --bench book
	cargo bench --bench console -- --program "$${CARGO_TARGET_DIR:-target}/$(DIST)/dist/wharf" $(if $(REAL),--real $(REAL))
