#!/usr/bin/env bash
# need.sh GROUP..: installs the Debian packages of the named groups of packages.txt that the machine lacks.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

say() { echo "dev: $*" >&2; }
die() { say "$*"; exit 1; }

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || {
    command -v cmake >/dev/null && exit 0
    die "this is not Debian 12: install the equivalents of tools/packages.txt yourself, CMake and Ninja first"
}
wanted=$(awk -v groups=" $* " 'index(groups, " " $1 " ") {print $2}' packages.txt | sort -u)
# shellcheck disable=SC2086
present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '/^installed/ {print $2}' | sort -u || true)
missing=$(comm -23 <(echo "$wanted") <(echo "$present") | xargs)
[[ -n $missing ]] || exit 0

sudo=()
if [[ $EUID != 0 ]]; then
    command -v sudo >/dev/null || die "these packages are missing, and only root may install them: apt-get install $missing"
    sudo=(sudo)
fi
say "installing Debian packages: $missing"
"${sudo[@]}" apt-get update -q >&2
# shellcheck disable=SC2086
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 ||
    die "apt-get could not install them; Gregor builds on Debian 12 (bookworm)"
