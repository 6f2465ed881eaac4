#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace fovea::cli {

/// One verb of the command line.
struct Verb {
    const char* name;
    const char* summary;
    /// Declares the verb's options on its sub-command; returns what to run once they have been read. It throws `Error`
    /// for anything that goes wrong.
    std::function<void()> (*declare)(CLI::App& app);
};

/// One function per file that holds a verb; `main.cpp` lists them.
Verb bench_verb();
Verb build_verb();
Verb compare_verb();
Verb doctor_verb();
Verb extract_verb();
Verb inspect_verb();
Verb profile_verb();
Verb run_verb();
Verb simplify_verb();

}  // namespace fovea::cli
