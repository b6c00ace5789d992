# GCC 12. -foffload=disable: a CPU build must not need the offload compilers that may be installed beside it.
set(CMAKE_C_COMPILER gcc-12)
set(CMAKE_C_FLAGS_INIT "-foffload=disable")
