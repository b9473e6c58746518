"""Profiles of Gregor under load as flame graphs: perf's samples, folded, drawn as SVG into docs/flame. Width is CPU time,
a frame stands on its caller; the tooltip tells the share."""

import subprocess
import sys
from collections import Counter
from html import escape
from pathlib import Path

from broker import ROOT, Variant
from cells import Turn
from report import FSYNC

OUT = ROOT / "docs/flame"
HERTZ = 4999
WIDTH, ROW, CHAR, NARROWEST = 1200, 16, 6.2, 0.8
KERNEL, LIBRARY, OURS = "#d08770", "#a3be8c", "#ebcb8b"


class Node:
    def __init__(self):
        self.samples = 0
        self.colour = OURS
        self.children: dict[str, "Node"] = {}

    def add(self, stack: list[tuple[str, str]], count: int) -> None:
        self.samples += count
        if stack:
            name, colour = stack[0]
            child = self.children.setdefault(name, Node())
            child.colour = colour
            child.add(stack[1:], count)

    def depth(self) -> int:
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def frame_of(line: str) -> tuple[str, str]:
    """'ffffffff81 name+0x12 (module)' as perf script prints it."""
    _, _, rest = line.strip().partition(" ")
    name, _, module = rest.rpartition(" (")
    name = name.rsplit("+0x", 1)[0].replace("(anonymous namespace)::", "").replace("gregor::", "")
    module = module.rstrip(")")
    colour = KERNEL if module.startswith("[") else OURS if "/gregor" in module else LIBRARY
    return name.split("(")[0] or "?", colour


def fold(text: str) -> Node:
    """perf script: a line per sample, then its frames from the innermost outwards, then an empty line."""
    stacks: Counter = Counter()
    thread, frames = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith(("\t", " ")) and thread:
            frames.append(frame_of(line))
        elif line.strip():
            thread = line.split()[0]
        elif thread:
            stacks[((thread, LIBRARY), *reversed(frames))] += 1
            thread, frames = "", []
    root = Node()
    for stack, count in stacks.items():
        root.add(list(stack), count)
    return root


def boxes(node: Node, name: str, x: float, level: int, scale: float, height: int) -> list[str]:
    width = node.samples * scale
    if width < NARROWEST:
        return []
    y = height - (level + 1) * ROW
    share = f"{100 * width / WIDTH:.1f} %"
    room = int(width / CHAR)
    label = name if len(name) <= room else name[:max(room - 1, 0)]
    lines = [f'<g><title>{escape(name)}, {share}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
             f'fill="{node.colour}"/>' + (f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(label)}</text>' if room > 3 else "")
             + "</g>"]
    for child_name, child in sorted(node.children.items()):
        lines += boxes(child, child_name, x, level + 1, scale, height)
        x += child.samples * scale
    return lines


def svg(root: Node, title: str) -> str:
    height = (root.depth() + 2) * ROW
    body = "\n".join(boxes(root, f"all, {root.samples} samples", 0, 0, WIDTH / max(root.samples, 1), height - ROW))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="10">\n'
            f'<rect width="100%" height="100%" fill="#fff"/><text x="4" y="12" font-size="12">{escape(title)}</text>\n'
            f"{body}\n</svg>\n")


class Profiled(Turn):
    """A turn whose loads run under perf."""

    def profile(self, name: str, title: str, kind: str, topic: str, **load) -> None:
        samples = self.broker.folder / f"{name}.perf"
        perf = subprocess.Popen(["perf", "record", "-q", "-F", str(HERTZ), "-g", "-o", samples, "-p", str(self.broker.pid)])
        try:
            self.load(kind, topic, **load)
        finally:
            perf.terminate()
            perf.wait()
        text = subprocess.run(["perf", "script", "-i", samples], check=True, capture_output=True, text=True).stdout
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / f"{name}.svg").write_text(svg(fold(text), title))
        print(f"wrote {(OUT / name).relative_to(ROOT)}.svg", file=sys.stderr)


def draw(args, work: Path, cpus: tuple[set[int], set[int]]) -> int:
    turn = Profiled(args, Variant(FSYNC), work / "flame", cpus, None)
    produced = {"total_bytes": args.mib << 20, "producers": 8}
    try:
        turn.profile("produce", "produce 1 KiB, acks=all, fsync before the answer", "produce", "large", **produced)
        turn.profile("consume", "consume hot", "consume", "large")
        turn.profile("many", "produce 1 KiB to 100 partitions, acks=all", "produce", "many", partitions=100, **produced)
        turn.profile("small", "produce 100 B without linger", "produce", "small", total_bytes=args.mib << 18, producers=8,
                     record_bytes=100, linger_ms=0)
    finally:
        turn.broker.stop()
    return 0
