#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fovea {
class Plan;
}

namespace fovea::cli {

/// One kernel of a plan as readers see it.
struct KernelRow {
    std::vector<std::string> nodes;  ///< the user's nodes
    std::vector<std::string> operators;
    std::string type;  ///< that it computes in
    std::string pattern, tactic;
    std::string output;  ///< name of the first output
    std::string reason;  ///< why not as asked, or why it exists; empty otherwise
    double flops = 0, bytes = 0, microseconds = 0;
    bool alias = false;  ///< a view: nothing runs
    /// Tactics dropped because their results were wrong, and what was found.
    std::vector<std::pair<std::string, std::string>> wrong;

    /// The nodes in one line: all of them, or the first and last and how many lie between.
    [[nodiscard]] std::string label() const;
};

/// A tensor by name, type and shape, as text.
struct TensorRow {
    std::string name, type, shape;
};

struct EvidenceRow {
    std::string subject, checked;
    double max_error = 0, snr_db = 0, tolerance = 0;
};

/// A target section as readers see it.
struct TargetView {
    std::string backend, target;
    int threads = 0;
    std::vector<KernelRow> kernels;
    std::string gate;  ///< "off", "boxes", "full"
    std::vector<EvidenceRow> kernel_evidence, output_evidence;
    std::string launched;                                      ///< how the kernels of a device follow each other
    std::vector<std::pair<std::string, double>> launching_us;  ///< every way that was timed
    std::vector<std::string> launching_wrong;                  ///< those that gave wrong outputs
};

struct PlanView {
    std::string precision;
    bool has_contract = false;
    std::vector<TensorRow> inputs, outputs;
    std::vector<std::string> profiles;  ///< "image 1x3x128x256 to 8x3x384x768, best at 1x3x256x512"
    std::vector<TargetView> targets;
};

PlanView view(const Plan& plan);

/// "inputs", "outputs", "profile" lines.
std::string describe_interface(const PlanView& view);

/// The precision contract: kernels, FLOPs, bytes and measured time by type, then the `rows` kernels that take longest
/// (0: all, in order), then the reasons for what is not as asked.
std::string precision_table(const TargetView& target, std::size_t rows, int width);

/// What the numerics gate found, in a line for the kernels and one for each output.
std::string certificate_text(const TargetView& target);

}  // namespace fovea::cli
