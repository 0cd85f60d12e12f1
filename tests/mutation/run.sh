#!/usr/bin/env bash
# Mutation check: breaks one thing of an operator (its rounding, its clamp, an offset by one) in a copy of the repository and says
# whether the operator's tests fail. mutations.txt lists what is broken and which tests must notice. Mutations of different
# operators go into one build, since each has tests of its own; before them the same tests must pass on the unbroken copy.
# Prints one line for each mutation, killed or SURVIVED. Exit code 0 only if all were killed.
#
# usage: tests/mutation/run.sh [regular expression on "operators, what is broken"]      needs the .NET SDK and bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
list=$root/tests/mutation/mutations.txt only=${1:-.}
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDTERMINALLOGGER=off NO_COLOR=1

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$root" && tar -cf - --exclude=bin --exclude=obj --exclude=.git src tests/Directory.Build.props tests/Compiler.Tests tests/vectors \
    Directory.Build.props Directory.Packages.props Generator.sln global.json docs samples) | tar -xf - -C "$copy"

# ---- the list ----

operators=() broken=() files=() texts=() replacements=() tests=() rounds=()
last=0
while IFS= read -r line; do
    [[ $line != '' && $line != '#'* ]] || continue
    fields=()
    while [[ $line == *' @ '* ]]; do fields+=("${line%%' @ '*}"); line=${line#*' @ '}; done
    fields+=("$line")
    [ "${#fields[@]}" = 6 ] || { echo "a mutation has 6 fields: ${fields[0]}, ${fields[1]:-}" >&2; exit 2; }
    [[ "${fields[0]}, ${fields[1]}" =~ $only ]] || continue
    content=$(< "$root/src/Compiler/${fields[2]}") text=${fields[3]}
    rest=${content#*"$text"}
    if [[ $rest == "$content" || $rest == *"$text"* ]]; then echo "${fields[2]} does not have this text once: $text" >&2; exit 2; fi
    operators+=("${fields[0]}") broken+=("${fields[1]}") files+=("${fields[2]}") texts+=("$text") replacements+=("${fields[4]}") tests+=("${fields[5]}")
done < "$list"

# Each mutation goes into the first round in which nothing of its operators is broken yet.
declare -A taken
for i in "${!operators[@]}"; do
    for ((round = 1; ; round++)); do
        free=1
        for operator in ${operators[i]//,/}; do [ -z "${taken[$round $operator]:-}" ] || free=0; done
        [ "$free" = 1 ] && break
    done
    for operator in ${operators[i]//,/}; do taken[$round $operator]=1; done
    rounds[i]=$round
    [ "$round" -le "$last" ] || last=$round
done

# ---- building and testing the copy ----

# The name of a test as the runner prints it, as a regular expression.
name_of() {
    case $1 in
        recorded\ *) echo "RecordedOpsTests\.Reference_gives_what_was_recorded\(name: \"${1#recorded }" ;;
        emitted\ *) echo "OperatorTests\.Emitted_code_agrees_with_the_reference\(op: \"${1#emitted }\"\)" ;;
        saturated\ *) echo "SaturationTests\.Results_beyond_the_range_are_clamped\(op: \"${1#saturated }\"\)" ;;
        *) echo "what is the test '$1'?" >&2; exit 2 ;;
    esac
}

# Builds the copy and runs the tests that the named mutations need; the names of failed tests go to $copy/failed.
run() {
    local filter=() i
    case " $(for i in "$@"; do echo " ${tests[i]} "; done) " in *recorded\ *) filter+=("FullyQualifiedName~RecordedOpsTests.Reference") ;; esac
    case " $(for i in "$@"; do echo " ${tests[i]} "; done) " in *saturated\ *) filter+=("FullyQualifiedName~SaturationTests") ;; esac
    case " $(for i in "$@"; do echo " ${tests[i]} "; done) " in *emitted\ *)
        # By operator where only some are tested: emitted code is compiled for each.
        local op
        for op in $(for i in "$@"; do tr ',' '\n' <<< "${tests[i]}" | sed -n 's/^ *emitted //p'; done | sort -u); do
            filter+=("(FullyQualifiedName~OperatorTests.Emitted&DisplayName~$op)")
        done ;;
    esac
    (cd "$copy" && dotnet build tests/Compiler.Tests -c Release -m:1 -v q -p:TreatWarningsAsErrors=false -p:EnforceCodeStyleInBuild=false -p:RunAnalyzers=false) \
        > "$copy/build.log" 2>&1 < /dev/null || { grep -m 5 'error' "$copy/build.log" >&2; exit 2; }
    local joined
    joined=$(IFS='|'; echo "${filter[*]}")
    (cd "$copy" && dotnet test tests/Compiler.Tests -c Release --no-build -m:1 --filter "$joined") > "$copy/test.log" 2>&1 < /dev/null || true
    grep -qE '^(Passed|Failed)! +- Failed: ' "$copy/test.log" || { tail -n 5 "$copy/test.log" >&2; exit 2; }
    grep -E '^ *Failed .*\[[^]]*\]$' "$copy/test.log" > "$copy/failed" || true
}

echo "${#operators[@]} mutations in $last rounds" >&2
run "${!operators[@]}"
if [ -s "$copy/failed" ]; then echo "fail without a mutation:" >&2; cat "$copy/failed" >&2; exit 2; fi
grep -E '^Passed! ' "$copy/test.log" >&2

survived=0
for ((round = 1; round <= last; round++)); do
    now=()
    for i in "${!operators[@]}"; do
        [ "${rounds[i]}" = "$round" ] || continue
        now+=("$i")
        content=$(< "$copy/src/Compiler/${files[i]}")
        text=${texts[i]} replacement=${replacements[i]}
        printf '%s\n' "${content%%"$text"*}$replacement${content#*"$text"}" > "$copy/src/Compiler/${files[i]}"
    done
    run "${now[@]}"
    for i in "${now[@]}"; do
        result=killed
        while IFS= read -r test; do
            grep -qE "$(name_of "$(sed 's/^ *//' <<< "$test")")" "$copy/failed" || result=SURVIVED
        done < <(tr ',' '\n' <<< "${tests[i]}")
        [ "$result" = killed ] || survived=$((survived + 1))
        printf '%-9s %s: %s (round %d)\n' "$result" "${operators[i]}" "${broken[i]}" "$round"
        cp "$root/src/Compiler/${files[i]}" "$copy/src/Compiler/${files[i]}"
    done
done
echo "${#operators[@]} mutations, $((${#operators[@]} - survived)) killed, $survived survived"
[ "$survived" = 0 ]
