#!/usr/bin/env bash
# Command lines: help, and every mistake is one line on stderr and exit status 2.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
mkdir out
small_image 25 $grid

# help_of NAME REGEX COMMAND...: exit status 0, all on stdout
help_of()
{
    local name=$1 regex=$2 got
    shift 2
    "$@" >log.stdout 2>log.stderr
    got=$?
    if [ $got -ne 0 ] || [ -s log.stderr ] || ! grep -qE -- "$regex" log.stdout; then
        fail "$name: status $got, wanted 0 and $regex on stdout" log.stdout log.stderr
    else
        pass
    fi
}

for option in --help -h help; do
    for command in extract tasks batch make-psf simulate compare info; do
        help_of "unspot $option names $command" "^ +$command " "$UNSPOT" "$option"
    done
done
help_of "version" '^unspot [0-9]+\.[0-9]+\.[0-9]+ \([0-9a-f]+\+?\)$' "$UNSPOT" --version
for command in extract tasks batch make-psf simulate compare info; do
    help_of "$command --help" "^Usage: unspot $command" "$UNSPOT" $command --help
done
help_of "info" '^compiler ' "$UNSPOT" info
for option in '-i, --input' '-p, --psf' '-o, --output' '-m, --model' '-w, --wavelength' '-s, --specmin' \
    '-n, --nspec' '-r, --regularize' --bundlesize --nsubbundles --nwavestep --wavepad --wavepad-frac \
    --pixpad-frac --psferr --bad2dfit --loglevel --threads --patch --solver --device --timing --progress; do
    help_of "extract --help names $option" "^ +$option=[A-Z]" "$UNSPOT" extract --help
done

# The man page says the same as --help: a section of each command names its options, in bold and as a whole.
manual=$tests/../src/unspot.1
for command in extract tasks batch make-psf simulate compare; do
    sed -n "/^\.SH OPTIONS OF ${command^^}/,/^\\.SH/p" "$manual" >section
    "$UNSPOT" $command --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' |
        grep -vE -- '--(help|usage)$' >options
    check "$command --help has options" test -s options
    while read -r option; do
        check "the man page names $command $option" grep -qE -- "^(\.BR? .*|\\\\-.*|)${option//-/\\\\-}( |$)" section
    done <options
done

wrong() # REGEX COMMAND...
{
    local regex=$1
    shift
    expect_fail "unspot $*" 2 "$regex" "$UNSPOT" "$@"
}

wrong 'a command is missing'
wrong 'bake: unknown command' bake
wrong '--bake: unknown command' --bake
for command in extract tasks batch make-psf simulate compare info; do
    wrong '--nonsense: unknown option' $command --nonsense
done
wrong '"more": unexpected argument' info more
wrong '--input is missing' extract
wrong '--input is missing' extract -p psf.fits -o out/f.fits
wrong '--psf is missing' extract -i im.fits -o out/f.fits
wrong '--output is missing' extract -i im.fits -p psf.fits
wrong '-i: missing argument' extract -p psf.fits -o out/f.fits -i
wrong '--output is missing' make-psf
wrong '--camera q: expected b, r or z' make-psf --camera q -o out/p.fits
wrong '--camera red: expected b, r or z' make-psf --camera red -o out/p.fits
wrong '--nspec 0: expected .* 1 to 500' make-psf --nspec 0 -o out/p.fits
wrong '--nspec -5: expected .* 1 to 500' make-psf --nspec -5 -o out/p.fits
wrong '--psf is missing' simulate -o out/i.fits
wrong '--output is missing' simulate -p psf.fits
wrong '--specmin 25 .*psf.fits has fibers 0 to 24' simulate -p psf.fits -o out/i.fits -s 25
wrong '--nspec 6: .*psf.fits has fibers 0 to 24' simulate -p psf.fits -o out/i.fits -s 20 -n 6
wrong '--readnoise 0: expected .* from 0.001 to' simulate -p psf.fits -o out/i.fits --readnoise 0
wrong '--wavelength 5880,5800,0.8: .*reversed' simulate -p psf.fits -o out/i.fits -w 5880,5800,0.8
wrong '--loglevel loud: expected debug, info, warn or error' simulate -p psf.fits -o out/i.fits --loglevel loud
wrong 'too few arguments.*compare A B' compare
wrong 'a second frame or --truth' compare a.fits
wrong '--truth c.fits: not together with a second frame, b.fits' compare a.fits b.fits --truth c.fits
wrong '"c.fits": unexpected argument' compare a.fits b.fits c.fits

extract() # REGEX OPTION...: the mistake in an otherwise good command line
{
    wrong "$1" extract -i im.fits -p psf.fits -o out/f.fits "${@:2}"
}

