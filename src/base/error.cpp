#include "fovea/error.hpp"

#include <utility>

namespace fovea {

Error::Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)), text_(message_) {}

Error& Error::in(std::string context) {
    text_ = context + " › " + text_;
    context_.push_back(std::move(context));
    return *this;
}

}  // namespace fovea
