#include <cstring>

#include "cuda/driver/driver.hpp"

#define NVRTC(name, parameters, arguments, ...) \
    FOVEA_FUNCTION(nvrtcResult, "FOVEA_REAL_NVRTC", name, parameters, arguments, __VA_ARGS__ return NVRTC_SUCCESS;)

NVRTC(nvrtcVersion, (int* major, int* minor), (major, minor), {
    *major = 13;
    *minor = 0;
})
NVRTC(nvrtcCreateProgram,
      (nvrtcProgram * program, const char* source, const char* name, int headers, const char* const* texts,
       const char* const* names),
      (program, source, name, headers, texts, names), { *program = reinterpret_cast<nvrtcProgram>(new int(0)); })
NVRTC(nvrtcDestroyProgram, (nvrtcProgram * program), (program), {
    delete reinterpret_cast<int*>(*program);
    *program = nullptr;
})
NVRTC(nvrtcCompileProgram, (nvrtcProgram program, int count, const char* const* options), (program, count, options), {})
NVRTC(nvrtcGetCUBINSize, (nvrtcProgram program, size_t* size), (program, size), { *size = 4; })
NVRTC(nvrtcGetCUBIN, (nvrtcProgram program, char* binary), (program, binary), { std::memcpy(binary, "none", 4); })
NVRTC(nvrtcGetProgramLogSize, (nvrtcProgram program, size_t* size), (program, size), { *size = 1; })
NVRTC(nvrtcGetProgramLog, (nvrtcProgram program, char* log), (program, log), { *log = 0; })

extern "C" __attribute__((visibility("default"))) const char* nvrtcGetErrorString(nvrtcResult result) {
    return result == NVRTC_SUCCESS ? "success" : "a made-up failure";
}
