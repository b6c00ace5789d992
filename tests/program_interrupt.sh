#!/usr/bin/env bash
# Interrupts: the program dies of the signal, and each output file is either complete or absent.
# shellcheck source=tests/program_lib.sh disable=SC2317,SC2086 # functions run through `check`; no blanks in $grid
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
mkdir out whole
shopt -s dotglob nullglob
readonly wavelengths=5760,5800,0.8
small_image 25 $wavelengths 4000 1300

# The image of a large CCD takes long to read, its model long to write; the reference backend on one thread is slow.
extract() # FOLDER FRAME
{
    command=("$UNSPOT" extract -i im.fits -p psf.fits -o "$1/$2" -m "$1/m.fits" --timing "$1/t.json" -w "$wavelengths" \
        -n 25 --backend ref --threads 1)
}

for frame in f.fits f.fits.gz; do
    extract whole $frame
    check "not interrupted, $frame" "${command[@]}"
done

# complete FILE: one of out/ is as it should be
complete()
{
    case $1 in
        *.json) $python -m json.tool "$1" ;;
        *) [ -f "whole/${1##*/}" ] && $python "$tests/same_data.py" "$1" "whole/${1##*/}" ;;
    esac
}

died=0
# interrupt FRAME SIGNAL TEXT SECONDS: the signal comes SECONDS after the program wrote TEXT
interrupt()
{
    local name="$2 ${4}s after '$3', $1" ended file files
    rm -rf out && mkdir out
    extract out "$1"
    ended=$($python "$tests/run_and_signal.py" "$2" "$3" "$4" "${command[@]}" 2>&1)
    case $ended in
        "signal $2") died=$((died + 1)) ;;
        "exit 0") ;;
        *) fail "$name: ended with $ended" && return ;;
    esac
    files=(out/*)
    if [ "$ended" = "exit 0" ] && [ ${#files[@]} -ne 3 ]; then
        fail "$name: ended well, but with ${files[*]} only"
        return
    fi
    for file in "${files[@]}"; do
        if ! complete "$file" >log.check 2>&1; then
            fail "$name: leaves $file, $(stat -c %s "$file") bytes" log.check
            return
        fi
    done
    pass
}

for number in INT TERM; do
    for seconds in 0 0.01 0.03; do
        interrupt f.fits $number 'reading the image' $seconds
    done
    for seconds in 0 0.05 0.2; do
        interrupt f.fits $number 'extracting' $seconds
    done
    for seconds in 0 0.002 0.01 0.03; do
        interrupt f.fits $number 'writing out' $seconds
        interrupt f.fits.gz $number 'writing out' $seconds
        interrupt f.fits $number 'writing the model' $seconds
    done
done
interrupt f.fits HUP 'writing the model' 0.01
check "most signals came before the end ($died)" test $died -ge 18

# What was there before stays until the new file is complete.
rm -rf out && cp -r whole out
extract out f.fits
$python "$tests/run_and_signal.py" TERM 'extracting' 0.05 "${command[@]}" >log.check 2>&1
for file in f.fits m.fits t.json; do
    check "interrupted: the former $file stays" cmp out/$file whole/$file
done

# A shell that starts the program in the background without job control has it ignore SIGINT: so it goes on.
rm -rf out && mkdir out
extract out f.fits
"${command[@]}" 2>log.check &
sleep 0.2
kill -INT $!
check 'SIGINT ignored, if it was when the program began' wait $!
check 'SIGINT ignored: the frame is there' test -s out/f.fits
finish
