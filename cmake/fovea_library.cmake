# fovea_library(NAME SOURCES file... DEPENDS room... [LINK external...])
#
# Declares the static library `fovea_NAME` for one folder ("room") under src/. DEPENDS lists the rooms whose headers
# it may include; scripts/check_layers.py holds the includes against the same table.
function(fovea_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(fovea_${name} STATIC ${ARG_SOURCES})
  target_include_directories(fovea_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(room ${ARG_DEPENDS})
    target_link_libraries(fovea_${name} PUBLIC fovea_${room})
  endforeach()
  target_link_libraries(fovea_${name} PRIVATE ${ARG_LINK})
  install(TARGETS fovea_${name} EXPORT fovea ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/fovea)
endfunction()
