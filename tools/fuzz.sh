#!/bin/bash
# Runs every fuzz target (or one) for some seconds:  tools/fuzz.sh SECONDS [NAME]
# New inputs are kept in build-fuzz/corpus/NAME, crashes in build-fuzz/crash/NAME-*; a crash that
# is understood goes into test/fuzz/corpus/NAME with the fix. Ends with how many were good and bad.
set -u
cd "$(dirname "$0")/.."
seconds=${1:-10}
only=${2:-}
jobs=$(nproc 2>/dev/null || echo 2)
dir=build-fuzz

if [ ! -f $dir/build.ninja ]; then
    CC=clang CXX=clang++ meson setup $dir -Dfuzz=true -Db_lundef=false -Doptimization=1 -Dtests=enabled >$dir.log 2>&1 ||
        { tail -20 $dir.log; exit 1; }
    mv $dir.log $dir/
fi
mkdir -p $dir/crash
names=$(ninja -C $dir -t targets all | sed -n 's,^test/fuzz/fuzz_\([a-z0-9_]*\):.*LINKER.*,\1,p' | sort)
[ -n "$only" ] && names=$only
[ -n "$names" ] || { echo "fuzz: no targets"; exit 1; }
# shellcheck disable=SC2086 # a list of words
ninja -C $dir -j "$jobs" --quiet $(printf 'test/fuzz/fuzz_%s ' $names) >$dir/ninja.log 2>&1 ||
    { tail -40 $dir/ninja.log; exit 1; }

fuzz_one()
{
    local name=$1 found=$dir/corpus/$1 args=()
    mkdir -p "$found"
    [ -f "test/fuzz/$name.dict" ] && args+=("-dict=test/fuzz/$name.dict")
    [ -d "test/fuzz/corpus/$name" ] && args+=("test/fuzz/corpus/$name")
    if "$dir/test/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$dir/crash/$name-" -print_final_stats=1 "$found" "${args[@]}" \
        >"$dir/fuzz-$name.log" 2>&1; then
        echo "fuzz: $name: good, $(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/fuzz-$name.log") inputs"
    else
        echo "fuzz: $name: BAD"
        tail -40 "$dir/fuzz-$name.log"
        return 1
    fi
}
export -f fuzz_one
export dir seconds

# shellcheck disable=SC2086
printf '%s\n' $names | xargs -P "$jobs" -I{} bash -c 'fuzz_one {}'
