# NVIDIA HPC SDK, 23.1 or later. Not verified here: written from its documentation.
set(CMAKE_C_COMPILER nvc)
set(UNSPOT_OFFLOAD nvptx)
set(UNSPOT_OFFLOAD_FLAGS -mp=gpu -gpu=cc80,cc90)
