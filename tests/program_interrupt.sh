#!/usr/bin/env bash
# Interrupts: the program dies of the signal, and each output file is either complete or absent.
# shellcheck source=tests/program_lib.sh disable=SC2317 # functions run through `check`
. "$(dirname "$0")/program_lib.sh"
need_python fitsio
mkdir out whole
shopt -s dotglob nullglob

# begin_with COLUMNS ROWS [OPTION...]: another image, and what all extractions of it have; makes whole/
begin_with()
{
    small_image 25 5760,5800,0.8 "$1" "$2"
    options=("${@:3}")
    for frame in f.fits f.fits.gz; do
        extract whole $frame
        check "not interrupted, $frame" "${command[@]}"
    done
}
extract() # FOLDER FRAME: the command
{
    command=("$UNSPOT" extract -i im.fits -p psf.fits -o "$1/$2" -m "$1/m.fits" --timing "$1/t.json" -w 5760,5800,0.8 \
        -n 25 "${options[@]}")
}

# complete NAME: what is in out/ is as it should be
complete()
{
    local file
    for file in out/*; do
        case $file in
            *.json) $python -m json.tool "$file" ;;
            *) [ -f "whole/${file##*/}" ] && $python "$tests/same_data.py" "$file" "whole/${file##*/}" ;;
        esac >log.check 2>&1 && continue
        fail "$1: leaves $file, $(stat -c %s "$file") bytes" log.check
        return 1
    done
    pass
}

# held FRAME SIGNAL FILE BYTES FILES: the signal comes while FILE is read or written, BYTES bytes into it; FILES are in
# out/ after that
held()
{
    local name="$2, $4 bytes into $3, $1" ended files
    rm -rf out && mkdir out
    extract out "$1"
    with_fault "hold:$3:$4"
    ended=$($python "$tests/run_and_signal.py" "$2" 'held at' 0 "${faulty[@]}" "${command[@]}" 2>&1)
    check "$name: ended with $ended" test "$ended" = "signal $2"
    files=(out/*)
    check "$name: leaves ${files[*]##*/}" test "${files[*]##*/}" = "$5"
    complete "$name"
}
begin_with 375 600
for number in INT TERM; do
    for bytes in 0 30000; do
        held f.fits $number psf.fits $bytes ''
        held f.fits $number im.fits $bytes ''
        held f.fits $number out/.f.fits $bytes ''
        held f.fits.gz $number out/.f.fits.gz $bytes ''
        held f.fits.gz $number .z.tmp $bytes ''
        held f.fits $number out/.m.fits $bytes f.fits
    done
    held f.fits $number out/.t.json 0 'f.fits m.fits'
done
held f.fits HUP out/.m.fits 100000 f.fits

# --- at any time: what has ended before the signal came is complete, too. The image of
# a large CCD takes long to read, its model long to write; the reference back-end on one thread is slow.
begin_with 4000 1300 --backend ref --threads 1
for number in INT TERM; do
    died=0
    for moment in 'reading the image:0.01' extracting:0 extracting:0.05 extracting:0.2 'writing out:0.002' \
        'writing out:0.01' 'writing the model:0.01' 'writing the model:0.03'; do
        name="$number ${moment#*:} s after '${moment%:*}'"
        rm -rf out && mkdir out
        extract out f.fits
        ended=$($python "$tests/run_and_signal.py" $number "${moment%:*}" "${moment#*:}" "${command[@]}" 2>&1)
        case $ended in
            "signal $number") complete "$name" && died=$((died + 1)) ;;
            'exit 0') complete "$name" && check "$name: all files" test "$(ls out)" = $'f.fits\nm.fits\nt.json' ;;
            *) fail "$name: ended with $ended" ;;
        esac
    done
    check "$number: $died of 8 runs ended by it, not none or one" test $died -ge 2
done

# --- what was there before stays until the new file is complete
begin_with 375 600
for moment in im.fits:100000 out/.f.fits:100000; do
    rm -rf out && cp -r whole out
    extract out f.fits
    with_fault "hold:$moment"
    ended=$($python "$tests/run_and_signal.py" TERM 'held at' 0 "${faulty[@]}" "${command[@]}" 2>&1)
    check "interrupted at $moment: ended with $ended" test "$ended" = 'signal TERM'
    for file in f.fits m.fits t.json; do
        check "interrupted at $moment: the former $file stays" cmp out/$file whole/$file
    done
done

# --- a shell that starts the program in the background without job control has it ignore SIGINT: so it goes on
rm -rf out && mkdir out
extract out f.fits
with_fault hold:im.fits:0
rm -f go
"${faulty[@]}" "${command[@]}" 2>log.held &
for _ in {1..600}; do
    if grep -q 'held at' log.held; then break; fi
    sleep 0.1
done
check 'SIGINT comes while it reads' grep -q 'held at' log.held
check 'SIGINT is sent' kill -INT $!
touch go
check 'SIGINT ignored, if it was when the program began' wait $!
check 'SIGINT ignored: the frame is there' test -s out/f.fits
finish
