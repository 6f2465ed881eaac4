#include "base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fovea/error.hpp"

namespace fovea::base {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* action) {
    throw Error(ErrorCode::io, std::string("cannot ") + action + ": " + std::strerror(errno)).in(path.string());
}

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

void write_all(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail(path, "write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) fail(path, "open");
    return map_descriptor(file.fd, path);
}

MappedFile map_descriptor(int descriptor, const std::filesystem::path& name) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) fail(name, "inspect");
    if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::io, "expected a regular file").in(name.string());
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {};
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) fail(name, "map");
    return {std::shared_ptr<const void>(address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); }),
            {static_cast<const std::byte*>(address), size}};
}

std::string read_text(const std::filesystem::path& path) {
    const MappedFile file = map_file(path);
    return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    std::string temporary = path.string() + ".XXXXXX";
    {
        const Descriptor file{::mkstemp(temporary.data())};
        if (file.fd < 0) fail(path, "create");
        try {
            write_all(file.fd, bytes, path);
            if (::fchmod(file.fd, 0644) != 0 || ::fsync(file.fd) != 0) fail(path, "sync");
        } catch (...) {
            ::unlink(temporary.c_str());
            throw;
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        errno = reason;
        fail(path, "rename the finished file to");
    }
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

FileLock::FileLock(const std::filesystem::path& path)
    : descriptor_(::open((path.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail(path, "lock");
    while (::flock(descriptor_, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        ::close(descriptor_);
        fail(path, "lock");
    }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace fovea::base
