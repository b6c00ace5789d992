# Intel's oneAPI compiler, 2024.0 or later, for Intel's GPUs. Not verified here: written from its documentation.
set(CMAKE_C_COMPILER icx)
set(UNSPOT_OFFLOAD spir64)
set(UNSPOT_OFFLOAD_FLAGS -fiopenmp -fopenmp-targets=spir64)
