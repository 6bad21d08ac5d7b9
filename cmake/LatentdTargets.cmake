# The three shapes of target: a folder's library, an embedded file, a generated protobuf.

# lat_library(NAME [RECURSE] [PUBLIC target…] [PRIVATE target…])
# The static library of the current folder. Sources are globbed, so a new file needs no edit here; a
# folder without sources is an empty interface library.
function(lat_library name)
    cmake_parse_arguments(arg "RECURSE" "" "PUBLIC;PRIVATE" ${ARGN})
    if(arg_RECURSE)
        file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.c *.cpp)
    else()
        file(GLOB sources CONFIGURE_DEPENDS *.c *.cpp)
    endif()
    if(NOT sources)
        add_library(${name} INTERFACE)
        target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
        target_link_libraries(${name} INTERFACE ${arg_PUBLIC} ${arg_PRIVATE})
        return()
    endif()
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} lat_warnings)
endfunction()

# lat_embed(TARGET FILE SYMBOL): FILE (relative to the current folder) becomes bytes of TARGET, reached by
#   #include "embed/SYMBOL.h"      extern const unsigned char SYMBOL[]; extern const size_t SYMBOL_len;
# A NUL follows the last byte, so text can be used as a string.
function(lat_embed target file symbol)
    get_target_property(kind ${target} TYPE)
    if(kind STREQUAL "INTERFACE_LIBRARY")
        return()
    endif()
    get_filename_component(path ${file} ABSOLUTE)
    set(dir ${CMAKE_CURRENT_BINARY_DIR}/embedded)
    set(lat_embed_symbol ${symbol})
    set(lat_embed_path ${path})
    string(TOUPPER ${symbol} lat_embed_guard)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/embed.c.in ${dir}/${symbol}.c @ONLY)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/embed.h.in ${dir}/embed/${symbol}.h @ONLY)
    set_source_files_properties(${dir}/${symbol}.c PROPERTIES OBJECT_DEPENDS ${path})
    target_sources(${target} PRIVATE ${dir}/${symbol}.c)
    target_include_directories(${target} PRIVATE ${dir})
endfunction()

# lat_embed_folder(TARGET DIR PREFIX): every file directly in DIR, as symbols PREFIX_<file_name_ext>, and a table of
# them, sorted by name, reached by
#   #include "embed/PREFIX_files.h"    struct PREFIX_file { name, bytes, len }; PREFIX_files[], PREFIX_files_len
function(lat_embed_folder target dir prefix)
    file(GLOB files CONFIGURE_DEPENDS ${dir}/*)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded)
    set(lat_embed_prefix ${prefix})
    set(lat_embed_includes "")
    set(lat_embed_rows "")
    foreach(path IN LISTS files)
        get_filename_component(name ${path} NAME)
        string(MAKE_C_IDENTIFIER "${prefix}_${name}" symbol)
        lat_embed(${target} ${path} ${symbol})
        string(APPEND lat_embed_includes "#include \"embed/${symbol}.h\"\n")
        string(APPEND lat_embed_rows "    {\"${name}\", ${symbol}, &${symbol}_len},\n")
    endforeach()
    string(TOUPPER ${prefix} lat_embed_guard)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/embed_files.c.in ${out}/${prefix}_files.c @ONLY)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/embed_files.h.in ${out}/embed/${prefix}_files.h @ONLY)
    target_sources(${target} PRIVATE ${out}/${prefix}_files.c)
endfunction()

# lat_protobuf(TARGET DIR FILE): DIR/FILE.proto as an object library with its header folder.
function(lat_protobuf target dir name)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/proto)
    file(MAKE_DIRECTORY ${out})
    add_custom_command(OUTPUT ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h
        COMMAND ${LATENTD_PROTOC_C} --proto_path=${dir} --c_out=${out} ${dir}/${name}.proto
        DEPENDS ${dir}/${name}.proto COMMENT "protoc-c ${name}.proto" VERBATIM)
    add_library(${target} STATIC ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h)
    target_include_directories(${target} SYSTEM PUBLIC ${out})
    target_link_libraries(${target} PUBLIC ext_protobuf_c)
endfunction()
