#include "runtime/host_copy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/checked.hpp"

namespace fovea::runtime {
namespace {

constexpr std::size_t kPiece = std::size_t{2} << 20;
/// One thread copies this much faster than several threads start.
constexpr std::size_t kShare = std::size_t{128} << 10;

void copy(std::byte* target, const std::byte* source, std::size_t bytes) {
    const auto shares = base::ceil_div(static_cast<std::int64_t>(bytes), std::int64_t{kShare});
#pragma omp parallel for schedule(static) if (shares > 1)
    for (std::int64_t i = 0; i < shares; ++i) {
        const std::size_t at = static_cast<std::size_t>(i) * kShare;
        std::memcpy(target + at, source + at, std::min(kShare, bytes - at));
    }
}

}  // namespace

void HostCopies::upload(backend::Stream& stream, std::byte* device, const std::byte* host, std::byte* staging,
                        std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kPiece) {
        const std::size_t size = std::min(kPiece, bytes - at);
        copy(staging + at, host + at, size);
        stream.upload(device + at, staging + at, size);
    }
}

void HostCopies::download(backend::Stream& stream, std::byte* host, const std::byte* device, std::byte* staging,
                          std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kPiece) {
        const std::size_t size = std::min(kPiece, bytes - at);
        stream.download(staging + at, device + at, size);
        stream.mark(kFirstMark + pieces_.size());
        pieces_.push_back({host + at, staging + at, size});
    }
}

void HostCopies::finish(backend::Stream& stream) {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        stream.await(kFirstMark + i);
        copy(pieces_[i].host, pieces_[i].staging, pieces_[i].bytes);
    }
    pieces_.clear();
}

}  // namespace fovea::runtime
