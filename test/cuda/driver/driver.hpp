#pragma once

#include <cuda.h>
#include <nvrtc.h>

#include <map>
#include <string>

/// A driver and a compiler for CUDA that need no GPU, as libraries under the names that fovea opens: two devices whose
/// memory is the host's and whose kernels do nothing. With FOVEA_REAL_DRIVER and FOVEA_REAL_NVRTC naming libraries they
/// hand every call on to these. Either way calls are counted and can be made to fail.
namespace fovea::test {

/// Has call number `number` (from 1 on, since the last `reset_calls`) of a function fail with `result`; with `sticky`,
/// every later call of any function that does not give something back, too.
__attribute__((visibility("default"))) void fail_call(const std::string& function, int number, int result,
                                                      bool sticky = false);
/// Forgets counts and faults.
__attribute__((visibility("default"))) void reset_calls();
__attribute__((visibility("default"))) std::map<std::string, int> calls();
/// Whether real libraries are behind.
__attribute__((visibility("default"))) bool forwards(const char* variable);
/// Memory blocks, streams, events, modules, graphs and retained contexts that have not been given back; without a real
/// driver only.
__attribute__((visibility("default"))) std::size_t live_objects();

/// Whether a function gives something back.
__attribute__((visibility("default"))) bool gives_back(const std::string& function);
/// Counts a call; the result that it shall fail with, or 0.
__attribute__((visibility("default"))) int enter(const char* function);
/// A function of the real library that the environment variable names.
__attribute__((visibility("default"))) void* real_function(const char* variable, const char* name);

}  // namespace fovea::test

#define FOVEA_TEXT(name) #name
#define FOVEA_NAME(name) FOVEA_TEXT(name)
/// A function of the library: counts, fails, hands on, or does what stands behind.
#define FOVEA_FUNCTION(Result, variable, name, parameters, arguments, ...)                                        \
    extern "C" __attribute__((visibility("default"))) Result name parameters {                                    \
        if (const int failure = fovea::test::enter(#name)) return static_cast<Result>(failure);                   \
        if (fovea::test::forwards(variable))                                                                      \
            return reinterpret_cast<Result(*) parameters>(fovea::test::real_function(variable, FOVEA_NAME(name))) \
                arguments;                                                                                        \
        __VA_ARGS__                                                                                               \
    }
