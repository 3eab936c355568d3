# Everything that a developer or CI runs. Only Go is needed.
GO ?= go

.PHONY: run test race lint fuzz bench full install

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

bench: ## time of a virtual run of each profile, beside the same policy calls written bare
	$(GO) test -run '^$$' -bench . -benchtime 2s ./internal/runner

full: ## the tests that CI runs in a smaller size, in full
	FAULTFLOW_FULL=1 $(GO) test -timeout 60m ./internal/runner
	FAULTFLOW_FULL=1 $(GO) test -race -timeout 60m -run 'SameSeed' ./internal/runner

install:
	CGO_ENABLED=0 $(GO) install ./cmd/faultflow
