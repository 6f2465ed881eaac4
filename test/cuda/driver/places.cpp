#include <cxxabi.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file.hpp"
#include "cuda/driver/calls.hpp"

namespace fovea::test {
namespace {

std::string without(std::string text, const std::string& part) {
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) text.erase(at, part.size());
    return text;
}

/// A function's name without its parameters, template arguments and fovea's namespaces; of what a shared pointer calls
/// in the end, the name of the function that made it.
std::string short_name(const char* mangled) {
    int status = 0;
    char* text = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    std::string name = without(text ? text : mangled, "(anonymous namespace)::");
    std::free(text);
    std::string kind;
    if (const std::size_t maker = name.find("fovea::"); name.starts_with("std::_Sp_counted") && maker != name.npos) {
        kind = "'s deleter";
        name.erase(0, maker);
    }
    name = name.substr(0, name.find_first_of("(<["));
    if (const std::size_t space = name.rfind(' '); space != std::string::npos) name.erase(0, space + 1);
    for (const char* part : {"fovea::backend::cuda::", "fovea::backend::", "fovea::"}) name = without(name, part);
    return name + kind;
}

/// The functions of this program, from its own file.
class Program {
  public:
    Program() : file_(base::map_file("/proc/self/exe")) {
        dl_iterate_phdr(
            [](dl_phdr_info* info, std::size_t, void* base) {
                *static_cast<std::uintptr_t*>(base) = info->dlpi_addr;  // the program comes first
                return 1;
            },
            &base_);
        const auto* header = at<Elf64_Ehdr>(0);
        const auto* sections = at<Elf64_Shdr>(header->e_shoff);
        for (std::size_t i = 0; i < header->e_shnum; ++i) {
            if (sections[i].sh_type != SHT_SYMTAB) continue;
            const char* names = at<char>(sections[sections[i].sh_link].sh_offset);
            const auto* symbols = at<Elf64_Sym>(sections[i].sh_offset);
            for (std::size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); ++k)
                if (ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC && symbols[k].st_size)
                    functions_.push_back({symbols[k].st_value, symbols[k].st_size, names + symbols[k].st_name});
        }
        std::sort(functions_.begin(), functions_.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
    }

    struct Function {
        std::uintptr_t start, size;
        const char* name;
    };
    /// nullptr: of a library.
    [[nodiscard]] const Function* find(std::uintptr_t address) const {
        const auto next = std::upper_bound(functions_.begin(), functions_.end(), address - base_,
                                           [](std::uintptr_t a, const Function& f) { return a < f.start; });
        if (next == functions_.begin()) return nullptr;
        const Function& found = *std::prev(next);
        return address - base_ <= found.start + found.size ? &found : nullptr;
    }
    [[nodiscard]] std::uintptr_t offset(std::uintptr_t address, const Function& function) const {
        return address - base_ - function.start;
    }

  private:
    template <class T>
    const T* at(std::size_t offset) const {
        return reinterpret_cast<const T*>(file_.bytes.data() + offset);
    }

    base::MappedFile file_;
    std::uintptr_t base_ = 0;
    std::vector<Function> functions_;
};

}  // namespace

std::string calling_place() {
    static const Program program;
    void* frames[24];
    const int count = backtrace(frames, static_cast<int>(std::size(frames)));
    for (int i = 1; i < count; ++i) {
        const auto address = reinterpret_cast<std::uintptr_t>(frames[i]);
        const Program::Function* function = program.find(address);
        if (!function || std::strstr(function->name, "fovea4test") || std::strstr(function->name, "4cuda4Call") ||
            std::strstr(function->name, "_ZNSt6vector") == function->name)
            continue;
        char offset[24];
        std::snprintf(offset, sizeof offset, "+0x%zx", program.offset(address, *function));
        return short_name(function->name) + offset;
    }
    return {};
}

}  // namespace fovea::test
