# goipvs needs Go 1.26 and nothing else. `make` builds bin/goipvs.

GO        ?= go
FUZZTIME  ?= 30s
BENCH     ?= .
PKG       ?= ./...
PREFIX    ?= /usr/local

# The analysers, fetched and built by the go command at these versions.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK    = github.com/kisielk/errcheck@v1.30.0
INEFFASSIGN = github.com/gordonklaus/ineffassign@v0.2.0
MISSPELL    = github.com/golangci/misspell/cmd/misspell@v0.8.0

# Builds of the command go by its profile; what is only tested or analysed need not.
PROFILE = cmd/goipvs/default.pgo
test lint race fuzz: export GOFLAGS += -pgo=off

.PHONY: build run test tools lint install race bench bench-go bench-live pgo fuzz oracle oracle-wrap record-snapshot selftest-vm test-arm64 oracle-fuzz clean

build: ## the binary, static, with the engine for the page's playground in it
	@$(GO) run ./internal/page/pack internal/page/assets
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/goipvs ./cmd/goipvs

run: ## see it work: hosts in network namespaces, real traffic
	@$(MAKE) -s build
	@bin/goipvs lab

test: lint tools ## what CI runs; as root it includes the end-to-end tests
	$(GO) test -timeout 14m $(PKG)

tools: ## programs that tests need beside Go; as root it installs those that are missing
	@./.ci/tools tshark tcpdump chromium ipvsadm keepalived strace ip:iproute2 sysctl:procps nc:netcat-openbsd xz:xz-utils
	@./.ci/selftest

lint: ## formatting and static analysis
	@files=$$(gofmt -l cmd conntrack hooks internal ipvs packet sched xmit); \
		if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	@set -e; for module in . ipvs; do cd $(CURDIR)/$$module; set -x; \
		$(GO) vet ./...; \
		$(GO) fix -stringsbuilder=false -diff ./...; \
		$(GO) run $(STATICCHECK) ./...; \
		$(GO) run $(ERRCHECK) -ignoretests -exclude $(CURDIR)/.errcheck ./...; \
		$(GO) run $(INEFFASSIGN) ./...; { set +x; } 2>/dev/null; done
	git ls-files '*.go' '*.md' Makefile | xargs $(GO) run $(MISSPELL) -error -i ECT

install: build ## goipvs to PREFIX/sbin; with AS_IPVSADM=1 it is ipvsadm there, too: [PREFIX=/usr/local] [DESTDIR=dir]
	install -D -m 755 bin/goipvs $(DESTDIR)$(PREFIX)/sbin/goipvs
	$(if $(AS_IPVSADM),ln -sfn goipvs $(DESTDIR)$(PREFIX)/sbin/ipvsadm)

race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 60m $(PKG)
	cd ipvs && CGO_ENABLED=1 $(GO) test -race ./...

bench: ## the engine's figures: [SIZES=1000000,10000000] [ROUNDS=1] [TIME=1s] [AGAINST=commit]
	$(GO) build -pgo=$(PROFILE) -o bin/benchengine ./internal/bench/cmd/benchengine
	@if [ -n "$(AGAINST)" ]; then GO="$(GO)" ./.ci/bench-against "$(AGAINST)" bin/benchengine-against; fi
	bin/benchengine --sizes $(or $(SIZES),1000000,10000000) --rounds $(or $(ROUNDS),1) --for $(or $(TIME),1s) \
		--against "$(if $(AGAINST),bin/benchengine-against)"

bench-go: ## the benchmarks beside the code; BENCH and PKG choose
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

bench-live: build ## beside kernel DNAT, HAProxy, nginx, as root: [ROUNDS=5] [TIME=1s] [PEERS=goipvs,...] [MEASURE=up,...] [NICE=-10] [PROFILES=dir]
	@.ci/peers
	$(GO) build -o bin/benchlive ./internal/bench/cmd/benchlive
	bin/benchlive --rounds $(or $(ROUNDS),5) --for $(or $(TIME),1s) --peers "$(PEERS)" --measure "$(MEASURE)" --nice $(or $(NICE),0) --profiles "$(PROFILES)"

pgo: build ## the profile that builds go by, from the engine and the daemon at work, as root: [NICE=-10]
	$(GO) build -o bin/benchengine ./internal/bench/cmd/benchengine
	$(GO) build -o bin/benchlive ./internal/bench/cmd/benchlive
	@mkdir -p out/pgo
	bin/benchengine --json --pauses=false --sizes 1000000 --for 500ms --cpuprofile out/pgo/engine > out/pgo/engine.json
	bin/benchlive --rounds 1 --for 3s --peers goipvs --measure up,down,connects,requests-1,requests-64,udp --nice $(or $(NICE),0) --cpuprofile out/pgo/live -o out/pgo
	$(GO) tool pprof -proto -output $(PROFILE) out/pgo/engine out/pgo/live

fuzz: ## every fuzz target, FUZZTIME each, one after the other
	@for module in . $(if $(filter ./...,$(PKG)),ipvs); do \
		cd $(CURDIR)/$$module || exit 1; \
		for pkg in $$($(GO) list $(PKG)); do \
			for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
				echo "== $$pkg $$target"; \
				$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
			done; \
		done; \
	done

oracle: ## record the cases anew from a real kernel and compare: make oracle ORACLE=dir [CASES="nat-* dr-*"]
	@GO="$(GO)" ORACLE="$(ORACLE)" CASES="$(CASES)" ./.ci/oracle

oracle-wrap: ## record anew what programs see of a real kernel, for the tests of wrap: make oracle-wrap ORACLE=dir
	@./.ci/selftest
	@GO="$(GO)" ORACLE="$(ORACLE)" ./.ci/oracle-wrap

record-snapshot: build ## testdata/snapshot anew, as root where the kernel has ip_vs
	testdata/snapshot/record.sh $(CURDIR)/bin/goipvs testdata/snapshot

selftest-vm: ## the kernel's selftest of IPVS with goipvs as the director on Debian's kernel, which has tunnels of its own: make selftest-vm ORACLE=dir
	@./.ci/selftest
	@GO="$(GO)" ORACLE="$(ORACLE)" ./.ci/selftest-vm

test-arm64: ## the tests on an emulated arm64 machine with Debian's kernel, as root: [PKG=./internal/wrap] [RUN=regexp] [CPU=cortex-a72]
	@GO="$(GO)" PKG="$(PKG)" RUN="$(RUN)" CPU="$(CPU)" ./.ci/test-arm64

oracle-fuzz: ## random directors and traffic, engine against real kernel: [SEED=1] [SEEDS=n] [TIME=10m] [ORACLE=dir] [FEATURES=v4,nat,...]
	@./.ci/tools python3 qemu-system-x86_64:qemu-system-x86 cpio depmod:kmod ipvsadm ip:iproute2 nft:nftables iptables
	$(GO) run ./internal/fuzzer/cmd/oraclefuzz -oracle "$(or $(ORACLE),../shared/oracle)" -seed $(or $(SEED),1) -seeds $(or $(SEEDS),0) \
		-time $(or $(TIME),10m) -features "$(FEATURES)" -state "$(or $(STATE),out/oracle-fuzz.state)"

clean:
	rm -rf bin out
	rm -f internal/page/assets/engine.wasm.gz internal/page/assets/wasm_exec.js
