# The pictures of npm's emoji-datasource-twitter, 64 by 64, and their names and categories as metadata by
# file name: $PREFIX/demo/emoji/pictures and …/metadata.json. Sourced after common.sh and npm.sh.

EMOJI_RELEASE=16.0.0

emoji_key() { printf 'emoji-datasource-twitter %s 1\n' "$EMOJI_RELEASE"; }

emoji_build() {
    local work=$1 emoji=$PREFIX/demo/emoji
    say "fetching the emoji pictures"
    npm_pack "emoji-datasource-twitter@$EMOJI_RELEASE" "$work" ||
        die "could not fetch emoji-datasource-twitter with npm (no network?); see $LOG"
    tar -xzf "$work"/*.tgz -C "$work" --wildcards package/emoji.json 'package/img/twitter/64/*.png'
    jq '[.[] | select(.has_img_twitter) | {name: (.name // .short_name), short_name, category, subcategory} as $facts |
         ., (.skin_variations // {} | .[] | select(.has_img_twitter)) | {key: .image, value: $facts}] | from_entries' \
        "$work/package/emoji.json" >"$work/metadata.json"
    rm -rf "$emoji"
    mkdir -p "$emoji"
    mv "$work/package/img/twitter/64" "$emoji/pictures"
    mv "$work/metadata.json" "$emoji/metadata.json"
}
