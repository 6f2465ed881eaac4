#include "backend/cpu/simd/attention.hpp"

#include "backend/cpu/simd/tile_attention.hpp"
#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

struct Case {
    std::int64_t batch, heads, queries, keys, width, value_width;
    bool bias;
    DType type;
};

/// [batch][row][head][element], as projections leave it, with a gap behind the heads.
struct Rows {
    Rows(DType type, const Case& c, std::int64_t rows, std::int64_t width)
        : step(c.heads * width + 3), rows(rows), width(width), buffer(type, c.batch * rows * step) {}
    [[nodiscard]] std::int64_t at(std::int64_t n, std::int64_t h, std::int64_t row, std::int64_t i) const {
        return (n * rows + row) * step + h * width + i;
    }
    [[nodiscard]] Attention::Operand operand() const { return {buffer.data(), rows * step, width, step}; }
    std::int64_t step, rows, width;
    Buffer buffer;
};

void check(const Case& c, DType multiply, int threads, bool tiles = false) {
    Rows q(c.type, c, c.queries, c.width), k(c.type, c, c.keys, c.width), v(c.type, c, c.keys, c.value_width),
        y(c.type, c, c.queries, c.value_width);
    q.buffer.randomise(1), k.buffer.randomise(2), v.buffer.randomise(3);
    Buffer bias(DType::f32, c.heads * c.queries * c.keys);
    bias.randomise(4);
    for (std::int64_t i = 0; i < bias.size(); i += 3)
        if (i % c.keys != 0) bias.set(i, -INFINITY);
    // A query that sees no key.
    for (std::int64_t key = 0; c.queries > 1 && key < c.keys; key++) bias.set(c.keys + key, -INFINITY);
    Attention a{c.batch, c.heads,  c.queries,   c.keys,      c.width,    c.value_width,
                c.type,  multiply, q.operand(), k.operand(), v.operand()};
    if (c.bias) a.bias = {bias.data(), 0, c.queries * c.keys, c.keys};
    a.output = y.buffer.data(), a.output_batch_step = c.queries * y.step, a.output_head_step = c.value_width,
    a.output_row_step = y.step;
    a.scale = 2.5f;
    const std::size_t bytes = tiles ? tile_attention_workspace(a, threads) : attention_workspace(a, threads);
    Buffer workspace(DType::f32, static_cast<std::int64_t>(bytes / 4));
    tiles ? tile_attention(a, workspace.data(), threads) : attention(a, workspace.data(), threads);
    ErrorMeasure error;
    for (std::int64_t n = 0; n < c.batch; n++)
        for (std::int64_t h = 0; h < c.heads; h++)
            for (std::int64_t row = 0; row < c.queries; row++) {
                std::vector<double> p;
                double sum = 0;
                for (std::int64_t key = 0; key < c.keys; key++) {
                    double score = 0;
                    for (std::int64_t i = 0; i < c.width; i++)
                        score +=
                            static_cast<double>(q.buffer.get(q.at(n, h, row, i))) * k.buffer.get(k.at(n, h, key, i));
                    p.push_back(std::exp(2.5 * score + (c.bias ? bias.get((h * c.queries + row) * c.keys + key) : 0)));
                    sum += p.back();
                }
                for (std::int64_t i = 0; i < c.value_width; i++) {
                    double value = 0;
                    for (std::int64_t key = 0; key < c.keys; key++)
                        value += p[static_cast<std::size_t>(key)] * v.buffer.get(v.at(n, h, key, i));
                    error.add(y.buffer.get(y.at(n, h, row, i)), sum == 0 ? 0 : value / sum);
                }
            }
    EXPECT_LE(error.value(), multiply == DType::bf16 ? 8e-3 : tolerance(c.type, 2e-5));
    EXPECT_TRUE(std::isnan(y.buffer.get(y.step - 1)));
}

TEST(Attention, MatchesItsDefinition) {
    using enum DType;
    const Case cases[] = {
        {1, 1, 1, 1, 1, 1, false, f32},      {2, 3, 29, 50, 32, 32, false, f32},  {1, 2, 7, 401, 17, 40, false, f32},
        {1, 2, 15, 1000, 64, 64, true, f32}, {2, 2, 30, 33, 32, 32, false, bf16}, {1, 3, 16, 850, 20, 70, true, bf16},
        {1, 1, 5, 3, 128, 16, true, f32},    {2, 2, 30, 33, 33, 32, false, f16},  {1, 3, 16, 850, 20, 70, true, f16},
    };
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const Case& c : cases) {
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            check(c, f32, 1), check(c, f32, 2);
            if (c.type == bf16 && target_has_bf16_products()) check(c, bf16, 2);
        }
    }
}

TEST(Attention, MatchesItsDefinitionOnTiles) {
    using enum DType;
    const Case cases[] = {
        {1, 1, 1, 1, 1, 1, false, bf16},       {2, 2, 30, 33, 32, 32, false, bf16}, {1, 3, 16, 850, 20, 70, true, bf16},
        {1, 1, 100, 512, 32, 32, false, bf16}, {1, 2, 70, 257, 64, 64, true, bf16}, {1, 1, 5, 3, 128, 16, true, bf16},
    };
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const Case& c : cases) {
            SCOPED_TRACE(testing::Message() << target_name() << " case " << &c - cases);
            check(c, bf16, 1, true), check(c, bf16, 3, true);
        }
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
