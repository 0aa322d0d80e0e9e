#!/bin/sh
# Makes the static library: one object of all that libstint consists of, in which only the names
# that stint.h declares are global, so that it can be linked into any program.
#
# Usage: static.sh OUTPUT CLIENT.a "COMMON.a…" CC ARG…
set -eu
output=$1 client=$2 common=$3
shift 3
object=$output.o
# Of the client everything, of common what it uses.
# shellcheck disable=SC2086 # a list of names
"$@" -r -nostdlib -o "$object" -Wl,--whole-archive "$client" -Wl,--no-whole-archive $common
objcopy --wildcard --keep-global-symbol='stint_*' "$object"
rm -f "$output"
ar rcs "$output" "$object"
rm "$object"
