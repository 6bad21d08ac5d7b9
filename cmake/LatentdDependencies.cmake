# Third-party libraries as imported targets ext_<name>: the system's first, then the prefix that
# scripts/bootstrap fills. Everything missing is named at once, with the way to get it.

if(NOT LATENTD_DEPS)
    if(DEFINED ENV{LATENTD_DEPS} AND NOT "$ENV{LATENTD_DEPS}" STREQUAL "")
        set(lat_prefix $ENV{LATENTD_DEPS})
    else()
        set(lat_prefix ${PROJECT_SOURCE_DIR}/.deps)
    endif()
else()
    set(lat_prefix ${LATENTD_DEPS})
endif()
get_filename_component(lat_prefix ${lat_prefix} ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})

set(lat_missing "")

# lat_need(NAME LIBRARY HEADER SOURCE [LIB_HINTS dir…] [HEADER_HINTS dir…] [PREFIX_FIRST])
# Makes ext_NAME, or adds "LIBRARY (SOURCE)" to the missing. SOURCE: the Debian package, in words.
function(lat_need name library header source)
    cmake_parse_arguments(arg "PREFIX_FIRST" "" "LIB_HINTS;HEADER_HINTS" ${ARGN})
    set(prefix_lib ${lat_prefix}/lib)
    set(prefix_include ${lat_prefix}/include ${lat_prefix}/include/onnxruntime)
    if(arg_PREFIX_FIRST)
        list(PREPEND arg_LIB_HINTS ${prefix_lib})
        list(PREPEND arg_HEADER_HINTS ${prefix_include})
    endif()
    find_library(EXT_${name}_LIBRARY NAMES ${library} HINTS ${arg_LIB_HINTS} PATHS ${prefix_lib})
    find_path(EXT_${name}_INCLUDE NAMES ${header} HINTS ${arg_HEADER_HINTS} PATHS ${prefix_include})
    mark_as_advanced(EXT_${name}_LIBRARY EXT_${name}_INCLUDE)
    if(NOT EXT_${name}_LIBRARY OR NOT EXT_${name}_INCLUDE)
        set(lat_missing "${lat_missing}\n  ${library} with <${header}> (${source})" PARENT_SCOPE)
        return()
    endif()
    add_library(ext_${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(ext_${name} PROPERTIES
        IMPORTED_LOCATION "${EXT_${name}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${EXT_${name}_INCLUDE}")
endfunction()

find_package(Threads REQUIRED)
set(lat_arch ${CMAKE_LIBRARY_ARCHITECTURE})

# The OpenMP flavour by its own folder: the alternatives system may point the plain name at the pthread
# one, whose threads fight with those of FAISS.
lat_need(openblas openblas cblas.h "Debian's libopenblas-openmp-dev"
    LIB_HINTS /usr/lib/${lat_arch}/openblas-openmp
    HEADER_HINTS /usr/include/${lat_arch}/openblas-openmp)
lat_need(onnxruntime onnxruntime onnxruntime_c_api.h "Debian 13's libonnxruntime-dev, or the prefix"
    HEADER_HINTS /usr/include/onnxruntime)
# The prefix holds FAISS compiled for this machine's vector instructions; the package is the fallback.
lat_need(faiss faiss faiss/Index.h "the prefix, or Debian 13's libfaiss-dev" PREFIX_FIRST)
lat_need(faiss_c faiss_c faiss/c_api/Index_c.h "the prefix, or Debian 13's libfaiss-dev" PREFIX_FIRST)

lat_need(microhttpd microhttpd microhttpd.h "Debian's libmicrohttpd-dev")
lat_need(jansson jansson jansson.h "Debian's libjansson-dev")
lat_need(sqlite3 sqlite3 sqlite3.h "Debian's libsqlite3-dev")
lat_need(spng spng spng.h "Debian's libspng-dev")
lat_need(jpeg jpeg jpeglib.h "Debian's libjpeg62-turbo-dev")
lat_need(webp webp webp/decode.h "Debian's libwebp-dev")
lat_need(gif gif gif_lib.h "Debian's libgif-dev")
lat_need(z z zlib.h "Debian's zlib1g-dev")
lat_need(sodium sodium sodium.h "Debian's libsodium-dev")
lat_need(gnutls gnutls gnutls/gnutls.h "Debian's libgnutls28-dev")
lat_need(curl curl curl/curl.h "Debian's libcurl4-gnutls-dev")
lat_need(protobuf_c protobuf-c protobuf-c/protobuf-c.h "Debian's libprotobuf-c-dev")
if(LATENTD_TESTS)
    lat_need(criterion criterion criterion/criterion.h "Debian's libcriterion-dev")
endif()

find_program(LATENTD_PROTOC_C protoc-c)
find_path(LATENTD_ONNX_PROTO_DIR onnx/onnx.proto)
if(NOT LATENTD_PROTOC_C)
    string(APPEND lat_missing "\n  protoc-c (Debian's protobuf-c-compiler)")
endif()
if(NOT LATENTD_ONNX_PROTO_DIR)
    string(APPEND lat_missing "\n  onnx/onnx.proto (Debian's libonnx-dev)")
endif()

if(lat_missing)
    message(FATAL_ERROR "Missing:${lat_missing}\nRun scripts/bootstrap, which brings all of it "
        "(prefix: ${lat_prefix}).")
endif()

# FAISS calls BLAS and was compiled with GCC's OpenMP, so that runtime serves whatever compiles the rest.
# Clang finds neither the library nor omp.h, which FAISS's headers name, by itself.
set(lat_gomp gomp)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    execute_process(COMMAND gcc -print-file-name=libgomp.so OUTPUT_VARIABLE lat_gomp
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    execute_process(COMMAND gcc -print-file-name=include OUTPUT_VARIABLE lat_gcc_include
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    # Of C++ alone: C would get GCC's stdatomic.h, which clang does not compile.
    set_property(TARGET ext_faiss APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
        "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-idirafter ${lat_gcc_include}>")
endif()
# FAISS 1.7's headers use the integer types without asking for them.
set_property(TARGET ext_faiss APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include cstdint>")
set_property(TARGET ext_faiss_c APPEND PROPERTY INTERFACE_LINK_LIBRARIES ext_faiss)
set_property(TARGET ext_faiss APPEND PROPERTY INTERFACE_LINK_LIBRARIES ext_openblas ${lat_gomp} stdc++ m)

# What FAISS was compiled for, for --version and the check at start-up.
set(lat_faiss_march baseline)
if(EXT_faiss_LIBRARY MATCHES "^${lat_prefix}/" AND EXISTS ${lat_prefix}/faiss.march)
    file(STRINGS ${lat_prefix}/faiss.march lat_faiss_march LIMIT_COUNT 1)
endif()
message(STATUS "FAISS: ${EXT_faiss_LIBRARY} (${lat_faiss_march})")
message(STATUS "ONNX Runtime: ${EXT_onnxruntime_LIBRARY}")
