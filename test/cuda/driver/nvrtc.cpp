// A compiler that compiles nothing, under the name of NVRTC.
#include <nvrtc.h>

#include <cstring>

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define NVRTC(name, parameters, ...)                                                \
    extern "C" __attribute__((visibility("default"))) nvrtcResult name parameters { \
        __VA_ARGS__                                                                 \
        return NVRTC_SUCCESS;                                                       \
    }

NVRTC(nvrtcVersion, (int* major, int* minor), {
    *major = 13;
    *minor = 0;
})
NVRTC(nvrtcCreateProgram,
      (nvrtcProgram * program, const char* source, const char* name, int headers, const char* const* texts,
       const char* const* names),
      { *program = reinterpret_cast<nvrtcProgram>(new int(0)); })
NVRTC(nvrtcDestroyProgram, (nvrtcProgram * program), {
    delete reinterpret_cast<int*>(*program);
    *program = nullptr;
})
NVRTC(nvrtcCompileProgram, (nvrtcProgram program, int count, const char* const* options), {})
NVRTC(nvrtcGetCUBINSize, (nvrtcProgram program, size_t* size), { *size = 4; })
NVRTC(nvrtcGetCUBIN, (nvrtcProgram program, char* binary), { std::memcpy(binary, "none", 4); })
NVRTC(nvrtcGetProgramLogSize, (nvrtcProgram program, size_t* size), { *size = 1; })
NVRTC(nvrtcGetProgramLog, (nvrtcProgram program, char* log), { *log = 0; })

extern "C" __attribute__((visibility("default"))) const char* nvrtcGetErrorString(nvrtcResult result) {
    return result == NVRTC_SUCCESS ? "success" : "a made-up failure";
}
