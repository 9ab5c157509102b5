#!/bin/bash
# Builds executables without the heavy libraries (postgresql, mysql, kafka, ssh), all of them at once and then each alone, and
# looks what they say of the types that are left out: `belfry check`, validation, the API (test/integration/without_libraries.py).
# It is one build directory: between two rounds only the table of probers and what came back are compiled.
#   tools/check_without.sh [BUILD_DIRECTORY]       kept between runs; build/without by default
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build/without}
[ "${dir:0:1}" = / ] || dir=$PWD/$dir
export BELFRY=$dir/belfry BELFRY_WITHOUT
libraries='postgresql mysql kafka ssh'

# What the executable must not be linked with; libcurl may bring libssh2 by itself, and is no matter here.
soname() { sed 's/postgresql/libpq/; s/mysql/libmariadb/; s/kafka/librdkafka/; s/ssh/libssh2/' <<<"$1"; }

round()
{
    local options=() library
    BELFRY_WITHOUT=$1
    for library in $libraries; do
        case " $1 " in
        *" $library "*) options+=("-D$library=disabled") ;;
        *) options+=("-D$library=auto") ;;
        esac
    done
    if [ -f "$dir/build.ninja" ]; then
        meson configure "$dir" "${options[@]}"
    else
        meson setup "$dir" -Dtests=disabled "${options[@]}" >/dev/null
    fi
    nice ninja -C "$dir" belfry | tail -1
    for library in $1; do
        if readelf -d "$dir/belfry" | grep "NEEDED.*$(soname "$library")\." >/dev/null; then
            echo "check_without: $dir/belfry is linked with $(soname "$library")" >&2
            exit 1
        fi
    done
    echo "check_without: $1"
    /usr/bin/python3 -m pytest -q -p no:cacheprovider test/integration/without_libraries.py
}

round "$libraries"
for one in $libraries; do
    round "$one"
done
