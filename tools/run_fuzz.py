#!/usr/bin/env python3
"""Replays the corpus of fuzz targets, then searches for new inputs; the last line is "N passed, N failed".
Usage: run_fuzz.py TARGET|all [SECONDS [SEED]]. Findings and new inputs stay in .cache/fuzz/TARGET; what is worth
keeping is moved by hand to fuzz/corpus/TARGET. With a seed the search starts from the kept corpus alone and takes the
same way each time: CI judges a change, not its luck."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARIES = ROOT / "build/asan/fuzz"
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", "-print_final_stats=0", "-verbosity=1"]


def call(command: list[str]) -> tuple[bool, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    return done.returncode == 0, done.stderr


def fuzz(target: str, seconds: int, seed: int) -> list[tuple[str, bool, str]]:
    """(what, whether it passed, the output) for the replay and for the search."""
    corpus, found = ROOT / "fuzz/corpus" / target, ROOT / ".cache/fuzz" / target
    found.mkdir(parents=True, exist_ok=True)
    binary = [str(BINARIES / f"{target}_fuzz"), *LIMITS, f"-artifact_prefix={found}/"]
    results = []
    if inputs := sorted(str(path) for path in corpus.glob("*") if path.is_file()):
        results.append((f"{target}: {len(inputs)} inputs replayed", *call([*binary, *inputs])))
    (new := found / "corpus").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as empty:
        folders = [empty if seed else str(new), *([str(corpus)] if inputs else [])]
        search = [*binary, f"-max_total_time={seconds}", f"-seed={seed}"]  # 0: another each time
        results.append((f"{target}: {seconds} s searched", *call([*search, *folders])))
    return results


def main() -> int:
    names = sorted(path.name.removesuffix("_fuzz.cc") for path in (ROOT / "fuzz").glob("*_fuzz.cc"))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    targets = names if wanted == "all" else [name for name in names if name == wanted]
    if not targets:
        print(f"usage: ./dev fuzz TARGET [SECONDS [SEED]]; targets: all {' '.join(names)}", file=sys.stderr)
        return 2
    passed = failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for results in pool.map(lambda target: fuzz(target, seconds, seed), targets):
            for what, fine, output in results:
                print(what if fine else f"{what}: FAILED\n{output[-4000:]}", flush=True)
                passed, failed = passed + fine, failed + (not fine)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
