#!/usr/bin/env python3
"""The macro benchmarks: Gregor and the peer, one after the other on the same machine with the same properties, and the
physical floor beside them. Prints one table and writes docs/benchmarks.md and docs/benchmarks.json. `./dev bench` builds
what it needs and calls it. About 15 minutes on a machine with nothing else to do; --quick is a look of two minutes."""

import argparse
import os
import random
import re
import shutil
import sys
from pathlib import Path

import flame
import guard
from ballast import Attic, Ballast
from broker import ROOT, Variant
from cells import GREGOR, Turn, measure_floor
from report import FLOOR, FSYNC, PAGE_CACHE, PEER, document, write_figures

# With the page cache as durability only what is produced and how fast it is answered differ.
SAME_AS_WITH_FSYNC = ("idle", "connections", "cold", "beside_cold", "beside_cleaning", "restart", "members")
VARIANTS = [Variant(FSYNC),
            Variant(PAGE_CACHE, overrides=["gregor.ack.durability=page_cache"], leaves_out=SAME_AS_WITH_FSYNC),
            Variant(PEER, is_peer=True)]
QUICK = {"rounds": 1, "mib": 128, "cold_mib": 256, "idle_s": 3.0}


def halves() -> tuple[set[int], set[int]]:
    """The broker's CPUs and the client's."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise SystemExit("bench: broker and client need a CPU each")
    return set(cpus[:len(cpus) // 2]), set(cpus[len(cpus) // 2:])


def measure(args, work: Path) -> dict[str, list[dict[str, float]]]:
    variants = [variant for variant in VARIANTS if re.search(args.only, variant.name)]
    results = {variant.name: [] for variant in variants} | {FLOOR: []}
    ballast = Ballast(work / "ballast") if args.ballast else None
    attic = Attic()
    for number in range(args.rounds):
        for variant in random.sample([*variants, None], len(variants) + 1):
            if ballast:
                ballast.fill()
            if variant is None:
                results[FLOOR].append(measure_floor(args, work, halves()))
                continue
            folder = work / f"{number}-{re.sub('[^a-z0-9]+', '-', variant.name.lower())}"
            results[variant.name].append(Turn(args, variant, folder, halves(), ballast).run())
            attic.take(folder)
            print(f"round {number + 1} of {args.rounds}: {variant.name} done", file=sys.stderr)
    return results


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=["all", "floor", "guard", "flame"],
                        help="floor: only the physical floor; guard: CPU per GB beside the committed figures, fails when it "
                             "has grown; flame: profiles as flame graphs in docs/flame")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=512, help="how much a row produces")
    parser.add_argument("--cold-mib", type=int, default=4096, help="how much the cold row produces and reads")
    parser.add_argument("--idle-s", type=float, default=5)
    parser.add_argument("--quick", action="store_true", help=f"as if by {QUICK}; nothing is written without --out")
    parser.add_argument("--only", default="", help="brokers whose name matches this pattern")
    parser.add_argument("--cells", nargs="*", default=[], help="only these, such as acks_all, cold, open_20k")
    parser.add_argument("--gregor", type=Path, default=GREGOR, help="another binary")
    parser.add_argument("--port", type=int, default=27000, help="this and the next are used")
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench", help="data of the run, deleted after it")
    parser.add_argument("--no-ballast", dest="ballast", action="store_false", help="leave free memory free")
    parser.add_argument("--out", type=Path, help="default docs/benchmarks.md, with the figures beside it as .json")
    if parser.parse_args().quick:
        parser.set_defaults(**QUICK)
    args = parser.parse_args()
    if not args.quick and args.out is None and not args.only and not args.cells:
        args.out = ROOT / "docs/benchmarks.md"
    return args


def run(args, work: Path) -> int:
    if args.what == "floor":
        for _ in range(args.rounds):
            print("the floor (CPU s per GB, ms):", measure_floor(args, work, halves()))
        return 0
    if args.what == "flame":
        return flame.draw(args, work, halves())
    if args.what == "guard":
        guard.narrow(args)
        return guard.judge(measure(args, work))
    load_before = os.getloadavg()[0]
    results = measure(args, work)
    text = document(args, results, load_before)
    print(text)
    if args.out:
        args.out.write_text(text)
        write_figures(args.out.with_suffix(".json"), results)
    return 0


def main() -> int:
    args = options()
    work = args.work.resolve() / f"run-{os.getpid()}"
    work.mkdir(parents=True)
    try:
        return run(args, work)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
