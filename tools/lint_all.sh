#!/bin/bash
# What `make lint` runs, each step told with its time: format, our own linter, the whole tree with
# -Werror by gcc and by clang, clang-tidy, and the page's types (cppcheck understands neither must() nor cleanup
# attributes, so it cries wolf).
# Steps can be named: tools/lint_all.sh format own
set -u
cd "$(dirname "$0")/.."
jobs=$(nproc 2>/dev/null || echo 2)
failed=0

sources() { find src test -name '*.c' -o -name '*.h' | sort; }

# Only the places; `make format` mends them.
step_format()
{
    sources | xargs clang-format --dry-run -Werror 2>&1 | sed -n 's/ error: code should be.*/ not formatted/p' |
        { ! grep -m 20 .; }
}

step_own() { tools/lint; }

# The tests' code, too; -O2 as in the release, because warnings come from flow analysis.
compile()
{
    local dir=build-lint-$1
    if [ ! -f "$dir/build.ninja" ]; then
        CC=$1 CXX=$2 meson setup "$dir" -Dwerror=true -Ddebug=false -Dtests=enabled >"$dir.log" 2>&1 || { tail -20 "$dir.log"; return 1; }
        mv "$dir.log" "$dir/"
    fi
    ninja -C "$dir" -j "$jobs" -k 0 --quiet >"$dir/ninja.log" 2>&1 && return 0
    grep -E '(error|FAILED):' "$dir/ninja.log" | head -40
    return 1
}

step_gcc() { compile gcc g++; }
step_clang() { compile clang clang++; }

# Wants the compile commands of step clang.
step_tidy()
{
    sed -n 's,.*"file": "\.\./\(src/.*\.c\)".*,\1,p' build-lint-clang/compile_commands.json | sort -u | tr '\n' '\0' |
        xargs -0 -n 4 -P "$jobs" clang-tidy -p build-lint-clang --quiet --warnings-as-errors='*' \
            2>&1 | sed -n 's,^.*build-lint-clang/\.\./,,; / error: /p' | sort -u
    return "${PIPESTATUS[3]}"
}

# The page's types.
step_page()
{
    [ ! -f web/tsconfig.json ] || (cd web && npm run --silent check)
}

for step in ${*:-format own gcc clang tidy page}; do
    start=$SECONDS
    if "step_$step"; then verdict=good; else verdict=BAD; failed=1; fi
    echo "lint: $step: $verdict ($((SECONDS - start)) s)"
done
exit $failed
