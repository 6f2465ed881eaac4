#include "contract_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "device_bench.hpp"
#include "images.hpp"
#include "runtime/engine.hpp"
#include "tensors.hpp"
#include "vision/preprocess.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::ordered_json;

/// A camera's image, where the contract brings images to the network's size.
constexpr std::int64_t kWidth = 1920, kHeight = 1080;
/// Of the measurement's length.
constexpr double kShare = 1.0 / 6;

/// Of a network without a size of its own, an image of the profile's best.
Image random_image(const Engine& engine, const vision::InputContract& contract) {
    std::int64_t width = kWidth, height = kHeight;
    if (contract.width == 0 || contract.height == 0) {
        const Shape& best = engine.content()->plan().profile.at(contract.tensor).opt;
        const bool channels_last = contract.layout == vision::Layout::nhwc;
        height = best.at(channels_last ? 1 : 2);
        width = best.at(channels_last ? 2 : 3);
    }
    Image image(width, height, 3);
    std::minstd_rand generator(1);
    std::generate(image.pixels.begin(), image.pixels.end(),
                  [&] { return static_cast<std::uint8_t>(generator() >> 16); });
    return image;
}

}  // namespace

Json measure_contract(const Engine& engine, const Schedule& schedule) {
    if (engine.content()->plan().contract.empty()) return nullptr;
    const vision::Contract contract = contract_for(engine, {});
    const Image image = random_image(engine, contract.input);
    Schedule brief = schedule;
    brief.seconds *= kShare;
    brief.warm_up_seconds *= kShare;
    const auto timed = [&](const std::function<void()>& body) {
        warm_up(body, brief);
        return describe(summarise(measure(body, brief)));
    };
    Json result = {{"image", fmt::format("{}x{}", image.width, image.height)},
                   {"preprocess", timed([&] { (void)image_input(contract, image); })}};
    if (contract.outputs.empty()) return result;
    const Tensors inputs = match_inputs(engine, image_input(contract, image));
    Context context = engine.make_context();
    bind_inputs(context, inputs);
    context.run();
    const Tensors found = outputs(engine, context);
    const auto place = vision::place(contract.input, image.width, image.height);
    result["postprocess"] = timed([&] { (void)vision::decode(contract.outputs, found, place); });
    return result;
}

std::string contract_text(const Json& measured) {
    if (measured.is_null()) return {};
    std::string text;
    for (const auto& [key, title] : {std::pair{"preprocess", "pre-processing"}, {"postprocess", "post-processing"}})
        if (measured.contains(key))
            text += fmt::format("{} on the host: {}, of an image of {}\n", title, figures(measured[key]),
                                measured["image"].get<std::string>());
    return text;
}

}  // namespace fovea::cli
