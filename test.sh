#!/usr/bin/env bash
# Builds everything in Release, runs the sample on its own recordings, runs all tests. Needs the .NET SDK of global.json;
# installs what else is missing (C linkers and zlib for NativeAOT, an emulator of Arm64) where it may, and says so.
# The last line is "N passed, N failed, N skipped". Exit code 0 only if everything built and nothing failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n==> %s\n' "$*"; }

if ! command -v dotnet > /dev/null; then
    echo "test.sh needs the .NET 10 SDK: https://dotnet.microsoft.com/download" >&2
    exit 2
fi

# The runner's closing lines are read below: English, plain, no colours.
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDTERMINALLOGGER=off NO_COLOR=1
# Without ICU .NET does not start unless told that it may do without.
if [ "$(uname)" = Linux ] && ! { ldconfig -p || /sbin/ldconfig -p; } 2> /dev/null | grep libicuuc > /dev/null; then
    export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
fi

# ---- what NativeAOT links with, and what runs programs for Arm64 ----

missing=()
command -v clang > /dev/null || command -v gcc > /dev/null || missing+=(gcc libc6-dev)
[ "$(uname)" != Linux ] || [ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
if [ "$(uname -sm)" = "Linux x86_64" ]; then
    command -v clang > /dev/null || missing+=(clang)
    command -v ld.lld > /dev/null || missing+=(lld)
    command -v aarch64-linux-gnu-objcopy > /dev/null || missing+=(gcc-aarch64-linux-gnu)
    command -v qemu-aarch64-static > /dev/null || missing+=(qemu-user-static)
    [ -e /usr/aarch64-linux-gnu/include/stdio.h ] || missing+=(libc6-dev-arm64-cross)
    [ -e /usr/aarch64-linux-gnu/lib/libstdc++.so.6 ] || missing+=(libstdc++6-arm64-cross)
fi
if [ "${#missing[@]}" -gt 0 ]; then
    say "NativeAOT links with C compilers and zlib, and Arm64 is emulated; missing: ${missing[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if command -v apt-get > /dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null; }; then
        "${as_root[@]}" apt-get update -qq < /dev/null
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null
    else
        echo "They cannot be installed from here (no apt-get, or no root rights); what publishes with NativeAOT will fail or be skipped."
    fi
fi

# ---- build, sample, tests ----

say "dotnet build Generator.sln -c Release"
dotnet build Generator.sln -c Release < /dev/null

log=$(mktemp)
trap 'rm -f "$log"' EXIT

say "samples/KeywordSpotting on its own recordings"
dotnet run --project samples/KeywordSpotting -c Release --no-build -- --top 1 < /dev/null | tee "$log"
if ! tail -n 1 "$log" | awk '{ exit !($2 == "of" && $1 == $3 && $1 > 0) }'; then
    echo "The sample does not name every word." >&2
    exit 1
fi

# One project after the other (-m:1): tests that start builds of their own, and tests that measure, get the machine for themselves.
say "dotnet test Generator.sln -c Release"
status=0
dotnet test Generator.sln -c Release --no-build -m:1 < /dev/null 2>&1 | tee "$log" || status=$?

# The vector kernels once more as on processors with less: AVX2 with VNNI and without, SSE4.1, no vectors.
more_runs=0
for without in DOTNET_EnableAVX512=0 "DOTNET_EnableAVX512=0 DOTNET_EnableAVXVNNI=0" DOTNET_EnableAVX2=0 DOTNET_EnableHWIntrinsic=0; do
    more_runs=$((more_runs + 1))
    say "dotnet test tests/Runtime.Tests with $without"
    # shellcheck disable=SC2086
    env $without dotnet test tests/Runtime.Tests -c Release --no-build < /dev/null 2>&1 | tee -a "$log" || status=$?
done

# The sum over the runner's closing lines, "Passed!  - Failed:     0, Passed:   148, Skipped:     0, Total: …", one per project.
awk -v runs="$(($(find tests -name '*.Tests.csproj' | wc -l) + more_runs))" '
    function count(name) { return match($0, name ": *[0-9]+") ? substr($0, RSTART + length(name) + 1, RLENGTH - length(name) - 1) : 0 }
    /^(Passed|Failed|Skipped)! +- Failed: / { failed += count("Failed"); passed += count("Passed"); skipped += count("Skipped"); seen++ }
    END {
        if (seen < runs) printf "%d of %d test runs came to an end.\n", seen, runs
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit seen < runs || failed > 0
    }' "$log" || status=1
exit "$status"
