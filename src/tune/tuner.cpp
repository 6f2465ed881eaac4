#include "tune/tuner.hpp"

#include <algorithm>
#include <chrono>
#include <random>

#include "base/dispatch.hpp"
#include "ir/text.hpp"

namespace fovea::tune {
namespace {

using Clock = std::chrono::steady_clock;

/// The operators and attributes of the region's nodes as text; values are numbered from 0 on within the region.
std::string nodes_key(const backend::RegionContext& context) {
    std::map<ir::ValueId, int> numbers;
    const auto number = [&](ir::ValueId id) {
        return id == ir::kNone ? std::string("_")
                               : std::to_string(numbers.emplace(id, static_cast<int>(numbers.size())).first->second);
    };
    std::string key;
    for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
        const ir::Node& node = context.node(i);
        ir::Graph single;
        ir::Node bare;
        bare.op = node.op;
        bare.attributes = node.attributes;
        single.add_node(bare);
        key += ir::print(single);
        for (const ir::ValueId input : node.inputs) key += number(input) + ",";
        key += ">";
        for (const ir::ValueId output : node.outputs) key += number(output) + ",";
    }
    return key;
}

/// Memory for one tensor with random content that no operator chokes on.
std::shared_ptr<std::byte> random_block(DType type, std::size_t bytes, std::uint32_t seed) {
    auto block = backend::PackedConstants::allocate(bytes);
    std::minstd_rand generator(seed + 1);
    const std::size_t count = element_bytes(type) ? bytes / element_bytes(type) : 0;
    if (!base::is_float(type) && type != DType::u8 && type != DType::i8) {
        std::fill_n(block.get(), bytes, std::byte{0});  // indices and flags
    } else {
        base::visit(type, [&]<class T>() {
            auto* data = reinterpret_cast<T*>(block.get());
            for (std::size_t i = 0; i < count; ++i) {
                const float value = static_cast<float>(generator() % 2048) / 1024.0f - 1.0f;
                if constexpr (base::is_floating<T>)
                    data[i] = static_cast<T>(value);
                else
                    data[i] = static_cast<T>(generator() % 64);
            }
        });
    }
    return block;
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

}  // namespace

std::string region_key(const backend::RegionContext& context) {
    std::string key = context.region.pattern + "|" + nodes_key(context);
    for (const ir::ValueId id : context.region.inputs) {
        key += "|" + std::string(fovea::to_string(context.dtype(id))) + base::to_string(context.shape(id));
        if (context.constant(id)) key += "c";
    }
    for (const ir::ValueId id : context.region.outputs)
        key += ">" + std::string(fovea::to_string(context.dtype(id))) + base::to_string(context.shape(id));
    return key;
}

double Tuner::time(const backend::RegionContext& context, const backend::Tactic& tactic, double best_us) {
    std::string key = std::string(backend_->target()) + "|" + std::to_string(context.threads) + "|" +
                      region_key(context) + "|" + tactic.name;
    for (const auto& list : {tactic.inputs, tactic.outputs})
        for (const backend::Layout layout : list) key += layout == backend::Layout::plain ? "p" : "c";
    if (const auto known = cache_->find(key)) return *known;
    const double microseconds = measure(context, tactic, best_us);
    cache_->insert(key, microseconds);
    return microseconds;
}

double Tuner::measure(const backend::RegionContext& context, const backend::Tactic& tactic, double best_us) {
    if (tactic.alias) return 0;
    ++measured_;
    const auto kernel = backend_->prepare(context, tactic);
    std::vector<std::shared_ptr<std::byte>> blocks;
    std::vector<const std::byte*> inputs;
    std::vector<std::byte*> outputs;
    for (std::size_t i = 0; i < context.region.inputs.size(); ++i) {
        if (const Tensor* constant = context.constant(context.region.inputs[i])) {
            inputs.push_back(constant->raw());
            continue;
        }
        const auto desc = context.input_desc(i, tactic);
        blocks.push_back(random_block(desc.dtype, desc.bytes(), static_cast<std::uint32_t>(i)));
        inputs.push_back(blocks.back().get());
    }
    for (std::size_t i = 0; i < context.region.outputs.size(); ++i) {
        blocks.push_back(backend::PackedConstants::allocate(context.output_desc(i, tactic).bytes()));
        outputs.push_back(blocks.back().get());
    }
    const auto workspace = backend::PackedConstants::allocate(kernel->workspace_bytes());
    const auto state = kernel->make_state();
    const backend::KernelArgs args{inputs.data(), outputs.data(), workspace.get(), state.get()};
    const auto once = [&] {
        const auto start = Clock::now();
        kernel->run(args);
        return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    };
    const double first = once();
    if (best_us > 0 && first > 3 * options_.hopeless * best_us) return first;
    std::vector<double> times;
    double spent = 0;
    while (static_cast<int>(times.size()) < options_.most_runs && (times.size() < 2 || spent < options_.enough_us)) {
        times.push_back(once());
        spent += times.back();
        if (best_us > 0 && times[0] > options_.hopeless * best_us) break;
    }
    return median(times);
}

}  // namespace fovea::tune
