# npm as a way to fetch files: a package's archive is downloaded, nothing of it is run. Sourced after
# common.sh.

# npm_pack NAME[@VERSION] DIR: the package's .tgz into DIR. An npm that is there is used; else apt's.
npm_pack() {
    command -v npm >/dev/null || install_packages npm ca-certificates
    (cd "$2" && logged npm pack --ignore-scripts --silent --fetch-retries=2 --fetch-retry-mintimeout=1000 \
        --fetch-retry-maxtimeout=5000 "$1")
}
