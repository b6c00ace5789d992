#!/usr/bin/env bash
# toolchains/check-device, the compiler launcher of llvm-nvptx, ends the build where it should and only there.
# UNSPOT_COMPILE_DEVICE: the launcher, the compiler and its flags.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; a command of words
. "$(dirname "$0")/program_lib.sh"
: "${UNSPOT_COMPILE_DEVICE:?}"

compile()
{
    $UNSPOT_COMPILE_DEVICE -O3 -Wall -c "$1.c" -o "$1.o"
}

# refused NAME: the compilation fails, its messages in log.NAME, and leaves no object
refused()
{
    compile "$1" 2>"log.$1" && return 1
    cat "log.$1"
    [ ! -e "$1.o" ]
}

cat >good.c <<'EOF'
void good(double *a, int n)
{
#pragma omp target teams distribute parallel for is_device_ptr(a)
    for (int i = 0; i < n; i++) a[i] += 1;
}
EOF
cat >generic.c <<'EOF'
void elsewhere(double *a);
void generic(double *a, int n)
{
#pragma omp target teams distribute is_device_ptr(a)
    for (int i = 0; i < n; i++) {
        elsewhere(a);
#pragma omp parallel for
        for (int k = 0; k < n; k++) a[i * n + k] += 1;
    }
}
EOF
# 200 numbers in use at once
cat >spilled.c <<'EOF'
void spilled(double *a, const double *b, int n)
{
#pragma omp target teams distribute parallel for is_device_ptr(a, b)
    for (int i = 0; i < n; i++) {
        double x[200], sum = 0;
#pragma unroll
        for (int k = 0; k < 200; k++) x[k] = b[i * 200 + k];
        for (int round = 0; round < n; round++) {
#pragma unroll
            for (int k = 0; k < 200; k++) x[k] = x[(7 * k + 3) % 200] * x[k] + b[round];
        }
#pragma unroll
        for (int k = 0; k < 200; k++) sum += x[k];
        a[i] = sum;
    }
}
EOF
echo 'int warned(void) { int unused; return 0; }' >warned.c
echo 'spilled 1000000 to see that it may' >allowed

check_quiet 'a good kernel' compile good
for arch in sm_80 sm_90; do
    check "a good kernel: registers for $arch" grep -qE "^good_l3 $arch [1-9][0-9]* 0 0 0\$" good.o.kernels
done
check 'a generic kernel' refused generic
check 'a generic kernel: why' grep -q '\[OMP121\]' log.generic
check 'a generic kernel: says so' grep -q 'check-device: generic.o: .*generic mode' log.generic
check 'spilled registers' refused spilled
for arch in sm_80 sm_90; do
    check "spilled registers: why, $arch" grep -q "spilled_l3 for $arch spills [1-9][0-9]* bytes" log.spilled
done
CHECK_DEVICE_ALLOWED=allowed check 'spilled registers, allowed' compile spilled
check 'a warning is no error' compile warned
mv log.check log.warned
check 'a warning is passed on' grep -q 'unused variable' log.warned
finish
