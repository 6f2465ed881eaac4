// Blocks of one cluster that share the depth of a tile, for conv.cuh and warpgroup.cuh. Needs kSplit.

/// Sums of one tile that lie in the shared memory of every block of the cluster, added in the blocks' order.
template <int N>
DEVICE void add_cluster(float (&x)[N], const float* sums) {
#if __CUDA_ARCH__ >= 900
    constexpr int kLoad = N % 4 == 0 ? 4 : N % 2 == 0 ? 2 : 1;
    const u32 local = shared_address(sums);
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = 0;
#pragma unroll
    for (int block = 0; block < kSplit; ++block) {
        u32 remote;
        asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(block));
#pragma unroll
        for (int i = 0; i < N; i += kLoad) {
            float value[4];
            if constexpr (kLoad == 4)
                asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                             : "=f"(value[0]), "=f"(value[1]), "=f"(value[2]), "=f"(value[3])
                             : "r"(remote + 4 * i));
            else if constexpr (kLoad == 2)
                asm volatile("ld.shared::cluster.v2.f32 {%0, %1}, [%2];"
                             : "=f"(value[0]), "=f"(value[1])
                             : "r"(remote + 4 * i));
            else
                asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value[0]) : "r"(remote + 4 * i));
#pragma unroll
            for (int k = 0; k < kLoad; ++k) x[i + k] += value[k];
        }
    }
#endif
}
