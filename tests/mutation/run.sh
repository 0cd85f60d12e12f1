#!/usr/bin/env bash
# Mutation check: breaks one thing of an operator (its rounding, its clamp, an offset by one) in a copy of the repository and says
# whether the operator's tests fail. mutations.txt lists what is broken and which tests must notice; its head says how to read it.
# The tests must pass on the unbroken copy first; they are built once, and the compiler anew for each round. A round breaks several
# operators at once where none of their tests sees the others: no two mutations of a round share an operator or a file, those
# of emitted code have rounds apart, and what other operators use too (a line that begins with "!") is broken alone.
# Prints one line for each mutation, killed or SURVIVED. Exit code 0 only if all were killed.
#
# usage: tests/mutation/run.sh [regular expression on "operators, what is broken"]      needs the .NET SDK and bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ ${1:-} == -h || ${1:-} == --help ]]; then sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0; fi
only=${1:-.}
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDTERMINALLOGGER=off NO_COLOR=1

# So many random models of an operator, of the 200 that the tests have, show whether its emitted code is broken.
export ETCH_CASES=30

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$root" && tar -cf - --exclude=bin --exclude=obj --exclude=.git src/Compiler src/Runtime tests/Directory.Build.props tests/Compiler.Tests \
    tests/vectors tests/mutation Directory.Build.props Directory.Packages.props global.json docs) | tar -xf - -C "$copy"
cp -r "$copy/src" "$copy/whole"

# ---- the list ----

operators=() broken=() files=() texts=() replacements=() tests=() alone=() rounds=()
last=0
while IFS= read -r line; do
    [[ $line != '' && $line != '#'* ]] || continue
    fields=()
    while [[ $line == *' @ '* ]]; do fields+=("${line%%' @ '*}"); line=${line#*' @ '}; done
    fields+=("$line")
    [ "${#fields[@]}" != 3 ] || continue
    [ "${#fields[@]}" = 6 ] || { echo "a mutation has 6 fields: ${fields[0]}, ${fields[1]:-}" >&2; exit 2; }
    [[ "${fields[0]#! }, ${fields[1]}" =~ $only ]] || continue
    content=$(< "$copy/whole/Compiler/${fields[2]}") text=${fields[3]}
    rest=${content#*"$text"}
    if [[ $rest == "$content" || $rest == *"$text"* ]]; then echo "${fields[2]} does not have this text once: $text" >&2; exit 2; fi
    if [[ ${fields[0]} == '! '* ]]; then alone+=(1); else alone+=(''); fi
    operators+=("${fields[0]#! }") broken+=("${fields[1]}") files+=("${fields[2]}") texts+=("$text") replacements+=("${fields[4]}") tests+=("${fields[5]}")
done < "$copy/tests/mutation/mutations.txt"
[ "${#operators[@]}" != 0 ] || { echo "no mutation matches: $only" >&2; exit 2; }

# Each mutation goes into the first round of its kind that has nothing of its operators and nothing of its file.
declare -A taken
for i in "${!operators[@]}"; do
    kind=${broken[i]%% *} free=
    [ "$kind" = emitted ] || kind=reference
    for ((round = 1; ; round++)); do
        [[ ${taken[$round]:-$kind} == "$kind" ]] || continue
        [[ -z ${alone[i]} || -z ${taken[$round]:-} ]] || continue
        free=1
        [ -z "${taken[$round ${files[i]}]:-}" ] || free=
        while IFS= read -r operator; do [ -z "${taken[$round $operator]:-}" ] || free=; done <<< "${operators[i]//, /$'\n'}"
        [ -z "$free" ] || break
    done
    taken[$round]=${alone[i]:+alone}
    taken[$round]=${taken[$round]:-$kind} taken[$round ${files[i]}]=1
    while IFS= read -r operator; do taken[$round $operator]=1; done <<< "${operators[i]//, /$'\n'}"
    rounds[i]=$round
    [ "$round" -le "$last" ] || last=$round
done

# ---- building and testing the copy ----

# How the line of a failed test begins behind its namespace and, for some, its class.
name_of() {
    case $1 in
        recorded\ *) echo "RecordedOpsTests.Reference_gives_what_was_recorded(name: \"${1#recorded }" ;;
        emitted\ *) echo "_the_reference(op: \"${1#emitted }\")" ;;
        saturated\ *) echo "SaturationTests.Results_beyond_the_range_are_clamped(op: \"${1#saturated }\")" ;;
        *) echo ".$1" ;;
    esac
}

