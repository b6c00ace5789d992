# Writes OUT, a header with the version, the git hash ("+" when the tree has changes) and how it was built.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE hash
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
    set(hash "unknown")
else()
    execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD RESULT_VARIABLE changed ERROR_QUIET)
    if(changed)
        string(APPEND hash "+")
    endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#define UNSPOT_VERSION    "@VERSION@"
#define UNSPOT_GIT_HASH   "@hash@"
#define UNSPOT_COMPILER   "@COMPILER@"
#define UNSPOT_BUILD_TYPE "@BUILD_TYPE@"
#define UNSPOT_ARCH       "@ARCH@"
#define UNSPOT_SANITIZE   "@SANITIZE@"
]] @ONLY)
