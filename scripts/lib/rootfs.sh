# Debian in a folder: what a bare machine looks like. Sourced after common.sh and private_apt.sh.

# rootfs_make SUITE DIR [PACKAGES,…]: a minimal Debian through the machine's own mirror. The first one of
# a suite is kept as an archive in .bare, so the next takes seconds.
rootfs_make() {
    local suite=$1 dir=$2 include=${3:-} archive uri key=/usr/share/keyrings/debian-archive-keyring.gpg
    archive=$ROOT/.bare/$suite${include:+-$include}.tar
    mkdir -p "$ROOT/.bare" "$dir"
    if [ ! -f "$archive" ]; then
        say "debootstrap of $suite"
        uri=$(own_mirror "$SUITE" | cut -f1) || die "the machine's apt sources name no Debian mirror"
        mkdir -p "$ROOT/.bare/make-$suite"
        logged debootstrap --variant=minbase --keyring="$key" ${include:+"--include=$include"} \
            "$suite" "$ROOT/.bare/make-$suite" "$uri" || die "debootstrap of $suite failed; see $LOG"
        rm -rf "$ROOT/.bare/make-$suite"/var/cache/apt/archives/*.deb
        tar -C "$ROOT/.bare/make-$suite" -cf "$archive.part" .
        mv "$archive.part" "$archive"
        rm -rf "$ROOT/.bare/make-$suite"
    fi
    tar -C "$dir" -xf "$archive"
    rootfs_network "$dir"
}

# The way to the network that this machine has: names, and certificates an administrator added.
rootfs_network() {
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
        mkdir -p "$1/usr/local/share/ca-certificates"
        cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/"
    fi
}
