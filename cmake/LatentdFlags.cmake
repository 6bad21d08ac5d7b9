# How everything is compiled: language, warnings, sanitizers.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo" FORCE)
endif()

find_program(LATENTD_CCACHE ccache)
if(LATENTD_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${LATENTD_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${LATENTD_CCACHE})
endif()

# What every target sees. POSIX and the few GNU extensions (accept4, sync_file_range) are wanted.
add_compile_definitions(_GNU_SOURCE $<$<CONFIG:Debug>:LAT_DEBUG=1>)
add_compile_options(-fno-common -fstack-protector-strong)
if(NOT LATENTD_SANITIZE)
    add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
add_link_options(-Wl,-z,relro,-z,now)

if(LATENTD_SANITIZE)
    add_compile_options(-fsanitize=${LATENTD_SANITIZE} -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${LATENTD_SANITIZE})
    if(LATENTD_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()
if(LATENTD_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "LATENTD_FUZZ needs clang: use the preset 'fuzz'")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_compile_definitions(LAT_FUZZ=1)
endif()

# Warnings are ours alone: generated and third-party code does not link lat_warnings.
add_library(lat_warnings INTERFACE)
set(lat_warnings_both -Wall -Wextra -Wpedantic -Wshadow -Wcast-qual -Wundef -Wvla -Wformat=2
    -Wdouble-promotion -Wnull-dereference)
set(lat_warnings_c -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND LATENTD_SANITIZE)
    # Instrumented code sends GCC's flow analysis down paths that do not exist.
    list(APPEND lat_warnings_both -Wno-null-dereference -Wno-maybe-uninitialized)
endif()
target_compile_options(lat_warnings INTERFACE ${lat_warnings_both}
    "$<$<COMPILE_LANGUAGE:C>:${lat_warnings_c}>"
    "$<$<BOOL:${LATENTD_WERROR}>:-Werror>")
