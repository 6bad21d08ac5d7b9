#!/usr/bin/env bash
# The table of the demonstration: breast tumours measured under a microscope (Wisconsin diagnostic, 569 rows of
# 30 numbers and a diagnosis), out of Debian's python3-sklearn, which is unpacked, not installed. Sourced by
# scripts/demo, which sets ROOT, PREFIX, demo and latentd.

# shellcheck disable=SC2154 # demo and latentd are the caller's
table_package=python3-sklearn
table_file=usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv
table=$PREFIX/demo/wdbc.csv

# table_csv: the file with names for its columns and words for its classes.
table_csv() {
    local folder=$PREFIX/demo/wdbc
    [ ! -s "$table" ] || return 0
    say "fetching a table from Debian's $table_package"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -q "$table_package" >apt.log 2>&1) || die "no $table_package; see $folder/apt.log"
    dpkg -x "$folder"/*.deb "$folder/package"
    awk -F, '
        BEGIN {
            n = split("radius texture perimeter area smoothness compactness concavity concave_points symmetry fractal_dimension", what, " ")
            split("mean error worst", of, " ")
            for (i = 1; i <= 3; i++) for (j = 1; j <= n; j++) printf "%s_%s,", of[i], what[j]
            print "diagnosis"
        }
        NR > 1 { class = $NF; sub(/,[^,]*$/, ""); print $0 "," (class + 0 ? "benign" : "malignant") }
    ' "$folder/package/$table_file" >"$table.part"
    mv "$table.part" "$table"
    rm -rf "$folder"
}

# table_model: trained once, some seconds.
table_model() {
    [ ! -f "$ROOT/models/wdbc/1/model.json" ] || return 0
    table_csv
    say "training a model of the table"
    "$latentd" train "$ROOT/examples/specs/wdbc.json" --models "$ROOT/models" --set "data.path=$table" \
        >"$demo/wdbc.log" 2>&1 || die "the training failed: $(tail -n 1 "$demo/wdbc.log")"
}

# table_lines URL: what can be asked of it.
table_lines() {
    cat <<END
  curl -s $1/v1/models/wdbc/impute --json '{"rows":[{"mean_radius":20.5,"mean_texture":null,"worst_area":1870,"diagnosis":null}]}' | jq '.results[0].cells.diagnosis'
  curl -s $1/v1/models/wdbc/score --json '{"inputs":[{"row":{"mean_radius":14,"mean_area":2400}}]}'
END
}
