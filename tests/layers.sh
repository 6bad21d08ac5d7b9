#!/usr/bin/env bash
# Greps the two rules of the house and fails on the first breach of either:
#   1. dependencies point down only: cli -> api -> service -> {model, index} -> base, and in model:
#      train -> graph -> model;
#   2. a third-party header is known to one file, or one folder (the table below).
#
#   tests/layers.sh [ROOT]      ROOT: another tree (tests/integration/layers_catch.sh breaks one on purpose)
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

# Folder: what its files may include besides themselves. The longest matching folder counts.
directions='
base
model            base
model/graph      base model
model/train      base model model/graph
index            base
service          base model model/graph model/train index
api              base model model/graph model/train index service
cli              base model model/graph model/train index service api
'

# Header (a prefix): the files or folders (ending in /) that may know it.
owners='
microhttpd.h     service/http_mhd.c
gnutls/          service/tls.c
onnxruntime_     model/engine_ort.h
model/engine_ort model/engine_ort.c model/engine_ort_run.c
onnx.pb-c.h      model/graph/onnx_file.c
protobuf-c/      model/graph/onnx_file.c
faiss/           index/faiss_graph.hpp index/faiss_graph_twin.cpp index/faiss_shim.cpp
sqlite3.h        index/sqlite/
libpq-fe.h       index/pg_store.c
jansson.h        api/ model/package_fields.h model/package_schema.c model/package_imputation.c model/package_portrait.c model/package_recalibrate.c model/train/fields.c model/train/fields_document.c model/train/fields_internal.h
spng.h           model/image_png.c
jpeglib.h        model/image_jpeg.c
jerror.h         model/image_jpeg.c
webp/            model/image_webp.c
gif_lib.h        model/image_gif.c
cblas.h          model/train/linear.c
zlib.h           model/train/dataset/
sodium.h         service/crypto.c
curl/            cli/client.c
embed/           api/
'

# What the compiler and libc bring.
libc=' alloca.h arpa/inet.h assert.h cpuid.h ctype.h dirent.h endian.h errno.h fcntl.h fenv.h float.h getopt.h
immintrin.h inttypes.h langinfo.h nmmintrin.h limits.h linux/falloc.h locale.h malloc.h math.h netdb.h netinet/in.h
netinet/tcp.h poll.h pthread.h sched.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h
stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h
sys/mman.h sys/random.h sys/resource.h sys/signalfd.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h
sys/sysinfo.h sys/time.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h syslog.h termios.h time.h
unistd.h wchar.h dlfcn.h fnmatch.h ftw.h glob.h '

{
    grep -rHnE --include='*.c' --include='*.h' --include='*.cpp' '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' \
        base model index service api cli 2>/dev/null || true
} | sort |
    DIRECTIONS=$directions OWNERS=$owners LIBC=$(tr '\n' ' ' <<<"$libc") awk '
    function starts(text, prefix) { return substr(text, 1, length(prefix)) == prefix }
    # The folder of `directions` that a path lies in.
    function layer(path,   name, best) {
        best = ""
        for (name in below) if (starts(path, name "/") && length(name) > length(best)) best = name
        return best
    }
    function breach(words) { print where ": " words; bad++ }
    BEGIN {
        n = split(ENVIRON["DIRECTIONS"], rows, "\n")
        for (i = 1; i <= n; i++)
            if (split(rows[i], cell, " ")) {
                below[cell[1]] = " "
                for (j = 2; j in cell; j++) below[cell[1]] = below[cell[1]] cell[j] " "
            }
        n = split(ENVIRON["OWNERS"], rows, "\n")
        for (i = 1; i <= n; i++)
            if (split(rows[i], cell, " ")) {
                owner[cell[1]] = ""
                for (j = 2; j in cell; j++) owner[cell[1]] = owner[cell[1]] " " cell[j]
            }
    }
    {
        split($0, part, ":")
        file = part[1]
        where = part[1] ":" part[2]
        quoted = $0 ~ /include[ \t]*"/
        header = $0
        sub(/^[^<"]*[<"]/, "", header)
        sub(/[>"].*$/, "", header)
        from = layer(file)
        to = layer(header)
        checked++

        for (prefix in owner)
            if (starts(header, prefix)) {
                allowed = 0
                n = split(owner[prefix], place, " ")
                for (i = 1; i <= n; i++)
                    if (file == place[i] || (place[i] ~ /\/$/ && starts(file, place[i]))) allowed = 1
                if (!allowed) breach("<" header "> belongs to" owner[prefix] " alone")
                next
            }
        if (to != "") {
            if (to != from && index(below[from], " " to " ") == 0)
                breach(from " may not include \"" header "\"")
        } else if (quoted) {
            breach("\"" header "\" is not written from the root")
        } else if (file !~ /\.cpp$/ && index(ENVIRON["LIBC"], " " header " ") == 0) {
            breach("<" header "> has no owner in tests/layers.sh")
        }
    }
    END {
        if (bad) exit 1
        print checked + 0 " includes, all pointing the right way"
    }'
