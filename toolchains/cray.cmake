# Cray's compiler, CCE 15 or later, by its wrapper cc: `module load PrgEnv-cray craype-accel-nvidia80` chooses the
# device. Not verified here: written from its documentation.
set(CMAKE_C_COMPILER cc)
set(UNSPOT_OFFLOAD nvptx)
set(UNSPOT_OFFLOAD_FLAGS -fopenmp)
