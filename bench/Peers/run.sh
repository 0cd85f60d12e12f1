#!/usr/bin/env bash
# Generated code under the JIT and as a NativeAOT program, in turns, on one core: the least time of each model and their ratio. NativeAOT
# is compiled for this machine's instruction set. Prints Markdown; docs/performance.md has a run.
#
#   bench/Peers/run.sh [-n rounds] [-c core] [-s slices] [model …]        default: 3 rounds of 500 slices of a millisecond on core 1
#
# Needs the .NET SDK, a C linker (clang or gcc) and the models in ../shared/models.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=3 core=1 slices=500
while getopts n:c:s: option; do
    case $option in
        n) rounds=$OPTARG ;;
        c) core=$OPTARG ;;
        s) slices=$OPTARG ;;
        *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building both, about two minutes" >&2
dotnet build "$here" -c Release > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
dotnet publish "$here" -c Release -r linux-x64 -o "$work/native" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    dotnet "$here/bin/Release/net10.0/Etch.Peers.dll" --core "$core" --alone --slices "$slices" "$@" | grep '^| ' | grep -v '^| model' >> "$work/jit"
    "$work/native/Etch.Peers" --core "$core" --alone --slices "$slices" "$@" | grep '^| ' | grep -v '^| model' >> "$work/aot"
done

echo "| model | JIT min ms | NativeAOT min ms | NativeAOT / JIT |"
echo "|---|---|---|---|"
awk -F ' *[|] *' '
    FNR == NR { if (!($2 in jit)) order[++count] = $2; if (!($2 in jit) || $3 < jit[$2]) jit[$2] = $3; next }
    { if (!($2 in aot) || $3 < aot[$2]) aot[$2] = $3 }
    END { for (i = 1; i <= count; i++) { m = order[i]; printf "| %s | %.4f | %.4f | %.2f |\n", m, jit[m], aot[m], aot[m] / jit[m] } }' "$work/jit" "$work/aot"
