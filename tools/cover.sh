#!/usr/bin/env bash
# Runs the unit tests of build/cover and prints the line coverage of every source file, the least covered first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../build/cover"
rm -f ./*.profraw
status=0
LLVM_PROFILE_FILE="$PWD/%p.profraw" ctest -j "$(nproc)" -L unit --output-on-failure || status=$?
llvm-profdata-19 merge -sparse ./*.profraw -o unit.profdata
rm -f ./*.profraw
binaries=()
for test in ./*_test; do binaries+=(-object "$test"); done
llvm-cov-19 export -summary-only -instr-profile unit.profdata -ignore-filename-regex='(_test\.cc|/build/|/usr/)' \
    "${binaries[@]}" >coverage.json
/usr/bin/python3 - <<'PYTHON'
import json
files = json.load(open("coverage.json"))["data"][0]["files"]
lines = [(f["summary"]["lines"], f["filename"].split("/src/")[-1]) for f in files]
for count, name in sorted(lines, key=lambda line: line[0]["percent"]):
    print(f"{count['percent']:6.1f} %  {count['covered']:6} of {count['count']:6}  {name}")
covered, total = (sum(count[key] for count, _ in lines) for key in ("covered", "count"))
print(f"{100 * covered / max(total, 1):6.1f} %  {covered:6} of {total:6}  all")
PYTHON
exit "$status"
