#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

/// What fovea calls in the libraries that it opens: programs linked with --wrap=dlsym get a hook in the place of every
/// function of CUDA's libraries. Hooks count calls, and have one fail on demand. A call that fails is not made, but for
/// those that wait, end something or give it back: these are made, and their result is not told.
namespace fovea::test {

/// A place in fovea that calls a function of a library.
struct CallSite {
    std::string function;  ///< by the library's name for it: "cuMemAlloc_v2"
    std::string place;     ///< the calling function, and where in it
    auto operator<=>(const CallSite&) const = default;
};

/// Has call number `number` (from 1 on, since the last `reset_calls`) of a function fail with `result`; with `sticky`,
/// every later call of any function that does not give something back, too.
void fail_call(const std::string& function, int number, int result, bool sticky = false);
/// Has the first call from this place fail with its library's code for unknown errors.
void fail_at(const CallSite& site);
/// Whether the call that was to fail has been made.
bool failed();
/// Libraries that are opened from now on lack this function.
void hide(const std::string& function);
/// Forgets counts, places and faults.
void reset_calls();
std::map<std::string, int> calls();
/// Notes from where calls come, from now on.
void note_call_sites();
std::vector<CallSite> call_sites();
/// Memory blocks, streams, events, modules, graphs, retained contexts, handles and descriptors that have not been given
/// back.
long held();
/// Whether a function gives something back.
bool gives_back(const std::string& function);

/// Where in fovea the calling function was called from, as `CallSite::place`; hooks and tests are passed over.
std::string calling_place();

}  // namespace fovea::test

#define FOVEA_TEXT(name) #name
/// The library's name for a function that its header renames.
#define FOVEA_NAME(name) FOVEA_TEXT(name)
