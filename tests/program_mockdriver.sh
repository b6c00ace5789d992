#!/usr/bin/env bash
# The program of the preset llvm-nvptx on a mock of the CUDA driver, which takes images and launches, logs them and
# runs nothing: whether the images for sm_80 and sm_90 are accepted, what is said where none fits, and how many
# launches and copies a bundle costs. Its spectra mean nothing. The mock, ../shared/tools/mockcuda.c, is not part of
# the project; where it is absent this test is skipped.
# shellcheck source=tests/program_lib.sh disable=SC2317 # functions run through `check`
. "$(dirname "$0")/program_lib.sh"

# What one more bundle of 25 fibers and 101 wavelengths may cost, at most, where it is a batch of its own: spots,
# overlaps, and seven or more launches for each shape of patch. Bundles that fit side by side cost nothing more.
readonly launches=20 uploads=12 downloads=14

mock=$(realpath -m "$tests/../../shared/tools/mockcuda.c")
[ -f "$mock" ] || skip_all "no mock of the CUDA driver: $mock"
mkdir driver out
{
    cc -c -w -fPIC -DcuLaunchKernel=mock_launch "$mock" -o driver/mock.o &&
        cc -shared -fPIC -I "$tests/../src" -Wl,-soname,libcuda.so.1 "$tests/mock_probe.c" driver/mock.o \
            -o driver/libcuda.so.1 && ln -s libcuda.so.1 driver/libcuda.so
} || exit 1

# on_mock CC COMMAND...: with a GPU of compute capability CC/10
on_mock()
{
    env LD_LIBRARY_PATH="$work/driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" OMP_TARGET_OFFLOAD=MANDATORY \
        MOCK_CC="$1" "${@:2}"
}

# --- images: an image's e_flags say for which GPU it is
takes_gpu()
{
    on_mock "$1" "$UNSPOT" info >"log.$1" 2>&1 || return
    cat "log.$1"
    grep -q '^device *auto takes 0: MockGPU0' "log.$1" && grep -q 'cuModuleLoadData' "log.$1" &&
        grep -q 'cuLaunchKernel.* block 64,' "log.$1"
}
check 'sm_80: image accepted, kernel launched' takes_gpu 80
check 'sm_90: image accepted, kernel launched' takes_gpu 90
for cc in 80 90; do
    grep -o 'e_flags.*' log.$cc >flags.$cc
    check "sm_$cc: which image" test -s flags.$cc
done
check 'sm_80 and sm_90: an image each' bash -c '! cmp -s flags.80 flags.90'

small_team()
{
    MOCK_SMALL_TEAM=1 on_mock 80 "$UNSPOT" info >log.small 2>&1 || return
    cat log.small
    grep -q 'auto takes the CPU: .*starts 63 threads where a team of 64 is asked for' log.small
}
check 'a device whose teams are too small: refused' small_team

no_image()
{
    on_mock 75 "$UNSPOT" info >log.75 2>&1 || return
    cat log.75
    grep -q 'auto takes the CPU: the driver sees 1 GPU .*sm_75.*refused this program.s images' log.75 &&
        ! grep -q 'cuLaunchKernel' log.75
}
check 'sm_75: no image, and the reason' no_image

small_image 50 "$grid"
extract_on()
{
    on_mock "$1" "$UNSPOT" extract -i im.fits -p psf.fits -o "out/$2.fits" -w "$grid" "${@:3}"
}
MOCK_LOG=0 expect_fail 'sm_75: --device gpu' 1 "--device gpu: .*sm_75.*refused this program's images" \
    extract_on 75 none --device gpu

# --- the cost of a bundle: the difference between two bundles and one. The exit status tells nothing, as results
# are not computed; but no signal may end the program.
# calls NSPEC CC MEMORY: log.NSPEC.CC
calls()
{
    local status=0
    UNSPOT_DEVICE_MEMORY=$3 extract_on "$2" "$1.$2" -n "$1" --device gpu --threads 1 \
        >"log.$1.$2" 2>&1 || status=$?
    [ "$status" -le 1 ] || { tail -n 5 "log.$1.$2"; return 1; }
}

# costs NAME CALL LIMIT CC: calls of that name for the second bundle: some, and no more than LIMIT
costs()
{
    local one two
    one=$(grep -c "^\[mock\] $2" "log.25.$4")
    two=$(grep -c "^\[mock\] $2" "log.50.$4")
    echo "sm_$4: $1: $one for a bundle, $two for two"
    [ "$two" -gt "$one" ] && [ "$two" -le $((one + $3)) ]
}

for cc in 80 90; do
    check "sm_$cc: one bundle" calls 25 $cc 350M # so that the other is a batch of its own
    check "sm_$cc: two bundles" calls 50 $cc 350M
    for cost in "launches cuLaunchKernel $launches" "uploads HtoDAsync $uploads" "downloads DtoHAsync $downloads"; do
        # shellcheck disable=SC2086 # three words
        check "sm_$cc: $cost at most" costs $cost $cc
        cat log.check
    done
done
finish
