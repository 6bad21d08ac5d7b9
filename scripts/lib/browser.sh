# What drives a browser in tests: playwright-core and axe-core from npm, unpacked where node finds them
# ($PREFIX/browser/node_modules). The browser is apt's chromium. Sourced after common.sh and npm.sh.

browser_archives() { printf '%s\n' playwright-core@1.65.1 axe-core@4.14.1; }

browser_key() { browser_archives | paste -sd' ' -; }

browser_build() {
    local work=$1 archive name modules=$PREFIX/browser/node_modules
    say "fetching playwright-core and axe-core"
    rm -rf "$PREFIX/browser"
    for archive in $(browser_archives); do
        name=${archive%@*}
        npm_pack "$archive" "$work" || die "could not fetch $name with npm (no network?); see $LOG"
        mkdir -p "$modules/$name"
        tar -xzf "$work"/*.tgz -C "$modules/$name" --strip-components=1
        rm "$work"/*.tgz
    done
}
