# LLVM, the main compiler: clang 19.
set(CMAKE_C_COMPILER clang-19)
