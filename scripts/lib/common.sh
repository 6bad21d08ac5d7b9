# Shared by the scripts beside it; sourced, never run.
# Sets ROOT (the checkout), PREFIX (third-party libraries) and LOG; offers say, die, as_root and the
# dpkg questions. Everything chatty goes to LOG, so a terminal sees one short line a step.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PREFIX=${LATENTD_DEPS:-$ROOT/.deps}
LOG=$PREFIX/bootstrap.log
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { printf '%s: %s\n' "${SELF:-latentd}" "$*"; }

die() {
    printf '%s: %s\n' "${SELF:-latentd}" "$*" >&2
    exit 1
}

# logged COMMAND…: runs it with both streams going to the log; the status is the command's.
logged() {
    printf '\n$ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        die "installing packages needs root: run as root once, or install sudo (wanted: $*)"
    fi
}

# ready_url FILE PID: prints the address in the ready line of a server whose output goes to FILE, once it is
# there; fails when the process ends before.
ready_url() {
    local url
    until url=$(sed -n 's/^latentd listening on //p' "$1") && [ -n "$url" ]; do
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.05
    done
    printf '%s' "$url"
}

# missing_packages NAME…: prints those dpkg does not hold as installed, one a line.
missing_packages() {
    local have
    have=$(dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/^\([^ :]*\)[^ ]* installed$/\1/p')
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$have" | sort -u)
}

# install_packages NAME…: brings the missing ones; asks the mirrors for fresh lists only then.
install_packages() {
    local missing
    missing=$(missing_packages "$@" | paste -sd' ' -)
    [ -n "$missing" ] || return 0
    case $missing in
        *' '*) say "installing $(wc -w <<<"$missing") Debian packages" ;;
        *) say "installing Debian's $missing" ;;
    esac
    # Word splitting is wanted: one argument a package.
    # shellcheck disable=SC2086
    apt_install $missing || explain_apt $missing
}

apt_install() {
    logged as_root apt-get -o Acquire::Retries=2 update &&
        logged as_root apt-get install -y -q --no-install-recommends "$@"
}

# Says in one line which of the two usual reasons it was.
explain_apt() {
    local name
    for name in "$@"; do
        apt-cache show "$name" >/dev/null 2>&1 ||
            die "apt has no package '$name' (no network, or no Debian 12/13 'main' in the sources?); see $LOG"
    done
    die "apt could not install $* (no network?); see $LOG"
}

# The release the rest is chosen by: sets SUITE to bookworm or trixie.
detect_suite() {
    local ID='' VERSION_CODENAME=''
    # shellcheck disable=SC1091
    . /etc/os-release
    SUITE=$VERSION_CODENAME
    case "$ID:$SUITE" in
        debian:bookworm | debian:trixie) ;;
        *) die "made for Debian 12 (bookworm) and 13 (trixie), and this is ${ID:-unknown} ${SUITE:-}" ;;
    esac
}

has_avx2() { grep -qw avx2 /proc/cpuinfo; }
