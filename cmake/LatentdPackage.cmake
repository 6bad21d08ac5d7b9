# What is installed, and the Debian package made of it (scripts/package). With LATENTD_PACKAGE the files of a
# system service come too: the unit, its settings, its user.
option(LATENTD_PACKAGE "Install the files of a system service, and the ONNX Runtime of the prefix" OFF)

install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_DATADIR}/latentd)
install(DIRECTORY examples/specs DESTINATION ${CMAKE_INSTALL_DATADIR}/latentd)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md CHANGELOG.md CONTRIBUTING.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docker/grafana/latentd.json docker/prometheus/alerts.yml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/latentd/monitoring)

if(NOT LATENTD_PACKAGE)
    return()
endif()

set(package ${PROJECT_SOURCE_DIR}/cmake/package)
install(FILES ${package}/latentd.service DESTINATION /usr/lib/systemd/system)
install(FILES ${package}/latentd.conf DESTINATION /etc/latentd)

# Debian 13 has ONNX Runtime as a package; where it came with the prefix, it comes with the program.
set(depends adduser libopenblas0-openmp)
cmake_path(IS_PREFIX lat_prefix ${EXT_onnxruntime_LIBRARY} NORMALIZE from_prefix)
if(from_prefix)
    file(REAL_PATH ${EXT_onnxruntime_LIBRARY} runtime)
    cmake_path(GET runtime PARENT_PATH runtime_dir)
    file(GLOB runtimes ${runtime_dir}/libonnxruntime.so*)
    install(FILES ${runtimes} DESTINATION lib/latentd)
    set_target_properties(latentd PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/latentd")
    set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${runtime_dir})
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME latentd)
set(CPACK_PACKAGE_VENDOR latentd)
set(CPACK_PACKAGE_CONTACT "latentd <latentd@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "embeddings and similarity search with autoencoders")
set(CPACK_PACKAGE_DESCRIPTION "A REST service that turns pictures, tables, histories and sequences into latent codes,
searches them, and trains the autoencoders it serves.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
list(JOIN depends ", " CPACK_DEBIAN_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE ${PROJECT_BINARY_DIR}/package/conffiles "/etc/latentd/latentd.conf\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${package}/postinst ${package}/prerm ${package}/postrm ${PROJECT_BINARY_DIR}/package/conffiles)
include(CPack)
