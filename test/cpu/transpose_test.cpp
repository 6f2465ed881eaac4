#include "backend/cpu/simd/transpose.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

void check(int batch, int rows, int columns, DType from, DType to, int threads) {
    const int in_pitch = columns + 3, out_pitch = rows + 2;
    Buffer input(from, std::int64_t{batch} * rows * in_pitch), output(to, std::int64_t{batch} * columns * out_pitch);
    input.randomise(1);
    transpose({batch, rows, columns, from, to, input.data(), in_pitch, std::int64_t{rows} * in_pitch, output.data(),
               out_pitch, std::int64_t{columns} * out_pitch},
              threads);
    for (int n = 0; n < batch; n++)
        for (int c = 0; c < columns; c++) {
            const std::int64_t line = (std::int64_t{n} * columns + c) * out_pitch;
            for (int r = 0; r < rows; r++) {
                float expected = input.get((std::int64_t{n} * rows + r) * in_pitch + c);
                if (to == DType::bf16) expected = base::decode_float(base::encode_float(expected, to), to);
                ASSERT_EQ(output.get(line + r), expected) << r << ", " << c;
            }
            ASSERT_TRUE(std::isnan(output.get(line + rows)));
        }
}

TEST(Transpose, SwapsAxesAndConverts) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType from : {DType::f32, DType::bf16})
            for (const DType to : {DType::f32, DType::bf16})
                for (const int threads : {1, 2}) {
                    check(1, 1, 1, from, to, threads);
                    check(2, 3, 100, from, to, threads);
                    check(1, 64, 201, from, to, threads);
                    check(2, 47, 33, from, to, threads);
                    check(1, 200, 3, from, to, threads);
                }
    }
}

TEST(Convert, RoundsToNearestAndKeepsPitches) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (const DType to : {DType::f32, DType::bf16})
            for (const int columns : {1, 16, 77, 5000}) {
                Buffer input(DType::f32, std::int64_t{4} * (columns + 1)), output(to, std::int64_t{4} * (columns + 2));
                input.randomise(3);
                input.set(0, INFINITY);
                convert({4, columns, DType::f32, to, input.data(), columns + 1, output.data(), columns + 2}, 2);
                for (int r = 0; r < 4; r++) {
                    for (int c = 0; c < columns; c++) {
                        const float x = input.get(r * (columns + 1) + c);
                        ASSERT_EQ(output.get(r * (columns + 2) + c),
                                  to == DType::f32 ? x : base::decode_float(base::encode_float(x, to), to));
                    }
                    ASSERT_TRUE(std::isnan(output.get(r * (columns + 2) + columns)));
                }
            }
        Buffer nan(DType::f32, 20), rounded(DType::bf16, 20);
        convert({1, 20, DType::f32, DType::bf16, nan.data(), 20, rounded.data(), 20}, 1);
        for (int i = 0; i < 20; i++) ASSERT_TRUE(std::isnan(rounded.get(i)));
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
