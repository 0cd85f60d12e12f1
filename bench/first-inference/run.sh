#!/usr/bin/env bash
# The first inference of a fresh process, in milliseconds from the start of Main to the result, and the inferences after it; beside it
# what the process takes before Main. Prints Markdown: the least and the median of many processes; docs/performance.md has a run.
#
#   bench/first-inference/run.sh [-n processes] [model.tflite]      default: 30, dscnn_mlperf_kws_int8 of ../shared/models; one int8 input, one int8 output
#
# JIT: framework-dependent, the default configuration (tiered). NativeAOT: the default instruction set, and this machine's. The kinds take turns.
# Needs the .NET SDK and a linker.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
processes=30
while getopts n: option; do
    case $option in
        n) processes=$OPTARG ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
model=$(realpath "${1:-$here/../../../shared/models/dscnn_mlperf_kws_int8.tflite}")
[ -f "$model" ] || { echo "no such model: $model" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDTERMINALLOGGER=off
kinds=("JIT" "NativeAOT" "NativeAOT, native")
settings=("" "-p:Aot=true" "-p:Aot=true -p:IlcInstructionSet=native")
for i in "${!kinds[@]}"; do
    # shellcheck disable=SC2086
    dotnet publish "$here" -c Release -p:Model="$model" ${settings[i]} --artifacts-path "$work/artifacts$i" -o "$work/$i" > "$work/log" 2>&1 < /dev/null \
        || { cat "$work/log" >&2; exit 1; }
done

for ((n = 0; n < processes; n++)); do
    for i in "${!kinds[@]}"; do
        begin=$(date +%s%N)
        line=$("$work/$i/FirstInference")
        end=$(date +%s%N)
        echo "$line $(((end - begin) / 1000))" >> "$work/times$i"
    done
done

echo "$(basename "$model" .tflite), $processes processes each, milliseconds: least, median"
echo
echo "| | first inference | second | hundredth | the whole process, 100 inferences |"
echo "|---|---|---|---|---|"
for i in "${!kinds[@]}"; do
    row="| ${kinds[i]} |"
    for field in 1 2 3 4; do
        row+=" $(awk -v f="$field" '{ print f == 4 ? $f / 1000 : $f }' "$work/times$i" | sort -n | awk '{ v[NR] = $1 } END { printf "%.3f, %.3f", v[1], v[int((NR + 1) / 2)] }') |"
    done
    echo "$row"
done
