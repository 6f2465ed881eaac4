#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "onnx/fail.hpp"
#include "onnx/tensors.hpp"

namespace fovea::onnx {
namespace {

constexpr const char* kBeside = "keep the data beside the model, in a file of its own";

struct Descriptor {
    int fd = -1;
    explicit Descriptor(int number) : fd(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::filesystem::path checked_path(const std::string& location) {
    const std::filesystem::path path(location);
    if (location.empty() || location.find('\0') != std::string::npos || location.size() > 4096)
        fail(kBroken, "external data: the location is not a file name", kBeside);
    if (path.is_absolute())
        fail(kBroken, "external data: the location \"" + location + "\" is absolute; it must lie in the model's folder",
             kBeside);
    for (const auto& part : path)
        if (part == ".." || part.empty())
            fail(kBroken, "external data: the location \"" + location + "\" leaves the model's folder", kBeside);
    return path;
}

/// Opens `path` below `folder` one component after the other, following no link.
int open_below(const std::filesystem::path& folder, const std::filesystem::path& path, const std::string& location) {
    const auto refuse = [&](int error) {
        if (error == ELOOP || error == ENOTDIR)
            fail(kBroken, "external data: \"" + location + "\" is, or passes through, a link", kBeside);
        throw Error(ErrorCode::io,
                    "external data: cannot open \"" + location + "\": " + std::strerror(error) + " › " + kBeside);
    };
    int current = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (current < 0) refuse(errno);
    for (auto part = path.begin(); part != path.end(); ++part) {
        const Descriptor parent(current);
        const bool last = std::next(part) == path.end();
        current = ::openat(parent.fd, part->c_str(),
                           O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        if (current < 0) refuse(errno);
    }
    return current;
}

}  // namespace

const base::MappedFile& ExternalFiles::open(const std::string& location) {
    const auto known = files_.find(location);
    if (known != files_.end()) return known->second;
    if (folder_.empty())
        fail(kBroken, "external data: a model given as bytes has no folder that it could lie in",
             "give the model as a file");
    const auto path = checked_path(location);
    const Descriptor file(open_below(folder_, path, location));
    struct stat status {};
    if (::fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode))
        fail(kBroken, "external data: \"" + location + "\" is not a regular file", kBeside);
    if (status.st_nlink != 1)
        fail(kBroken, "external data: \"" + location + "\" has several names (hard links)", "copy the file");
    return files_.emplace(location, base::map_descriptor(file.fd, location)).first->second;
}

}  // namespace fovea::onnx
