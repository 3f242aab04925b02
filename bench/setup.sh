#!/bin/sh
# What the measurement needs beside the project itself. Safe to run again; what is there already is left alone.
#
#   bench/setup.sh            nginx, wrk and taskset (from Debian's packages when root, else named), a C compiler
#   bench/setup.sh litellm    LiteLLM's proxy too, in an environment of its own: its pins are not ours
#
# PYTHON names the interpreter for that environment (default: python3).
set -eu
cd "$(dirname "$0")/.."

missing=""
for pair in nginx:nginx-light wrk:wrk taskset:util-linux cc:gcc; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "bench: these packages are missing, please install them:$missing" >&2
        exit 1
    fi
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

[ "${1:-}" = litellm ] || exit 0
version=1.106.2 # newer ones ask for packages that are not published everywhere yet
stamp=".venv-bench/litellm-$version"
if [ ! -e "$stamp" ]; then
    echo "bench: installing LiteLLM's proxy $version into .venv-bench, once; this takes a minute or more"
    [ -x .venv-bench/bin/python ] || "${PYTHON:-python3}" -m venv .venv-bench
    .venv-bench/bin/python -m pip install -q "litellm[proxy]==$version"
    touch "$stamp"
fi
