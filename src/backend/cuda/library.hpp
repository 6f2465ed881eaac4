#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {

/// A shared library opened at run time. Stays open until the process ends: drivers do not like to be unloaded.
class Library {
  public:
    /// Opens the first of `files` that the loader finds, then the first below the folders in which CUDA's libraries
    /// usually lie; throws `unsupported` naming `what` and `remedy` when there is none.
    Library(std::string what, const std::vector<std::string>& files, const std::string& remedy);

    /// Sets `function` to the symbol of this name; throws `unsupported` when the library is too old to have it.
    template <class Function>
    void load(const char* symbol, Function*& function) const {
        function = reinterpret_cast<Function*>(find(symbol));
    }

    /// Opens what begins with `name` in the folder where this was found: a library that this one asks for by its bare
    /// name later is then found, wherever it lies.
    void open_beside(const std::string& name) const;

    /// Where it was found.
    [[nodiscard]] std::string path() const;

  private:
    [[nodiscard]] void* find(const char* symbol) const;

    std::string what_;
    void* handle_ = nullptr;
};

}  // namespace fovea::backend::cuda
