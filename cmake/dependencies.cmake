# External packages. Debian's packages come from the system; oneDNN and the ONNX schema come from the project's
# Python environment (scripts/setup makes it): FOVEA_PYTHON_ENV names its folder.
set(FOVEA_PYTHON_ENV ${CMAKE_SOURCE_DIR}/.venv CACHE PATH "Python environment holding onnx and oneDNN")

find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
find_library(HWY_LIBRARY hwy REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
find_package(dnnl 3.2 REQUIRED PATHS ${FOVEA_PYTHON_ENV} ${FOVEA_PYTHON_ENV}/lib/cmake/dnnl)
