# Everything that a developer or CI runs. Only Go is needed.
GO ?= go
# The tools have a go.mod of their own, so that the product's holds what the product needs. Two that take minutes to
# build, and whose requirements would decide those of the others, are run by version.
TOOL = $(GO) tool -modfile=tools/go.mod
GOLANGCI = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GORELEASER = $(GO) run github.com/goreleaser/goreleaser/v2@v2.16.0

.PHONY: help run test race lint golangci cross wasm site site-test play-bench fused fuzz mutate crash rough bench bench-check benchstat full pictures install image release release-check release-try

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  %-14s %s\n' "$$name" "$$text"; done

run: ## the main job
	$(GO) run ./cmd/faultflow

test: ## every test
	$(GO) test ./...

race: ## every test under the race detector
	$(GO) test -race -timeout 40m ./...

# Names that are not of internal/catalog: a switch may leave them out.
OTHER_NAMES = ^[^f]|^faultflow/internal/([^c]|compare|campaign|channel)
lint: ## gofmt, vet, staticcheck, switches over names of the catalogue, and actionlint over the workflows
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) exhaustive -test=false -default-signifies-exhaustive -ignore-enum-types '$(OTHER_NAMES)' ./...
	$(TOOL) actionlint .github/workflows/*.yml deploy/github-*.yaml

golangci: ## the linters of .golangci.yml
	$(GOLANGCI) run

# Optimizing SQLite would take minutes for each system, and proves nothing here.
TARGETS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 js/wasm
cross: ## the program for every system that it is released for, and for the browser
	@set -e; for target in $(TARGETS); do echo "build $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -gcflags='modernc.org/...=-N -l' -o /dev/null ./cmd/faultflow; \
	done

# The same seed gives the same bytes everywhere. Of the systems only the browser's can be had here, in node; what the
# processors do differently, arm64's compiler shows: it joins x*y + z into one operation, which rounds once, unless the
# product is converted, float64(x*y). Of the libraries, only what is never called does.
wasm: ## reports of scenarios and profiles, and answers of the page, made as WebAssembly in node, are those made here
	@set -e; if ! command -v node >/dev/null; then echo "wasm: skipped, there is no node"; test -z "$$CI"; exit; fi; \
	dir=$$(mktemp -d); trap "rm -r $$dir" EXIT; \
	for package in runtest play; do \
		FAULTFLOW_HASHES=$$dir/$$package.hashes $(GO) test -count=1 -run OfAnotherPlatform ./internal/$$package; \
		GOOS=js GOARCH=wasm $(GO) test -c -o $$dir/$$package.wasm ./internal/$$package; (cd internal/$$package; \
		env -i PATH="$$PATH" HOME="$$HOME" FAULTFLOW_HASHES=$$dir/$$package.hashes \
			"$$($(GO) env GOROOT)/lib/wasm/go_js_wasm_exec" $$dir/$$package.wasm -test.run OfAnotherPlatform); \
	done

# The engine is packed here, since not every web server does that. SITE_VERSION is what its reports say. Inlining what
# reads files and writes pages would make it 200 KB larger, and a run no quicker.
SITE ?= dist/site
SMALL = github.com/goccy/... github.com/expr-lang/... html/template text/template/...
SITE_VERSION = $(shell git describe --tags --always 2>/dev/null || echo dev)
site: ## the page of faultflow play for any web server, its engine as WebAssembly, in dist/site
	@set -e; rm -rf $(SITE); $(GO) run ./cmd/play-site $(SITE) $(SITE_VERSION); \
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags '-s -w -X main.version=$(SITE_VERSION)' \
		$(SMALL:%=-gcflags='%=-l') -o $(SITE)/engine.wasm ./cmd/play-wasm; \
	gzip -9 -n $(SITE)/engine.wasm; cp "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" $(SITE); \
	echo "$(SITE): engine of $$(wc -c < $(SITE)/engine.wasm.gz) bytes"

AXE = axe-core@4.10.3
site-test: site ## the page as the site, in Chromium, and what axe finds in it, where there is npm; make test has the served one
	@set -e; dir=$$(mktemp -d); trap "rm -r $$dir" EXIT; \
	if command -v npm >/dev/null; then \
		npm install --silent --no-save --ignore-scripts --prefix $$dir $(AXE); \
		export FAULTFLOW_AXE=$$dir/node_modules/axe-core/axe.min.js; \
	fi; \
	FAULTFLOW_SITE=$(CURDIR)/$(SITE) $(GO) test -count=1 -run 'TestPlay$$/^site$$' ./internal/play/server

play-bench: site ## how long it takes on the page from a change to what is drawn
	FAULTFLOW_SITE=$(CURDIR)/$(SITE) FAULTFLOW_LATENCY=1 \
		$(GO) test -count=1 -timeout 60m -v -run TestLatencyOfPlay ./internal/play/server

fused: ## no sum that arm64 rounds differently
	@out=$$(GOARCH=arm64 $(GO) build -gcflags='faultflow/...=-S' ./... 2>&1 | \
		grep -E '\sFN?M(ADD|SUB)[DS]\s' | grep -v /failsafe-go@ || true); \
	if [ -n "$$out" ]; then echo "fused on arm64 (convert the product):"; echo "$$out"; exit 1; fi

FUZZTIME ?= 5s
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg; \
		done; \
	done

bench: ## runs a second of each profile, beside the same policy calls written bare; records a second into real channels
	$(GO) test -run '^$$' -bench . -benchtime 2s ./internal/runner
	$(GO) test -run '^$$' -bench 'SQLite|Postgres|File' -benchtime 2s ./internal/channel

bench-check: ## a run costs no more than docs/design.md says, as a multiple of its bare policy calls
	FAULTFLOW_BENCH=1 $(GO) test -count=1 -v -run TestCostOfARun ./internal/runner

BASE ?= HEAD~1
BENCHES = $(GO) test -run '^$$' -bench . -benchtime 0.5s -count 6 ./internal/runner
benchstat: ## the benchmarks of the commit BASE against those of the working tree
	@set -e; dir=$$(mktemp -d); trap "git worktree remove --force $$dir/base; rm -r $$dir" EXIT; \
	git worktree add --quiet --detach $$dir/base $(BASE); \
	(cd $$dir/base && $(BENCHES)) > $$dir/before; $(BENCHES) > $$dir/now; \
	$(TOOL) benchstat $(BASE)=$$dir/before now=$$dir/now

CORE = workflow errhandler fault settings resilience nodes simulate stats timeline expect campaign compare runner
PACKAGES ?= $(CORE:%=internal/%)
SAMPLE ?= 0
mutate: ## what tests notice of changes to the core packages; PACKAGES=internal/stats SAMPLE=50 for a part
	$(GO) -C tools run ./mutate -sample $(SAMPLE) $(PACKAGES)

full: ## the tests that CI runs in a smaller size, in full
	FAULTFLOW_FULL=1 $(GO) test -timeout 60m ./internal/runner ./internal/campaign ./internal/compare
	FAULTFLOW_FULL=1 $(GO) test -race -timeout 60m -run 'SameSeed' ./internal/runner

crash: ## kill -9 at 200 random instants for each real channel, over 10,000 records
	FAULTFLOW_CRASH=1 $(GO) test -count=1 -v -timeout 60m -run TestKilledAtAnyInstant ./cmd/faultflow

rough: ## the tests of signals, kill -9, full disks and two processes in one folder, 40 times
	$(GO) test -count=40 -timeout 60m -run 'TestSignals|TestNohup|TestReaderOfTheLog|TestInterrupted|TestPipeFlows|TestKilledAndLocked' ./cmd/faultflow
	$(GO) test -count=40 -timeout 60m -run 'TestOutputOnAFullDisk|TestOutputFolderIsLocked' ./internal/channel
	$(GO) test -count=40 -timeout 60m -run 'TestFullDiskUnderAState|TestDyingAtAnyOperation' ./internal/runner

# What the README shows as pictures is real output. freeze draws terminal output as SVG; Chromium takes the page's picture.
FREEZE = $(GO) run github.com/charmbracelet/freeze@v0.2.2 --language ansi --window --padding 20 --font.size 14 \
	--font.family "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
PICTURES = $(CURDIR)/docs/pictures
OUTAGE = --clock virtual --seed 7 --cycles 12 --fault collector.fetch=connection_refused,from=2s,to=40s
LOAD = --clock virtual --seed 7 --load 60/s --for 90s --batch-size 1 --capacity collector.fetch=service=10ms \
	--fault collector.fetch=halt,from=20s,to=30s --attempts 4 --timeout 1s --retry-delay 1ms --bulkhead 10000
# Lessons of docs/overload.md: the picture, and the two scenarios that it compares.
OVERLOAD = testdata/scenarios/overload
LESSONS = retries:retries-keep-it-down:retries-below-the-boundary \
	budget:budget-lets-it-come-back:budget-behind-backoff fleet:fleet-probes-in-step:fleet-with-jitter
# A comparison without the table of what differs.
SHORT = awk '/Outcomes/ { left = 1 } /Timelines/ { left = 0 } !left'
pictures: ## the pictures of the README and of docs/overload.md, made anew
	@set -e; dir=$$(mktemp -d); trap "rm -r $$dir" EXIT; mkdir -p $(PICTURES); \
	$(GO) build -o $$dir/faultflow ./cmd/faultflow; \
	$$dir/faultflow $(OUTAGE) --enable-circuit-breaker --color always > $$dir/report.ansi; \
	$$dir/faultflow compare --run '$(OUTAGE)' --run '$(OUTAGE) --enable-circuit-breaker' --color always > $$dir/compare.ansi; \
	$$dir/faultflow compare --run '$(LOAD)' --run '$(LOAD) --attempts 1' --color always | $(SHORT) > $$dir/load.ansi; \
	for lesson in $(LESSONS); do set -- $$(echo $$lesson | tr : ' '); \
		$$dir/faultflow compare $(OVERLOAD)/$$2.yaml $(OVERLOAD)/$$3.yaml --color always | $(SHORT) > $$dir/$$1.ansi; done; \
	for name in report compare load $(foreach l,$(LESSONS),$(firstword $(subst :, ,$l))); do \
		$(FREEZE) --output $(PICTURES)/$$name.svg $$dir/$$name.ansi; done; \
	FAULTFLOW_PICTURES=$(PICTURES) $(GO) test -count=1 -run TestPictures ./internal/render ./internal/play/server

install: ## the program into Go's folder of binaries
	CGO_ENABLED=0 $(GO) install ./cmd/faultflow

ARCH = $(shell $(GO) env GOARCH)
image: ## the image that deploy/ names, for this machine
	@set -e; dir=$$(mktemp -d); trap "rm -r $$dir" EXIT; cp Dockerfile $$dir; \
	CGO_ENABLED=0 GOOS=linux $(GO) build -trimpath -o $$dir/linux/$(ARCH)/faultflow ./cmd/faultflow; \
	docker build --build-arg TARGETPLATFORM=linux/$(ARCH) --tag faultflow $$dir

release: ## binaries, checksums and image of the tag that is checked out; the release workflow runs it
	$(GORELEASER) release --clean

# What the release workflow takes from its environment.
RELEASE_ENV = GITHUB_REPOSITORY_OWNER=$${GITHUB_REPOSITORY_OWNER:-owner} IMAGE=$${IMAGE:-faultflow}
release-check: ## the release's configuration
	$(RELEASE_ENV) $(GORELEASER) check

release-try: ## the release's binaries and checksums in dist/, without publishing them
	$(RELEASE_ENV) $(GORELEASER) release --snapshot --clean --skip=docker
