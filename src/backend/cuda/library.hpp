#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {

/// A shared library opened at run time, the base of the table of its functions. Stays open until the process ends:
/// drivers do not like to be unloaded. Needs no
/// destructor, for those who call in theirs when the process ends.
class Library {
  public:
    /// Opens the first of `files` that the loader finds, then the first below the folders in which CUDA's libraries
    /// usually lie; throws `unsupported` naming `what` and `remedy` when there is none.
    Library(const char* what, const std::vector<std::string>& files, const std::string& remedy);

    /// A function of the library, to set a pointer of its type to.
    class Function {
      public:
        explicit Function(void* address) : address_(address) {}
        template <class F>
        operator F*() const {  // NOLINT(google-explicit-constructor): the pointer names the type
            return reinterpret_cast<F*>(address_);
        }

      private:
        void* address_;
    };
    /// Throws `unsupported` when the library is too old to have it.
    [[nodiscard]] Function function(const char* symbol) const;

    /// Opens what begins with `name` in the folder where this was found: a library that this one asks for by its bare
    /// name later is then found, wherever it lies.
    void open_beside(const std::string& name) const;

    /// Where it was found.
    [[nodiscard]] std::string path() const;

  private:
    const char* what_;
    void* handle_ = nullptr;
};

/// The one table of a library's functions in this process; nullptr where the library is not found or lacks one.
template <class Table>
const Table* table_of() {
    static const std::optional<Table> kTable = []() -> std::optional<Table> {
        try {
            return std::optional<Table>(std::in_place);
        } catch (const Error&) {
            return std::nullopt;
        }
    }();
    return kTable ? &*kTable : nullptr;
}

}  // namespace fovea::backend::cuda
