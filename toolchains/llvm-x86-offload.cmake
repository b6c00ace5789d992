# LLVM with a copy of the host's processor as OpenMP device: clang 19 with its libomptarget. Maps, copies and
# launches are real, so that errors in them show on machines without a GPU; it is for tests, not for speed.
set(CMAKE_C_COMPILER clang-19)
set(UNSPOT_OFFLOAD x86_64)
set(UNSPOT_OFFLOAD_FLAGS -fopenmp -fopenmp-targets=x86_64-pc-linux-gnu)
set(UNSPOT_OFFLOAD_LIBDIR /usr/lib/llvm-19/lib)
