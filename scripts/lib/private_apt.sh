# A private view of the Debian archive: another suite, or source packages, read through the machine's
# own mirror without touching the machine's configuration. Sourced after common.sh.
#
# The mirror is the first enabled entry of the machine's sources (deb822 or one-line) that offers the
# machine's own suite with component main; only its suite and type are changed.

# own_mirror SUITE: prints "URI<TAB>SIGNED-BY" (the latter may be empty); status 1 when there is none.
own_mirror() {
    local found
    found=$({
        mirrors_deb822 "$1" /etc/apt/sources.list.d/*.sources
        mirrors_one_line "$1" /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } | head -n 1)
    [ -n "$found" ] && printf '%s\n' "$found"
}

mirrors_deb822() {
    local suite=$1 file
    shift
    for file in "$@"; do
        [ -r "$file" ] || continue
        awk -v suite="$suite" '
            function has(list, word,   n, parts, i) {
                n = split(list, parts, /[ \t]+/)
                for (i = 1; i <= n; i++) if (parts[i] == word) return 1
                return 0
            }
            function flush(   uris) {
                if (has(f["types"], "deb") && has(f["suites"], suite) && has(f["components"], "main") &&
                    tolower(f["enabled"]) != "no" && f["uris"] !~ /^cdrom:/) {
                    split(f["uris"], uris, /[ \t]+/)
                    print uris[1] "\t" (f["signed-by"] ~ /^\// ? f["signed-by"] : "")
                }
                split("", f)
                key = ""
            }
            /^#/ { next }
            /^[ \t]*$/ { flush(); next }
            /^[ \t]/ { sub(/^[ \t]+/, ""); if (key != "") f[key] = f[key] " " $0; next }
            { key = tolower($0); sub(/:.*/, "", key); value = $0; sub(/^[^:]*:[ \t]*/, "", value); f[key] = value }
            END { flush() }' "$file"
    done
}

mirrors_one_line() {
    local suite=$1 file
    shift
    for file in "$@"; do
        [ -r "$file" ] || continue
        awk -v suite="$suite" '
            $1 != "deb" { next }
            {
                signed = ""
                if (match($0, /\[[^]]*\]/)) {
                    options = substr($0, RSTART + 1, RLENGTH - 2)
                    $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
                    if (match(options, /signed-by=\/[^ ]+/)) signed = substr(options, RSTART + 10, RLENGTH - 10)
                }
                for (i = 4; i <= NF; i++)
                    if ($3 == suite && $i == "main" && $2 !~ /^cdrom:/) { print $2 "\t" signed; next }
            }' "$file"
    done
}

# private_apt_open DIR TYPE SUITE: makes DIR an apt world with one source; sets PRIVATE_APT to the
# options every apt tool then takes. Status 1 when there is no mirror or it does not answer.
private_apt_open() {
    local dir=$1 type=$2 suite=$3 entry uri signed keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    entry=$(own_mirror "$SUITE") || return 1
    IFS=$'\t' read -r uri signed <<<"$entry"
    [ -n "$signed" ] || { [ -r "$keyring" ] && signed=$keyring; }
    mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
    printf '%s %s%s %s main\n' "$type" "${signed:+[signed-by=$signed] }" "$uri" "$suite" >"$dir/sources.list"
    PRIVATE_APT=(-o "Dir::State=$dir/state" -o "Dir::Cache=$dir/cache" -o "Dir::Etc::sourcelist=$dir/sources.list"
        -o Dir::Etc::sourceparts=- -o APT::Sandbox::User= -o Acquire::Retries=2 -o Acquire::Languages=none -q)
    logged apt-get "${PRIVATE_APT[@]}" -o APT::Update::Error-Mode=any update
}
