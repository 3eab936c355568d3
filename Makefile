# Everything that a developer or CI runs. Only Go is needed.
GO ?= go

.PHONY: run test race lint fuzz bench benchstat full pictures install

run: ## the main job
	$(GO) run ./cmd/faultflow

test: ## every test
	$(GO) test ./...

race:
	$(GO) test -race ./...

lint:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

FUZZTIME ?= 5s
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: ## runs a second of each profile, beside the same policy calls written bare; one processor beside two
	$(GO) test -run '^$$' -bench . -benchtime 2s ./internal/runner

BASE ?= HEAD~1
BENCHES = $(GO) test -run '^$$' -bench . -benchtime 0.5s -count 6 ./internal/runner
benchstat: ## the benchmarks of the commit BASE against those of the working tree
	@set -e; dir=$$(mktemp -d); trap "git worktree remove --force $$dir/base; rm -r $$dir" EXIT; \
	git worktree add --quiet --detach $$dir/base $(BASE); \
	(cd $$dir/base && $(BENCHES)) > $$dir/before; $(BENCHES) > $$dir/now; \
	$(GO) tool benchstat $(BASE)=$$dir/before now=$$dir/now

full: ## the tests that CI runs in a smaller size, in full
	FAULTFLOW_FULL=1 $(GO) test -timeout 60m ./internal/runner ./internal/campaign ./internal/compare
	FAULTFLOW_FULL=1 $(GO) test -race -timeout 60m -run 'SameSeed' ./internal/runner

# What the README shows as pictures is real output. freeze draws terminal output as SVG; Chromium takes the page's picture.
FREEZE = $(GO) run github.com/charmbracelet/freeze@v0.2.2 --language ansi --window --padding 20 --font.size 14 \
	--font.family "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
PICTURES = $(CURDIR)/docs/pictures
OUTAGE = --clock virtual --seed 7 --cycles 12 --fault collector.fetch=connection_refused,from=2s,to=40s
pictures: ## the README's pictures, made anew
	@set -e; dir=$$(mktemp -d); trap "rm -r $$dir" EXIT; mkdir -p $(PICTURES); \
	$(GO) build -o $$dir/faultflow ./cmd/faultflow; \
	$$dir/faultflow $(OUTAGE) --enable-circuit-breaker --color always > $$dir/report.ansi; \
	$$dir/faultflow compare --run '$(OUTAGE)' --run '$(OUTAGE) --enable-circuit-breaker' --color always > $$dir/compare.ansi; \
	for name in report compare; do $(FREEZE) --output $(PICTURES)/$$name.svg $$dir/$$name.ansi; done; \
	FAULTFLOW_PICTURES=$(PICTURES) $(GO) test -count=1 -run TestPictures ./internal/render

install:
	CGO_ENABLED=0 $(GO) install ./cmd/faultflow
