#!/bin/bash
# Unit tests, corpora and simulation in a build of their own with a sanitizer.
#   tools/sanitize.sh address,undefined      everything that Meson runs
#   tools/sanitize.sh thread                 what has threads or shared memory
set -eu
cd "$(dirname "$0")/.."
kind=${1:-address,undefined}
dir=build-${kind%%,*}
suites=(--suite unit --suite fuzz --suite sim)
[ "$kind" = thread ] && suites=(--suite base --suite ipc --suite store --suite core --suite tsdb --suite promql --suite rule --suite remote --suite io --suite api --suite status --suite access)

if [ ! -f "$dir/build.ninja" ]; then
    CC=clang CXX=clang++ meson setup "$dir" -Db_sanitize="$kind" -Db_lundef=false -Doptimization=1 -Dtests=enabled \
        >"$dir.log" 2>&1 || { tail -20 "$dir.log"; exit 1; }
    mv "$dir.log" "$dir/"
fi
exec /usr/bin/python3 tools/run_tests.py --build "$dir" --slow 4 "${suites[@]}"
