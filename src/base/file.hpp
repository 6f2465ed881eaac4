#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace fovea::base {

/// A file's bytes, read-only, by memory map; the mapping lives as long as any copy of the pointer.
struct MappedFile {
    std::shared_ptr<const void> owner;
    std::span<const std::byte> bytes;
};

/// Maps `path`; throws `io` naming the file and the system's reason. An empty file gives an empty span.
MappedFile map_file(const std::filesystem::path& path);

/// Maps the regular file behind an open descriptor, which stays the caller's; `name` stands in errors.
MappedFile map_descriptor(int descriptor, const std::filesystem::path& name);

/// Whole file as text; throws `io`.
std::string read_text(const std::filesystem::path& path);

/// Writes to a temporary name beside `path`, syncs, and renames over it: either the whole file appears or nothing.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_text(const std::filesystem::path& path, const std::string& text);

/// The right to rewrite a file that others read, change and rewrite as well; waits for it. Held against threads and
/// processes by the file `path`.lock, which stays. Throws `io` where that cannot be made.
class FileLock {
  public:
    explicit FileLock(const std::filesystem::path& path);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

  private:
    int descriptor_;
};

}  // namespace fovea::base
