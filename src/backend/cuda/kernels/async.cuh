// Copies from global to shared memory in the background, and what the blocks of a cluster share.

/// Copies `kBytes` to shared memory; zeros when `valid` is false. Pieces of 2 bytes are copied at once.
template <int kBytes>
DEVICE void copy_async(u32 target, const void* source, bool valid) {
    const int bytes = valid ? kBytes : 0;
    if constexpr (kBytes == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source), "r"(bytes) : "memory");
    } else if constexpr (kBytes >= 4) {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(target), "l"(source), "n"(kBytes), "r"(bytes)
                     : "memory");
    } else {
        const u16 value = valid ? *static_cast<const u16*>(source) : u16(0);
        asm volatile("st.shared.u16 [%0], %1;" ::"r"(target), "h"(value) : "memory");
    }
}

DEVICE void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kLeft>
DEVICE void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

DEVICE void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// Reads floats from address `local` of the shared memory of block `block` of the cluster.
template <int N>
DEVICE void load_from_block(float (&x)[N], u32 local, int block) {
#if __CUDA_ARCH__ >= 900
    u32 remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(block));
    if constexpr (N % 4 == 0) {
#pragma unroll
        for (int i = 0; i < N; i += 4)
            asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                         : "=f"(x[i]), "=f"(x[i + 1]), "=f"(x[i + 2]), "=f"(x[i + 3])
                         : "r"(remote + 4 * i)
                         : "memory");
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i)
            asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(x[i]) : "r"(remote + 4 * i) : "memory");
    }
#endif
}
