# GCC 12 with images for NVIDIA GPUs: gcc-12-offload-nvptx. The image is PTX, which the driver compiles. -misa:
# the default, sm_35, is unknown to the ptxas of CUDA 12 and later, which GCC runs when it finds it. -lm goes to
# the device's linker. Its device compiler has no 512-bit vectors: the host's must not be tuned for AVX-512.
set(CMAKE_C_COMPILER gcc-12)
set(UNSPOT_OFFLOAD nvptx)
set(UNSPOT_OFFLOAD_FLAGS -fopenmp -foffload=nvptx-none -foffload-options=nvptx-none=-misa=sm_80
    -foffload-options=nvptx-none=-lm)
