#!/usr/bin/env bash
# The two commands of the README on a bare Debian 12: a debootstrap minbase tree into which only this machine's registry
# settings and certificates are put. Needs root, debootstrap, 10 GB in TMPDIR and a free port 9092; the first run
# takes up to an hour. Ends in "N passed, N failed".
#
#   bare_chroot.sh                 both commands on the files of this work tree
#   bare_chroot.sh run|test|bash   one of them, or a shell; KEEP=1 keeps the tree, ROOT=folder takes a kept one
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
what=${1:-all}

say() { echo "bare_chroot: $*" >&2; }
skip() { say "$*"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
[[ $EUID == 0 ]] || skip "skipped: only root can make a chroot"
command -v debootstrap >/dev/null || skip "skipped: debootstrap is not installed"

root=${ROOT:-$(mktemp -d -t gregor-bare.XXXXXX)}
trap '[[ -n ${KEEP:-}${ROOT:-} ]] && say "kept: $root" || rm -rf --one-file-system "$root"' EXIT

# Where this machine gets Debian from is its own business: apt says it.
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Release: bookworm' | head -1; }

bootstrap() {
    [[ -e $root/etc/debian_version ]] && return
    say "debootstrap minbase into $root"
    debootstrap --variant=minbase bookworm "$root" "$(mirror)" >"$root.log" 2>&1 || { tail -20 "$root.log" >&2; exit 1; }
    rm -f "$root.log"
}

# Registry settings and certificates, copied: packages write beside them when they are installed.
copy_settings() {
    local path
    rm -f "$root/etc/apt/sources.list" # debootstrap's own; the machine may say it elsewhere
    for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/auth.conf /etc/apt/auth.conf.d /etc/apt/apt.conf.d \
        /etc/apt/preferences.d /etc/pip.conf /etc/maven/settings.xml /etc/ssl/certs /usr/local/share/ca-certificates \
        /etc/resolv.conf /etc/hosts "$HOME/.config/pip" "$HOME/.pip" "$HOME/.npmrc" "$HOME/.m2/settings.xml" "$HOME/.cargo/config.toml"; do
        [[ -e $path ]] || continue
        mkdir -p "$root${path%/*}"
        rm -rf "${root:?}$path"
        cp -aL "$path" "$root$path" 2>/dev/null || true # dangling links among the certificates
    done
}

copy_sources() {
    rm -rf "$root/gregor" && mkdir "$root/gregor"
    git -C "$here" ls-files -z --cached --others --exclude-standard | (cd "$here" && xargs -0 ls -d 2>/dev/null) |
        tar -C "$here" --files-from=- -c | tar -C "$root/gregor" -x
}

# Runs a script inside, in namespaces of its own: mounts and left-over processes go when it ends.
inside() {
    local name keep=()
    for name in $(compgen -e | grep -E '^(PIP_|NPM_|MAVEN_|GOPROXY|GOFLAGS|CARGO_)|(_proxy|_PROXY)$|CA_BUNDLE|SSL_CERT|CAINFO|EXTRA_CA'); do
        keep+=("$name=${!name}")
    done
    unshare --mount --pid --fork bash -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" &&
        exec env -i "${@:2}" chroot "$0" bash -c "cd /gregor && $1"' "$root" "$1" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb "${keep[@]}"
}

# ./dev run, until its message came back; then Ctrl-C.
first_command='
    set -m
    ./dev run >/tmp/run.log 2>&1 & dev=$!
    for _ in $(seq 1200); do
        grep -q "was read back" /tmp/run.log && break
        kill -0 $dev 2>/dev/null || break
        sleep 1
    done
    kill -INT $dev; wait $dev; status=$?
    cat /tmp/run.log
    grep -q "was read back" /tmp/run.log && [ $status = 0 ]'
second_command='./dev test'

passed=0 failed=0
judge() { # name, script
    local started=$SECONDS result=passed
    inside "$2" || result=failed
    say "$1 $result after $((SECONDS - started)) s"
    if [[ $result == passed ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

bootstrap
copy_settings
copy_sources
case $what in
    bash) inside bash ;;
    run) judge "./dev run" "$first_command" ;;
    test) judge "./dev test" "$second_command" ;;
    all)
        judge "./dev run" "$first_command"
        judge "./dev test" "$second_command"
        ;;
    *) judge "$what" "$what" ;; # any other command line, for looking into a failure
esac
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
