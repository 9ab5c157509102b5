#!/bin/sh
# One object that shows only its own interface: a static library for programs whose names must not meet ours.
#   tools/merge_lib.sh OUT.a PREFIX FIRST.a [OTHER.a…]
# All of FIRST and what it needs of the others become one relocatable object; symbols that do not begin
# with PREFIX become local.
set -eu
out=$1 prefix=$2 first=$3
shift 3
object=${out%.a}.o
${LD:-ld} -r -o "$object" --whole-archive "$first" --no-whole-archive --start-group "$@" --end-group
${OBJCOPY:-objcopy} --strip-debug --wildcard --keep-global-symbol="$prefix*" "$object"
rm -f "$out"
${AR:-ar} rcs "$out" "$object"
