#!/bin/sh
# Makes .venv beside this folder's Makefile and installs the locked dependencies into it.
# Safe to run again, after an interruption too: the stamp is written last.
set -u
cd "$(dirname "$0")/.." || exit 1
log=.venv-setup.log

fail() {
    echo "" >&2
    printf '%s\n' "$@" >&2
    exit 1
}

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

if [ -n "${PYTHON:-}" ]; then
    works "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or newer." \
        "Name one that is: make book PYTHON=/path/to/python3.12"
    python=$PYTHON
else
    python=
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if works "$candidate"; then python=$candidate; break; fi
    done
    if [ -z "$python" ]; then
        if command -v python3 >/dev/null 2>&1; then
            fail "Found only $(python3 --version 2>&1); minicnn needs Python 3.11 or newer." \
                "Install a newer one beside it, or name it: make book PYTHON=/path/to/python3.12"
        fi
        fail "No Python found; minicnn needs Python 3.11 or newer." \
            "Debian, Ubuntu: sudo apt install python3 python3-venv.  macOS: brew install python."
    fi
fi

echo "Setting up .venv with $("$python" --version 2>&1) (once; a minute or three) ..."
rm -f .venv/.installed
if ! "$python" -m venv --clear .venv >"$log" 2>&1; then
    cat "$log" >&2
    fail "Python could not make a virtual environment." \
        "Debian, Ubuntu: sudo apt install python3-venv, then run make again."
fi

pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip "$@" >>"$log" 2>&1; }

if ! pip install --no-deps --require-hashes -r requirements.lock; then
    tail -n 5 "$log" >&2
    if grep -qiE 'name resolution|connection|timed out|unreachable|proxy|SSL|from versions: none' "$log"; then
        fail "The packages could not be downloaded: is the network up? (Whole log: $log)" \
            "Run make again when it is; what was downloaded is kept."
    fi
    fail "A locked package could not be installed (whole log: $log)." \
        "The lock file covers CPython 3.11 to 3.13 on Linux, macOS and Windows; name one with PYTHON=."
fi
if ! pip install --no-deps --no-build-isolation --editable .; then
    tail -n 5 "$log" >&2
    fail "minicnn itself could not be installed into .venv (whole log: $log)."
fi
cat requirements.lock pyproject.toml | cksum >.venv/.installed
rm -f "$log"
