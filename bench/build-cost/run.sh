#!/usr/bin/env bash
# What a model adds to a cold `dotnet build`: wall seconds, CPU seconds and the memory of the largest process, against the same
# project without a model; and the size of the emitted source and of the assembly. Prints Markdown; docs/build-cost.md has a run.
#
#   bench/build-cost/run.sh [-n rounds] [model.tflite …]      default: models of ../shared/models of about 50 KB, 300 KB and 4 MB
#
# Every build starts from nothing: no obj/, no build server, no reused node, no compiler server. Restoring is not counted. The cases
# take turns within a round, so that other load on the machine meets all of them; medians are printed. CPU seconds are the
# figure to trust on a busy machine. Needs the .NET SDK and GNU time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
rounds=5
while getopts n: option; do
    case $option in
        n) rounds=$OPTARG ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))

[ -x /usr/bin/time ] || { echo "GNU time is missing: apt-get install time" >&2; exit 2; }

models=("$@")
if [ ${#models[@]} = 0 ]; then
    for name in dscnn_mlperf_kws_int8 person_detect_96_int8 mobilenetv2_1.0_224_tf2ptq_int8; do
        models+=("$root/../shared/models/$name.tflite")
    done
fi
for model in "${models[@]}"; do
    [ -f "$model" ] || { echo "no such model: $model" >&2; exit 2; }
done

load=$(cut -d" " -f1 /proc/loadavg)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 MSBUILDTERMINALLOGGER=off

# The generator as the package has it: assemblies beside each other, compiled in Release.
for project in Runtime Compiler Generator Analyzers; do
    dotnet build "$root/src/$project/$project.csproj" -c Release --disable-build-servers --artifacts-path "$work/artifacts" > "$work/log" 2>&1 < /dev/null \
        || { cat "$work/log" >&2; exit 1; }
done
mkdir "$work/etch"
for assembly in Etch.Runtime Etch.Compiler Etch.Generator Etch.Analyzers; do
    cp "$(find "$work/artifacts/bin" -path '*elease*' -name "$assembly.dll" | grep -v -e net8.0 -e /obj/ | head -1)" "$work/etch"
done

make_project() { # folder, model or nothing
    mkdir -p "$1"
    [ -z "${2:-}" ] || cp "$2" "$1/model.tflite"
    cat > "$1/App.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
  </PropertyGroup>
  <Import Project="$root/src/Generator/build/Etch.props" />
  <ItemGroup>
    <Reference Include="$work/etch/Etch.Runtime.dll" />
    <Analyzer Include="$work/etch/Etch.Compiler.dll;$work/etch/Etch.Generator.dll;$work/etch/Etch.Analyzers.dll" />
    <AdditionalFiles Include="*.tflite" />
  </ItemGroup>
  <Import Project="$root/src/Generator/build/Etch.targets" />
</Project>
PROJECT
    if [ -z "${2:-}" ]; then
        echo 'System.Console.WriteLine("no model");' > "$1/Program.cs"
    else
        echo 'System.Console.WriteLine(App.Model.ArenaBytes);' > "$1/Program.cs"
    fi
    (cd "$1" && dotnet restore > ../log 2>&1 < /dev/null) || { cat "$work/log" >&2; exit 1; }
    cp -r "$1/obj" "$1.restored"
}

build() { # folder; appends "wall cpu megabytes" to folder.times
    rm -rf "$1/obj" "$1/bin"
    cp -r "$1.restored" "$1/obj"
    # The largest process of the build, as the kernel counts it: its own resident peak, not the sum over processes.
    (cd "$1" && /usr/bin/time -f '%e %U %S %M' -o ../one dotnet build --no-restore --disable-build-servers -nodeReuse:false -p:UseSharedCompilation=false > ../log 2>&1 < /dev/null) \
        || { cat "$work/log" >&2; exit 1; }
    awk '{ print $1, $2 + $3, $4 / 1024 }' "$work/one" >> "$1.times"
}

median() { # file, column
    awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ x[NR] = $1 } END { print NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

cases=(none)
make_project "$work/none"
for i in "${!models[@]}"; do
    cases+=("model$i")
    make_project "$work/model$i" "${models[$i]}"
done
for case in "${cases[@]}"; do build "$work/$case"; rm "$work/$case.times"; done # The disk's caches are warm.
for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do build "$work/$case"; done
done

echo "| model | file | wall | CPU | largest process | adds wall | adds CPU | adds memory |"
echo "|---|---:|---:|---:|---:|---:|---:|---:|"
for i in "${!cases[@]}"; do
    case=${cases[$i]}
    name=none
    size=–
    if [ "$case" != none ]; then
        name=$(basename "${models[$((i - 1))]}" .tflite)
        size="$(($(stat -c %s "${models[$((i - 1))]}") / 1000)) KB"
    fi
    for column in 1 2 3; do echo "$(median "$work/$case.times" $column) $(median "$work/none.times" $column)"; done \
        | awk -v name="$name" -v size="$size" '
            { value[NR] = $1; added[NR] = $1 - $2 }
            END {
                printf "| %s | %s | %.2f s | %.2f s | %.0f MB |", name, size, value[1], value[2], value[3]
                if (name == "none") print " – | – | – |"
                else printf " %+.2f s | %+.2f s | %+.0f MB |\n", added[1], added[2], added[3]
            }'
done

# Once more, in Release and with the emitted files kept: what the compiler is given and what it makes of it.
echo
echo "| model | emitted source | largest file | assembly | assembly, for each byte of the model |"
echo "|---|---:|---:|---:|---:|"
empty=
for i in "${!cases[@]}"; do
    case=${cases[$i]}
    (cd "$work/$case" && dotnet build -c Release -p:EmitCompilerGeneratedFiles=true -p:CompilerGeneratedFilesOutputPath=emitted > ../log 2>&1 < /dev/null) \
        || { cat "$work/log" >&2; exit 1; }
    assembly=$(stat -c %s "$work/$case"/bin/Release/net10.0/App.dll)
    if [ "$case" = none ]; then
        empty=$assembly
        continue
    fi
    model=${models[$((i - 1))]}
    find "$work/$case/emitted" -name '*.cs' -printf '%s\n' | awk -v name="$(basename "$model" .tflite)" -v assembly=$((assembly - empty)) -v file="$(stat -c %s "$model")" '
        { sum += $1; if ($1 > most) most = $1 }
        END { printf "| %s | %.0f KB | %.0f KB | %.0f KB | %.2f |\n", name, sum / 1000, most / 1000, assembly / 1000, assembly / file }'
done
printf '\n%s rounds, medians; .NET SDK %s, %s processors; load average %s before and %s after.\n' \
    "$rounds" "$(dotnet --version)" "$(nproc)" "${load:-?}" "$(cut -d' ' -f1 /proc/loadavg)"
