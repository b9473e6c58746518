"""A row of the matrix: one thing that a client is asked to do."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    name: str
    play: Callable
    arguments: dict = field(default_factory=dict)
    long: bool = False  # not in what CI runs
    restarts: bool = False  # the broker goes away, so that nothing else may run beside it
