#!/usr/bin/env bash
# What the documents say of each other and of the tree: links lead to files and headings that there are, the index
# names every page, problem codes are in the table with their status, options and make targets exist, the change log
# begins with the version. Pages written from rows are compared by scripts/reference --check.
#
#   tests/documents.sh [ROOT]
set -euo pipefail
export LC_ALL=C.UTF-8
cd "${1:-$(dirname "$0")/..}"
bad=0
breach() {
    echo "$*"
    bad=1
}

mapfile -t pages < <(printf '%s\n' README.md CHANGELOG.md CONTRIBUTING.md && find docs -name '*.md' | sort)

# links FILE: LINE TARGET of each link outside of code.
links() {
    awk '
        /^[ ]*```/ { code = !code; next }
        code { next }
        { gsub(/`[^`]*`/, "") }
        {
            line = $0
            while (match(line, /\]\([^) ]+\)/)) {
                print FNR, substr(line, RSTART + 2, RLENGTH - 3)
                line = substr(line, RSTART + RLENGTH)
            }
        }' "$1"
}

# headings FILE: the anchors of its headings.
headings() {
    awk '
        /^[ ]*```/ { code = !code; next }
        !code && /^#+ / {
            sub(/^#+ +/, "")
            gsub(/\]\([^)]*\)/, "")
            text = tolower($0)
            gsub(/[^a-z0-9 _\200-\377-]/, "", text)
            gsub(/ /, "-", text)
            print text (seen[text]++ ? "-" seen[text] - 1 : "")
        }' "$1"
}

for page in "${pages[@]}"; do
    while read -r line target; do
        case $target in
            http://* | https://* | mailto:*) continue ;;
        esac
        file=${target%%#*} anchor=
        [ "$target" = "${target#*#}" ] || anchor=${target#*#}
        if [ -z "$file" ]; then
            file=$page
        else
            file=$(dirname "$page")/$file
        fi
        if [ ! -e "$file" ]; then
            breach "$page:$line: no $target"
        elif [ -n "$anchor" ] && ! headings "$file" | grep -qxF -- "$anchor"; then
            breach "$page:$line: no heading #$anchor in $file"
        fi
    done < <(links "$page")
done

# The index names every page.
names=$(mktemp)
trap 'rm -f "$names"' EXIT
links docs/README.md | while read -r _ target; do
    realpath -m --relative-to=. "docs/${target%%#*}"
done >"$names"
for page in "${pages[@]}"; do
    [ "$page" = docs/README.md ] || grep -qxF "$page" "$names" ||
        breach "docs/README.md: does not name $page"
done

# "422 `code`": the code is in the table, under that status.
while IFS=: read -r page line words; do
    read -r status code <<<"${words//\`/ }"
    awk -v status="$status" -v code="\`$code\`" '
        /^## / { now = $2 } now == status && $2 == code { found = 1 } END { exit !found }' FS=' ' \
        <(sed 's/^| /x /; s/^x \(`[^`]*`\).*/x \1/' docs/reference/error-codes.md) ||
        breach "$page:$line: $status $code is not in docs/reference/error-codes.md"
done < <(grep -noE '\b[45][0-9]{2} `[a-z_]+`' "${pages[@]}" || true)

# A code that a source gives a failure is in the table, or is one of these: those of starting, of commands, and those
# that are caught before they reach a client.
inner=' address_in_use bad_certificate in_use keys_needed newer_data not_a_snapshot not_empty restart_needed engine_too_old
bad_labels bad_override no_record bad_checkpoint other_data other_spec
bad_manifest bad_metadata behind code_missing config_file corrupt_index corrupt_interactions invalid_dimension invalid_k
invalid_limit invalid_query no_item_vectors no_layer not_indexable no_thread '
for code in $(find api service index model base -name '*.c' -exec \
    grep -hzoE 'lat_fail\([^"]*LAT_[A-Z_]+,[[:space:]]*"[a-z_]+"' {} + | tr '\0' '\n' | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u); do
    grep -qF "| \`$code\` |" docs/reference/error-codes.md || [[ ${inner//$'\n'/ } == *" $code "* ]] ||
        breach "docs/reference/error-codes.md: no $code, which a source gives a failure"
done

# "latentd COMMAND … --option": the command has it.
while IFS=: read -r page line words; do
    command=$(awk '{ print $2 }' <<<"$words")
    for option in $(grep -oE -- ' --[a-z][a-z-]*' <<<"$words" || true); do
        awk -v name="## $command" '/^## / { inside = $0 == name } inside' docs/reference/commands.md |
            sed 's/--\[no-\]/--/' | grep -qE -- "^ *(usage:.* |\[|)?.*$option\b" || [ "$option" = --help ] ||
            breach "$page:$line: latentd $command has no $option"
    done
done < <(grep -noE "latentd ($(sed -n 's/^## //p' docs/reference/commands.md | paste -sd'|')) [^|#&\`]*" \
    "${pages[@]}" | grep -v '^docs/reference/' || true)

# "make TARGET", in code.
while IFS=: read -r page line target; do
    target=${target#\`} target=${target#make }
    case $target in
        results-NAME) ;;
        results-list) ;;
        results-*) [ -x "scripts/results.d/${target#results-}" ] || breach "$page:$line: no make $target" ;;
        *) grep -qE "^$target:" Makefile || breach "$page:$line: no make $target" ;;
    esac
done < <(grep -noE '(^|`)make [a-z][a-zA-Z0-9-]*' "${pages[@]}" || true)

version=$(sed -n 's/^#define LAT_VERSION "\(.*\)"$/\1/p' base/version.h)
newest=$(sed -n 's/^## \[\([^]]*\)\].*/\1/p' CHANGELOG.md | grep -v '^Unreleased$' | head -n 1)
[ "$version" = "$newest" ] || breach "CHANGELOG.md: its newest version is $newest, base/version.h says $version"

[ "$version" = "$(jq -r .info.version api/openapi.json)" ] || breach "api/openapi.json: its version is not $version"

# Every table of the database is described.
grep -oE 'CREATE TABLE [a-z_]+' index/sqlite/schema.c | while read -r _ _ table; do
    grep -q "^| \`$table\` |" docs/formats-store.md || echo "docs/formats-store.md: no table $table"
done >"$names"
if [ -s "$names" ]; then
    cat "$names"
    bad=1
fi

[ "$bad" -ne 0 ] || echo "${#pages[@]} pages, nothing amiss"
exit "$bad"