extract '-q: unknown option' -q
extract '"more": unexpected argument' more
extract '"more": unexpected argument' -- more
extract '--output .*: the same file as --model: choose another name' -m out/f.fits
range() # MIN MAX OPTION VALUE [SHORT]: out of it; the error has the long name of what was given as SHORT
{
    extract "$3 $4: expected .* $1 to $2\$" "${5:-$3}" "$4"
}
range 0 1e.06 --specmin -1 -s
range 1 1e.06 --nspec -25 -n
range 1 1e.06 --nspec 0 -n
range 0 1e.10 --regularize -1 -r
range 0 1e.10 --regularize nan -r
range 0 1e.10 --regularize inf
range 1 10000 --bundlesize 0
range 1 10000 --bundlesize -5
range 1 10000 --nsubbundles 0
range 1 10000 --nsubbundles -5
range 1 100000 --nwavestep 0
range 1 100000 --nwavestep -5
range 0 10000 --wavepad -1
range 0 100 --wavepad-frac -0.2
range 0 1 --pixpad-frac -0.1
range 0 1 --pixpad-frac 1.5
range 0 1000 --psferr -0.5
range 0 1000 --psferr nan
range 0 4096 --threads -1
range 0 4096 --threads 100000
for words in '-s two' '-n 1.5' '-r x' '--bundlesize five' '--nsubbundles five' '--nwavestep five' '--threads many'; do
    extract "$words: invalid numeric value" $words
done
extract '-n 99999999999: .*too large' -n 99999999999
extract '--loglevel loud: expected debug, info, warn or error' --loglevel loud
extract '--solver magic: expected banded or dense' --solver magic
extract '--bad2dfit median: expected robust or desispec' --bad2dfit median
extract '--patch quilt: expected step or bundle' --patch quilt
extract '--patch bundle: .*--solver banded' --patch bundle --solver dense
extract '--backend abacus: expected lapack or ref' --backend abacus
for backend in offload cuda; do # these go with a device
    extract "--backend $backend: expected lapack or ref" --backend $backend
done
for device in cpu '' GPU -1 0x1 1.0; do
    extract "--device $device: expected auto, host, gpu or a number" --device "$device"
done
extract '--progress sometimes: expected auto, always or never' --progress sometimes

extract '--wavelength 5880,5800,0.8: .*reversed' -w 5880,5800,0.8
extract '--wavelength 5800,5880,0: .*step' -w 5800,5880,0
extract '--wavelength 5800,5880,-1: .*step' -w 5800,5880,-1
for text in '' 5800 5800,5880 '5800,5880,' red 5800,5880,x 5800,5880,0.8x 5800,5880,0.8,1 nan,5880,0.8 5800,inf,0.8 \
    5800-5880-0.8; do
    extract "--wavelength $text: expected" -w "$text"
done
extract '--wavelength 5800,5880,1e-5: .*million' -w 5800,5880,1e-5

# A device that is not there is an error before anything is read: -p names no file.
device() # REGEX COMMAND...
{
    expect_fail "${*:2}" 1 "$1" "${@:2}" extract -i im.fits -p no-psf.fits -o out/f.fits --loglevel error
}
device '--device 99999: (this build has no offloading|OpenMP has )' env UNSPOT_DEVICE=99999 "$UNSPOT"
device '--device gpu: .*(OMP_TARGET_OFFLOAD|no offloading)' env UNSPOT_DEVICE=gpu OMP_TARGET_OFFLOAD=disabled "$UNSPOT"
device 'no-psf.fits: no such file' env UNSPOT_DEVICE=host "$UNSPOT"
expect_fail 'UNSPOT_DEVICE_MEMORY=much' 2 'UNSPOT_DEVICE_MEMORY=much: expected .*bytes' \
    env UNSPOT_DEVICE_MEMORY=much "$UNSPOT" extract -i im.fits -p psf.fits -o out/f.fits

# An output must not replace an input or another output, however its name is spelled.
cp im.fits out/im.fits
cp psf.fits out/psf.fits
small=(-w "$grid" -n 25 --loglevel error)
extract '--output .*: the same file as --model: ' -m ./out/f.fits "${small[@]}"
extract '--output .*: the same file as --timing: ' --timing out/f.fits "${small[@]}"
extract '--model .*: the same file as --timing: ' -m out/m.fits --timing out/../out/m.fits "${small[@]}"
wrong '--output .*: the same file as --input: ' extract -i out/im.fits -p psf.fits -o out/im.fits "${small[@]}"
wrong '--output .*: the same file as --psf: ' extract -i im.fits -p out/psf.fits -o ./out/psf.fits "${small[@]}"
wrong '--output .*: the same file as --truth: ' simulate -p psf.fits -o out/s.fits --truth out/s.fits -w $grid \
    --loglevel error
wrong '--output .*: the same file as --psf: ' simulate -p out/psf.fits -o out/psf.fits -w $grid --loglevel error
check 'the image is as it was' cmp im.fits out/im.fits
check 'the PSF is as it was' cmp psf.fits out/psf.fits

# --- srun whose tasks do not find each other would write the same files
expect_fail 'srun, alone' 2 'srun started 2 tasks, but each sees itself alone' env SLURM_STEP_NUM_TASKS=2 "$UNSPOT" \
    extract -i im.fits -p psf.fits -o out/f.fits
finish
