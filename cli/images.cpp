#include "images.hpp"

#include <algorithm>

#include "api/image_contract.hpp"
#include "base/file.hpp"
#include "fovea/error.hpp"
#include "media/image_file.hpp"
#include "runtime/engine.hpp"
#include "tensors.hpp"
#include "vision/preprocess.hpp"

namespace fovea::cli {
namespace {

std::string contract_text(const Engine& engine, const std::filesystem::path& file) {
    if (!file.empty()) return base::read_text(file);
    const std::string& own = engine.content()->plan().contract;
    if (own.empty())
        throw Error(ErrorCode::invalid_argument,
                    "the plan does not say how images become its input; give --contract FILE (docs/contract.md), or "
                    "--input FILE.npz");
    return own;
}

}  // namespace

vision::Contract contract_for(const Engine& engine, const std::filesystem::path& file) {
    try {
        return image_contract(engine, contract_text(engine, file));
    } catch (Error& error) {
        throw error.in(file.empty() ? "contract" : file.string());
    }
}

Tensors image_input(const vision::Contract& contract, const Image& image) {
    return {{contract.input.tensor, vision::preprocess(contract.input, image)}};
}

Seen look(const Engine& engine, Context& context, const vision::Contract& contract, const std::filesystem::path& path) {
    Seen seen{media::read_image(path), {}, {}};
    try {
        const Tensors inputs = match_inputs(engine, image_input(contract, seen.image));
        bind_inputs(context, inputs);
        context.run();
        seen.outputs = outputs(engine, context);
        seen.findings = vision::decode(contract.outputs, seen.outputs,
                                       vision::place(contract.input, seen.image.width, seen.image.height));
    } catch (Error& error) {
        throw error.in(path.string());
    }
    return seen;
}

bool is_image(const std::filesystem::path& path) {
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

}  // namespace fovea::cli
