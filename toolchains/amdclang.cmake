# AMD's clang of ROCm 6.0 or later, for gfx90a (MI200). Not verified here: written from its documentation.
set(CMAKE_C_COMPILER amdclang)
set(UNSPOT_OFFLOAD amdgcn)
set(UNSPOT_OFFLOAD_FLAGS -fopenmp --offload-arch=gfx90a)
