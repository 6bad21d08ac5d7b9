# FAISS with its C interface, as static libraries in the prefix, from Debian 12's source package on both
# releases: the packages are built for the first x86-64 machines, and flat search is four times slower
# there. LATENTD_FAISS_MARCH names another instruction set (an image that must run elsewhere); a machine
# without AVX2 gets the baseline. Sourced after common.sh and private_apt.sh.

faiss_march() {
    if [ -n "${LATENTD_FAISS_MARCH:-}" ]; then
        printf '%s\n' "$LATENTD_FAISS_MARCH"
    elif [ "$(dpkg --print-architecture)" = amd64 ] && has_avx2; then
        echo x86-64-v3
    else
        echo baseline
    fi
}

faiss_key() { printf 'faiss bookworm %s 1\n' "$(faiss_march)"; }

faiss_build() {
    local work=$1 march source
    march=$(faiss_march)
    say "fetching the source of FAISS"
    if ! source=$(faiss_source "$work"); then
        faiss_fall_back
        return
    fi
    say "building FAISS for $march (about two minutes on two cores)"
    faiss_compile "$source" "$work/faiss-build" "$march" || die "FAISS does not build; see $LOG"
    faiss_install "$source" "$work/faiss-build"
    printf '%s\n' "$march" >"$PREFIX/faiss.march"
}

# Prints the folder of the unpacked source.
faiss_source() {
    local work=$1
    private_apt_open "$work/apt-source" deb-src bookworm || return 1
    (cd "$work" && logged apt-get "${PRIVATE_APT[@]}" source --download-only faiss) || return 1
    logged dpkg-source --no-check -x "$work"/faiss_*.dsc "$work/faiss" || return 1
    printf '%s\n' "$work/faiss"
}

faiss_compile() {
    local source=$1 build=$2 march=$3 flags="-include cstdint"
    [ "$march" = baseline ] || flags+=" -march=$march"
    logged cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="$flags" \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF \
        -DFAISS_ENABLE_GPU=OFF -DFAISS_ENABLE_PYTHON=OFF -DFAISS_ENABLE_C_API=ON -DFAISS_OPT_LEVEL=generic &&
        logged cmake --build "$build" --target faiss faiss_c
}

faiss_install() {
    local source=$1 build=$2
    mkdir -p "$PREFIX/lib" "$PREFIX/include"
    rm -rf "$PREFIX/include/faiss"
    install -m 644 "$build/faiss/libfaiss.a" "$build/c_api/libfaiss_c.a" "$PREFIX/lib/"
    (cd "$source" && find faiss -name '*.h' -not -path '*/gpu/*' -not -path '*/python/*' -print0 |
        tar -c --null -T -) | tar -x -C "$PREFIX/include"
    mkdir -p "$PREFIX/include/faiss/c_api"
    (cd "$source/c_api" && find . -name '*.h' -not -path './gpu/*' -print0 | tar -c --null -T -) |
        tar -x -C "$PREFIX/include/faiss/c_api"
}

# No source to be had: Debian 13's package serves, slower; Debian 12's lacks the C functions.
faiss_fall_back() {
    [ "$SUITE" = trixie ] || die "could not fetch Debian's faiss source package (no network?); see $LOG"
    say "no source of FAISS to be had: taking Debian's package, without AVX2 (rm $PREFIX/stamps/faiss tries again)"
    install_packages libfaiss-dev
    rm -rf "$PREFIX/include/faiss" "$PREFIX"/lib/libfaiss*.a
    echo baseline >"$PREFIX/faiss.march"
}
