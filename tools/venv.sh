#!/bin/sh
# Makes .venv when it is missing and installs one requirements file into it. Needs Python >= 3.11 with pip, nothing more.
# Usage: sh tools/venv.sh requirements-dev.txt     (PYTHON=/path/to/python chooses the interpreter)
set -eu
requirements=$1
wanted='import sys; sys.exit(sys.version_info < (3, 11))'

fail() {
    echo "error: $*" >&2
    exit 1
}

find_python() {
    # A name on PATH may be a version manager's shim for a version that is not there, so each is tried.
    for name in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if "$name" -c "$wanted" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    found=$(python3 --version 2>&1) || found="no python3 on PATH"
    fail "Rekindle needs Python 3.11 or newer ($found). Install one, or run again with PYTHON=/path/to/python3.11"
}

make_venv() {
    python=$(find_python) || exit 1
    echo "Making .venv with $("$python" --version)"
    rm -rf .venv
    # Debian ships the venv module without ensurepip; pip can then put itself into the new environment.
    "$python" -m venv .venv >/dev/null 2>&1 ||
        { "$python" -m venv --clear --without-pip .venv && "$python" -m pip -qq --python .venv/bin/python install pip; } ||
        fail "could not make .venv: install your system's venv module (Debian: apt-get install python3-venv) and run again"
}

# A .venv that was killed half way, or whose Python has gone since, is made anew.
.venv/bin/python -c "$wanted" >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv

echo "Installing $requirements (a minute or two the first time)"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input -r "$requirements" ||
    fail "pip could not install $requirements: see its message above; it needs the package index, or your mirror of it in pip's configuration"
