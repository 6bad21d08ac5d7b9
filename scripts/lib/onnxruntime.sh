# ONNX Runtime into the prefix. Debian 13 packages it; Debian 12 gets the shared library out of the npm
# package onnxruntime-node (the same release as Debian 13's) and the header out of Debian 13's -dev
# package. Sourced after common.sh and private_apt.sh.

ORT_RELEASE=1.21.0

# The version of the recipe: a prefix made by another is made again.
onnxruntime_key() { printf 'onnxruntime %s npm 1\n' "$ORT_RELEASE"; }

onnxruntime_build() {
    local work=$1
    say "fetching ONNX Runtime $ORT_RELEASE"
    onnxruntime_library "$work"
    onnxruntime_header "$work"
    mkdir -p "$PREFIX/lib" "$PREFIX/include/onnxruntime"
    install -m 644 "$work/ort/libonnxruntime.so.$ORT_RELEASE" "$PREFIX/lib/"
    ln -sf "libonnxruntime.so.$ORT_RELEASE" "$PREFIX/lib/libonnxruntime.so.1"
    ln -sf libonnxruntime.so.1 "$PREFIX/lib/libonnxruntime.so"
    install -m 644 "$work"/ort/usr/include/onnxruntime/onnxruntime_*.h "$PREFIX/include/onnxruntime/"
}

onnxruntime_library() {
    local work=$1 cpu
    case $(dpkg --print-architecture) in
        amd64) cpu=x64 ;;
        arm64) cpu=arm64 ;;
        *) die "ONNX Runtime has no ready library for $(dpkg --print-architecture)" ;;
    esac
    mkdir -p "$work/ort"
    npm_pack "onnxruntime-node@$ORT_RELEASE" "$work/ort" ||
        die "could not fetch onnxruntime-node $ORT_RELEASE with npm (no network?); see $LOG"
    logged tar -xzf "$work"/ort/onnxruntime-node-*.tgz -C "$work/ort" --wildcards --no-anchored \
        --strip-components=5 "linux/$cpu/libonnxruntime.so.1*" || die "onnxruntime-node holds no library for linux/$cpu"
}

onnxruntime_header() {
    local work=$1
    private_apt_open "$work/apt-trixie" deb trixie &&
        (cd "$work/ort" && logged apt-get "${PRIVATE_APT[@]}" download libonnxruntime-dev) &&
        logged dpkg -x "$work"/ort/libonnxruntime-dev_*.deb "$work/ort" ||
        die "could not fetch Debian 13's libonnxruntime-dev (no network?); see $LOG"
}
