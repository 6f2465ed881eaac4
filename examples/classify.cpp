// Builds a plan from an ONNX model, runs it once, and prints the largest value of the first output.
#include <algorithm>
#include <cstdio>
#include <fovea/fovea.hpp>

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s MODEL.onnx\n", argv[0]);
        return 2;
    }
    const fovea::Plan plan = fovea::Builder(argv[1]).precision(fovea::DType::f32).build();
    const fovea::Engine engine(plan);                // immutable, shared by all threads
    fovea::Context context = engine.make_context();  // one per thread

    const fovea::TensorInfo& input = engine.inputs()[0];
    fovea::TensorView view{input.dtype, input.shape, nullptr};
    std::vector<float> pixels(view.size(), 0.5f);
    view.data = pixels.data();
    context.bind(input.name, view);
    context.run();

    const auto result = context.output(engine.outputs()[0].name).as<float>();
    const auto best = std::max_element(result.begin(), result.end());
    std::printf("%zu values, the largest is number %td: %g\n", result.size(), best - result.begin(), *best);
} catch (const fovea::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
}
