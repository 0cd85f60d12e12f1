#!/usr/bin/env bash
# Bytes of machine code of each model beside the compiler's estimate: publishes one program of all of them with NativeAOT and reads ILC's
# map file. Prints Markdown; docs/flash.md has a run.
#
#   bench/code-size/run.sh [-i instruction-set] [-k] [models [variants]]     models: a folder or a file; default ../shared/models
#
# -i  IlcInstructionSet, such as native or x86-64-v3; default: what NativeAOT takes by itself
# -k  by kernel, as tab-separated values
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
report=report
instructions=()
while getopts i:k option; do
    case $option in
        i) instructions=("-p:IlcInstructionSet=$OPTARG") ;;
        k) report=kernels ;;
        *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
models=${1:-$root/../shared/models}
variants=("${@:2}")
[ -e "$models" ] || { echo "no such models: $models" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
quietly() { "$@" > "$work/log" 2>&1 < /dev/null || { cat "$work/log" >&2; exit 1; }; }

quietly dotnet build "$here/CodeSize.csproj" -c Release --artifacts-path "$work/artifacts"
quietly dotnet build "$root/src/Runtime/Runtime.csproj" -c Release -f net10.0 --artifacts-path "$work/artifacts"
tool=$(find "$work/artifacts/bin" -name Etch.CodeSize.dll | head -1)
runtime=$(find "$work/artifacts/bin" -name Etch.Runtime.dll | head -1)

mkdir "$work/program"
cat > "$work/program/Program.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <PublishAot>true</PublishAot>
    <InvariantGlobalization>true</InvariantGlobalization>
    <IlcGenerateMapFile>true</IlcGenerateMapFile>
    <EnableNETAnalyzers>false</EnableNETAnalyzers>
  </PropertyGroup>
  <ItemGroup>
    <Reference Include="$runtime" />
  </ItemGroup>
</Project>
PROJECT
quietly dotnet "$tool" write "$work/program" "$models" ${variants[@]+"${variants[@]}"}
quietly dotnet publish "$work/program" -c Release -r linux-x64 ${instructions[@]+"${instructions[@]}"}
dotnet "$tool" "$report" "$(find "$work/program/obj" -name '*.map.xml' | head -1)" "$models" ${variants[@]+"${variants[@]}"}
