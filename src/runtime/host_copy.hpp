#pragma once

#include <cstddef>
#include <vector>

#include "backend/device.hpp"

namespace fovea::runtime {

/// Copies between a device and host memory that is not page-locked: by way of staging memory that is, in pieces, so
/// that the device copies one while this code's threads copy another.
class HostCopies {
  public:
    /// Fills `device` with what lies in `host`, which may change again afterwards; `staging` may not until the stream
    /// has got there.
    static void upload(backend::Stream& stream, std::byte* device, const std::byte* host, std::byte* staging,
                       std::size_t bytes);
    /// Puts a download into the stream; `finish` completes it.
    void download(backend::Stream& stream, std::byte* host, const std::byte* device, std::byte* staging,
                  std::size_t bytes);
    /// Waits for the downloads, piece by piece, and copies each to where it belongs.
    void finish(backend::Stream& stream);

    /// Forgets downloads that failed.
    void clear() { pieces_.clear(); }

    /// Marks from this one on are used.
    static constexpr std::size_t kFirstMark = 1;

  private:
    struct Piece {
        std::byte* host;
        const std::byte* staging;
        std::size_t bytes;
    };
    std::vector<Piece> pieces_;
};

}  // namespace fovea::runtime
