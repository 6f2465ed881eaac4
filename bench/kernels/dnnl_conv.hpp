#pragma once

#include <dnnl.hpp>
#include <memory>
#include <vector>

namespace fovea::bench {

struct ConvShape {
    int n, c, h, w, k, kernel, stride, pad, groups;
    [[nodiscard]] int out(int size) const { return (size + 2 * pad - kernel) / stride + 1; }
    [[nodiscard]] double flops() const { return 2.0 * n * out(h) * out(w) * k * (c / groups) * kernel * kernel; }
};

/// oneDNN's convolution with bias and ReLU in the layouts that it likes best.
class DnnlConv {
  public:
    DnnlConv(const ConvShape& s, dnnl::memory::data_type type) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
        using namespace dnnl;
        using tag = memory::format_tag;
        const memory::dims weights = s.groups > 1
                                         ? memory::dims{s.groups, s.k / s.groups, s.c / s.groups, s.kernel, s.kernel}
                                         : memory::dims{s.k, s.c, s.kernel, s.kernel};
        post_ops ops;
        ops.append_eltwise(algorithm::eltwise_relu, 0, 0);
        primitive_attr attr;
        attr.set_post_ops(ops);
        const convolution_forward::primitive_desc pd(
            engine_, prop_kind::forward_inference, algorithm::convolution_direct,
            {{s.n, s.c, s.h, s.w}, type, tag::any}, {weights, type, tag::any}, {{s.k}, memory::data_type::f32, tag::a},
            {{s.n, s.k, s.out(s.h), s.out(s.w)}, type, tag::any}, {s.stride, s.stride}, {s.pad, s.pad}, {s.pad, s.pad},
            attr);
        primitive_ = convolution_forward(pd);
        arguments_ = {{DNNL_ARG_SRC, memory(pd.src_desc(), engine_)},
                      {DNNL_ARG_WEIGHTS, memory(pd.weights_desc(), engine_)},
                      {DNNL_ARG_BIAS, memory(pd.bias_desc(), engine_)},
                      {DNNL_ARG_DST, memory(pd.dst_desc(), engine_)}};
        for (auto& [id, m] : arguments_) std::memset(m.get_data_handle(), 0, m.get_desc().get_size());
    }
    void run() {
        primitive_.execute(stream_, arguments_);
        stream_.wait();
    }

  private:
    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::convolution_forward primitive_;
    std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace fovea::bench
