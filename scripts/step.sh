#!/bin/sh
# step.sh LABEL COMMAND...: runs the command; one line when it succeeds, its whole output when not.
label=$1; shift
start=$(date +%s)
out=$(mktemp)
if "$@" >"$out" 2>&1; then
    printf '%-34s ok  (%s s)\n' "$label" "$(($(date +%s) - start))"
    rm -f "$out"
else
    status=$?
    cat "$out"
    rm -f "$out"
    printf '%-34s FAILED: %s\n' "$label" "$*"
    exit "$status"
fi
