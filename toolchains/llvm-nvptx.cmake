# LLVM with images for NVIDIA GPUs: clang 19 (16 to 18 accept the flags; 22 in Debian comes without the device's
# runtime). One binary holds images for sm_80 (A100) and sm_90 (H100, H200). Nothing of CUDA is linked; its
# toolkit is needed to build: ptxas, nvlink and libdevice.
#
# CUDA 13's tools write images of a new ABI, which libomptarget before version 21 refuses without a word: with
# CUDA 13 or later the program is linked with LLVM 22's libomptarget, which serves programs of clang 19.
set(CMAKE_C_COMPILER clang-19)
set(llvm_libdir /usr/lib/llvm-19/lib)
set(omptarget_libdir /usr/lib/llvm-22/lib)

foreach(folder "$ENV{CUDA_HOME}" "$ENV{CUDA_PATH}" /usr/local/cuda)
    if(NOT cuda AND EXISTS "${folder}/bin/ptxas" AND EXISTS "${folder}/nvvm/libdevice")
        set(cuda "${folder}")
    endif()
endforeach()
if(NOT cuda)
    message(FATAL_ERROR "no CUDA toolkit with ptxas and libdevice in $CUDA_HOME, $CUDA_PATH, /usr/local/cuda")
endif()
execute_process(COMMAND "${cuda}/bin/ptxas" --version OUTPUT_VARIABLE cuda_version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "release ([0-9.]+)" cuda_version "${cuda_version}")
set(cuda_version "${CMAKE_MATCH_1}")

# Unrolled loops take so many registers that few teams fit on a multiprocessor, and some spill.
set(device_code -Xarch_device -fno-unroll-loops -Wno-unused-command-line-argument) # the linker has no use for it
set(UNSPOT_OFFLOAD nvptx)
set(UNSPOT_OFFLOAD_FLAGS -fopenmp --offload-arch=sm_80,sm_90 "--cuda-path=${cuda}"
    "--libomptarget-nvptx-bc-path=${llvm_libdir}" ${device_code})
if(cuda_version VERSION_GREATER_EQUAL 13)
    if(NOT EXISTS "${omptarget_libdir}/libomptarget.so")
        message(FATAL_ERROR "CUDA ${cuda_version} in ${cuda} needs LLVM 22's libomptarget: install liboffload-22-dev, "
            "or set CUDA_HOME to a toolkit of CUDA 12")
    endif()
    set(UNSPOT_OFFLOAD_LIBDIR "${omptarget_libdir}")
endif()

# Ends the build at a kernel that would be slow.
set(CMAKE_C_COMPILER_LAUNCHER "${CMAKE_CURRENT_LIST_DIR}/check-device")
