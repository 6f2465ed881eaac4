// Buffers in shared memory between warps that load and warps that multiply, under barriers.

DEVICE void barrier_init(u32 barrier, int count) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(count));
}
DEVICE void barrier_arrive(u32 barrier) { asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory"); }
DEVICE void barrier_wait(u32 barrier, u32 parity) {
    asm volatile(
        "{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n@!done bra again;\n}" ::"r"(
            barrier),
        "r"(parity)
        : "memory");
}

/// A ring of buffers between loading and multiplying warps, and one side's place in it. A buffer's barriers are `full`
/// and, behind those of all buffers, `empty`.
template <int kBuffers>
struct Ring {
    u32 barriers;
    int at = 0;
    u32 parity = 0;

    DEVICE u32 full() const { return barriers + 8 * at; }
    DEVICE u32 empty() const { return barriers + 8 * (kBuffers + at); }
    DEVICE void next() {
        if (++at == kBuffers) {
            at = 0;
            parity ^= 1;
        }
    }
};