# The same as a filter of the test runner; of hand-worked tests all rows.
filter_of() {
    local method=${1%%(*}
    case $1 in
        recorded\ *) echo "(FullyQualifiedName~RecordedOpsTests.Reference&DisplayName~${1#recorded })" ;;
        emitted\ *) echo "(FullyQualifiedName~Emitted_code&DisplayName~\"${1#emitted }\")" ;;
        saturated\ *) echo "FullyQualifiedName~SaturationTests" ;;
        *) echo "FullyQualifiedName~$method" ;;
    esac
}

# Runs the tests that the named mutations need; the lines of failed tests go to $copy/failed.
run() {
    local joined
    joined=$(for i in "$@"; do echo "${tests[i]//, /$'\n'}"; done | sort -u | while IFS= read -r test; do filter_of "$test"; done | sort -u | paste -sd '|')
    (cd "$copy/tests/Compiler.Tests/bin/Release/net10.0" && dotnet vstest Compiler.Tests.dll --TestCaseFilter:"$joined") > "$copy/test.log" 2>&1 < /dev/null || true
    grep -qE '^(Passed|Failed)! +- Failed: ' "$copy/test.log" || { echo 'the tests did not end:' >&2; tail -n 5 "$copy/test.log" >&2; exit 2; }
    grep -E '^ *Failed .*\[[^]]*\]$' "$copy/test.log" > "$copy/failed" || true
}

build() {
    (cd "$copy" && dotnet build "$@" -c Release -m:1 -v q -p:TreatWarningsAsErrors=false -p:EnforceCodeStyleInBuild=false -p:RunAnalyzers=false) \
        > "$copy/build.log" 2>&1 < /dev/null || { grep -m 5 'error' "$copy/build.log" >&2; exit 2; }
}

echo "${#operators[@]} mutations in $last rounds" >&2
build tests/Compiler.Tests
run "${!operators[@]}"
if [ -s "$copy/failed" ]; then echo 'fail without a mutation:' >&2; cat "$copy/failed" >&2; exit 2; fi
grep -E '^Passed! ' "$copy/test.log" >&2

survived=0
for ((round = 1; round <= last; round++)); do
    now=()
    for i in "${!operators[@]}"; do
        [ "${rounds[i]}" = "$round" ] || continue
        now+=("$i")
        content=$(< "$copy/whole/Compiler/${files[i]}")
        text=${texts[i]} replacement=${replacements[i]}
        printf '%s\n' "${content%%"$text"*}$replacement${content#*"$text"}" > "$copy/src/Compiler/${files[i]}"
    done
    build src/Compiler --no-restore
    cp "$copy/src/Compiler/bin/Release/netstandard2.0/Etch.Compiler.dll" "$copy/tests/Compiler.Tests/bin/Release/net10.0/"
    run "${now[@]}"
    for i in "${now[@]}"; do
        missed=
        while IFS= read -r test; do
            grep -qF -- "$(name_of "$test")" "$copy/failed" || missed+="${missed:+, }$test"
        done <<< "${tests[i]//, /$'\n'}"
        [ -z "$missed" ] || survived=$((survived + 1))
        if [ -z "$missed" ]; then result=killed; else result=SURVIVED; fi
        printf '%-9s%s: %s%s\n' "$result" "${operators[i]}" "${broken[i]}" "${missed:+ (passed: $missed)}"
        cp "$copy/whole/Compiler/${files[i]}" "$copy/src/Compiler/${files[i]}"
    done
done
echo "${#operators[@]} mutations, $((${#operators[@]} - survived)) killed, $survived survived"
[ "$survived" = 0 ]
