#!/bin/sh
# docs_fresh.sh PROGRAM FILE LANGUAGE: fails when the generated page differs from the one in docs/.
"$1" "$3" | diff -u "$2" - && exit 0
echo "stale: run 'make docs' and commit the result" >&2
exit 1
