// Copies from global to shared memory in the background.

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
