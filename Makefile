# The commands of the project. `make demo` and `make test` are all that a newcomer needs.
GO            ?= go
BIN           := bin
GOLANGCI      := $(BIN)/golangci-lint-v2.15.0
export CGO_ENABLED = 0
VERSION       ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
LDFLAGS       := -s -w -X sundog/app.Version=$(VERSION)

.PHONY: build demo test unit sdk check generate bench clean

build: ## the binary, in bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/sundog ./cmd/sundog

demo: build ## build, run the example applications, drive them with real requests, check the answers
	$(GO) run ./test/demo -sundog $(BIN)/sundog

test: check unit sdk ## everything

# What drives the built binary is not cached: go test does not see that the binary's sources changed.
BINARY_TESTS := ./test ./test/crash

unit:
	$(GO) test -tags '$(TAGS)' $$($(GO) list ./... | grep -vxF "$$($(GO) list $(BINARY_TESTS))")
	$(GO) test -tags '$(TAGS)' -count=1 $(BINARY_TESTS)

sdk: build ## real SDKs against a running platform
	./test/sdk/run $(BIN)/sundog

check: $(GOLANGCI) ## format, vet, lint, import table, size budgets, generated code up to date
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "gofmt:"; echo "$$out"; exit 1; fi
	$(GO) vet -tags '$(TAGS)' ./...
	$(GOLANGCI) run ./...
	$(GO) test ./internal/lint
	$(GO) run ./tools/apigen -check
	$(GO) run ./tools/coverage -check

$(GOLANGCI):
	GOBIN=$(abspath $(BIN))/tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/tmp/golangci-lint $@ && rmdir $(BIN)/tmp

generate: ## the API packages, from the published models
	$(GO) run ./tools/apigen

bench: build ## one table of figures, next to peers where they do the same
	$(GO) run ./test/bench -sundog $(BIN)/sundog

clean:
	rm -rf $(BIN) .sundog
