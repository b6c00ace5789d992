# Test doubles of the libraries of CUDA 13 and 12, each in a folder of its own, by their sonames.
function(fake_library cuda library version)
    add_library(fake_${library}_${cuda} MODULE fake_${library}.c)
    target_link_libraries(fake_${library}_${cuda} PRIVATE unspot_flags unspot_linalg_cuda_inside PkgConfig::LAPACKE PkgConfig::OPENBLAS)
    target_compile_definitions(fake_${library}_${cuda} PRIVATE FAKE_CUDA=${cuda})
    set_target_properties(fake_${library}_${cuda} PROPERTIES OUTPUT_NAME ${library} SUFFIX .so.${version}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fake_cuda_${cuda})
endfunction()

fake_library(13 cudart 13)
fake_library(13 cublas 13)
fake_library(13 cusolver 12)
fake_library(12 cudart 12)
fake_library(12 cublas 12)
fake_library(12 cusolver 11)

set_tests_properties(linalg_cuda PROPERTIES SKIP_RETURN_CODE 77)

# They work on the host's memory: where a device has another one, the tests use the libraries that are there.
if(UNSPOT_OFFLOAD STREQUAL "" OR UNSPOT_OFFLOAD STREQUAL "x86_64")
    foreach(name linalg_accuracy linalg_failures linalg_interface linalg_cuda band)
        set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
            UNSPOT_CUDA_LIBDIR=${CMAKE_CURRENT_BINARY_DIR}/fake_cuda_13)
    endforeach()
    foreach(name linalg_accuracy linalg_failures linalg_interface)
        add_test(NAME ${name}_cuda12 COMMAND test_${name} cuda)
        set_tests_properties(${name}_cuda12 PROPERTIES ENVIRONMENT
            "${test_environment};UNSPOT_CUDA_LIBDIR=${CMAKE_CURRENT_BINARY_DIR}/fake_cuda_12")
    endforeach()
endif()

# unspot's prototypes against NVIDIA's, where those are.
find_path(CUDA_HEADERS cusolverDn.h HINTS /usr/local/cuda/include)
if(CUDA_HEADERS)
    add_library(cuda_headers OBJECT cuda_headers.c)
    target_link_libraries(cuda_headers PRIVATE unspot_flags unspot_linalg_cuda_inside)
    target_include_directories(cuda_headers SYSTEM PRIVATE ${CUDA_HEADERS})
endif()
