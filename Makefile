# The front door. Everything here is a thin call of Meson, Ninja or a script in tools/.
#   make run     on a fresh Debian machine: install, build, start     make help     the rest

BUILD   ?= build
PREFIX  ?= /usr/local
CONFIG  ?= examples/quickstart/belfry.yaml
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
PYTHON  ?= /usr/bin/python3
SECONDS ?= 10
MESON    = meson
NINJA    = ninja -j $(JOBS)

.DEFAULT_GOAL := build
.PHONY: help run test deps deps-test deps-lint deps-bench build configure bench bench-% lint format \
        fuzz sanitize tsan leaks docs install uninstall clean distclean

help:
	@echo 'make run         install what is missing, build, start with $(CONFIG)'
	@echo 'make test        install what the tests need, build, run every test'
	@echo 'make deps        install the packages that building and running need'
	@echo 'make build       build only: $(BUILD)/belfry'
	@echo 'make bench       measure against the peers;  make bench-NAME for one'
	@echo 'make lint        format, floors, lengths, static analysis, gcc and clang with -Werror'
	@echo 'make format      let clang-format rewrite the sources'
	@echo 'make fuzz        run every fuzz target for SECONDS=$(SECONDS) seconds;  TARGET=name for one'
	@echo 'make sanitize    unit tests and corpora under ASan+UBSan;  make tsan  under TSan'
	@echo 'make leaks       10,000 probes of each type against real servers under LeakSanitizer;  KINDS="redis mysql" for some'
	@echo 'make docs        write docs/configuration*.md anew from the option tables'
	@echo 'make install     into PREFIX=$(PREFIX) (DESTDIR is respected);  make uninstall'
	@echo 'make clean       remove the build directory'

run: deps build
	@[ $(CONFIG) != examples/quickstart/belfry.yaml ] || tools/quickstart.sh $(BUILD)/belfry $(dir $(CONFIG))
	@echo "Belfry's page: http://127.0.0.1:9370/   (stop with Ctrl-C)"
	@exec $(BUILD)/belfry run -c $(CONFIG)

deps:
	@tools/deps.sh build

deps-test:
	@tools/deps.sh build test services

deps-lint:
	@tools/deps.sh build lint

deps-bench:
	@tools/deps.sh build bench

$(BUILD)/build.ninja:
	@$(MESON) setup $(BUILD) --prefix=$(PREFIX) >$(BUILD).log 2>&1 \
	  || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

configure: $(BUILD)/build.ninja

build: configure
	@$(NINJA) -C $(BUILD) --quiet products

test: deps-test build
	@$(PYTHON) tools/run_tests.py --build $(BUILD) $(TESTFLAGS)

bench: deps-bench build
	@$(PYTHON) bench/bench.py --belfry $(BUILD)/belfry all

bench-services: deps-test deps-bench build
	@$(NINJA) -C $(BUILD) --quiet bench/micro/probe_bench
	@$(PYTHON) bench/bench.py --belfry $(BUILD)/belfry services --frozen $(BENCHFLAGS)

bench-%: deps-bench build
	@$(PYTHON) bench/bench.py --belfry $(BUILD)/belfry $*

lint: deps-lint
	@tools/lint_all.sh

format:
	@find src test -name '*.[ch]' | xargs clang-format -i

fuzz: deps-lint
	@tools/fuzz.sh $(SECONDS) $(TARGET)

sanitize: deps-test deps-lint
	@tools/sanitize.sh address,undefined

tsan: deps-test deps-lint
	@tools/sanitize.sh thread

leaks: deps-test
	@[ -f build-leaks/build.ninja ] || $(MESON) setup build-leaks -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 >build-leaks.log 2>&1 \
	  || { cat build-leaks.log; exit 1; }
	@rm -f build-leaks.log; $(NINJA) -C build-leaks --quiet bench/micro/probe_bench
	@$(PYTHON) test/leak/leaks.py --probe-bench build-leaks/bench/micro/probe_bench $(KINDS)

docs: configure
	@$(NINJA) -C $(BUILD) --quiet config_doc >/dev/null
	@$(BUILD)/config_doc >docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md
	@$(BUILD)/config_doc zh >docs/configuration.zh-CN.md.new && mv docs/configuration.zh-CN.md.new docs/configuration.zh-CN.md

install: build
	@$(MESON) configure $(BUILD) --prefix=$(PREFIX) >/dev/null
	@$(NINJA) -C $(BUILD) --quiet belfry >/dev/null
	@DESTDIR='$(DESTDIR)' $(MESON) install -C $(BUILD) --no-rebuild --quiet
	@echo "installed $(DESTDIR)$(PREFIX)/bin/belfry"

uninstall:
	@$(NINJA) -C $(BUILD) uninstall

clean:
	@rm -rf $(BUILD) build-*

distclean: clean
	@rm -rf web/node_modules web/dist
