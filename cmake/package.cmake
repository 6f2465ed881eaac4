# What `cmake --install` puts in place: public headers, the libraries, and a package that find_package(fovea) finds.
# Users link fovea::fovea.
include(CMakePackageConfigHelpers)
set(FOVEA_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)

add_library(fovea_package INTERFACE)
set_target_properties(fovea_package PROPERTIES EXPORT_NAME fovea)
target_link_libraries(fovea_package INTERFACE fovea_api)
install(TARGETS fovea_package EXPORT fovea)
install(DIRECTORY include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT fovea NAMESPACE fovea:: DESTINATION ${FOVEA_PACKAGE_FOLDER} FILE fovea-targets.cmake)
configure_package_config_file(cmake/fovea-config.cmake.in ${CMAKE_BINARY_DIR}/fovea-config.cmake
  INSTALL_DESTINATION ${FOVEA_PACKAGE_FOLDER})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/fovea-config.cmake ${CMAKE_BINARY_DIR}/fovea-config-version.cmake
  DESTINATION ${FOVEA_PACKAGE_FOLDER})
