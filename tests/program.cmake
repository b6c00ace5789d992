# The whole program, from the shell and as the readers of its files see it: ctest -L program

set(unspot_quick "")
if(UNSPOT_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(unspot_quick "UNSPOT_QUICK=1")
endif()

# tests/FILE, run in a folder of its own.
function(unspot_program_test name file)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}.d)
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${file}
        WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}.d)
    set_tests_properties(${name} PROPERTIES LABELS program SKIP_RETURN_CODE 77 TIMEOUT 600
        ENVIRONMENT "${test_environment};${unspot_quick}")
endfunction()

# Makes files fail where the program is run with it preloaded.
add_library(fault_shim MODULE fault_shim.c)
target_compile_options(fault_shim PRIVATE -Wall -Wextra -Wno-frame-address)
target_link_libraries(fault_shim PRIVATE ${CMAKE_DL_LIBS})
list(APPEND test_environment "UNSPOT_FAULT_SHIM=$<TARGET_FILE:fault_shim>")

unspot_program_test(usage program_usage.sh)
unspot_program_test(badinput program_badinput.sh)
unspot_program_test(interrupt program_interrupt.sh)
unspot_program_test(threads program_threads.sh)
unspot_program_test(batch program_batch.sh)
unspot_program_test(ranks program_ranks.sh)
unspot_program_test(defects program_defects.sh)
unspot_program_test(accuracy program_accuracy.sh)
unspot_program_test(readers readers.py)
# Whether the compiler refuses includes that run upward.
add_test(NAME rooms COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/rooms.py ${PROJECT_BINARY_DIR})
add_test(NAME rooms_picture COMMAND ${PROJECT_SOURCE_DIR}/ci/rooms --check --build ${PROJECT_BINARY_DIR})
set_tests_properties(rooms rooms_picture PROPERTIES LABELS program)
unspot_program_test(mps program_mps.sh)
unspot_program_test(slurm program_slurm.sh)
unspot_program_test(gpu program_gpu.sh)
set_tests_properties(ranks slurm PROPERTIES RUN_SERIAL TRUE) # they catch a run in the middle

# Of the preset llvm-nvptx: its images on a mock of the driver, and the check of its kernels.
if(UNSPOT_OFFLOAD STREQUAL "nvptx" AND CMAKE_C_COMPILER_LAUNCHER)
    unspot_program_test(mockdriver program_mockdriver.sh)
    list(JOIN UNSPOT_OFFLOAD_FLAGS " " device_flags)
    unspot_program_test(check_device check_device.sh)
    set_property(TEST check_device APPEND PROPERTY ENVIRONMENT
        "UNSPOT_COMPILE_DEVICE=${CMAKE_C_COMPILER_LAUNCHER} ${CMAKE_C_COMPILER} ${device_flags}")
endif()
