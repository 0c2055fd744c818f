"""What is said after a run: the same figures for people and, with --json, for programs."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, Dict, List, NamedTuple, Optional

from .crew import CrewRun

_MAX_REASONS = 16


class Iteration(NamedTuple):
    """One iteration that was done: its files, in the order of its processes, and how it went."""

    paths: List[str]
    run: CrewRun


class Report:
    """A run's figures. Only processes that succeeded count, in bytes and in time."""

    def __init__(
        self, script: str, node: Optional[int], processes: int, asked: int, source_label: str
    ) -> None:
        self._script = script
        self._node = node
        self._processes = processes
        self._asked = asked
        self._source_label = source_label
        self._done: List[Iteration] = []

    def add(self, iteration: Iteration) -> None:
        """Takes one iteration's outcomes."""
        self._done.append(iteration)

    def failures(self) -> List[Dict[str, Any]]:
        """Every process that failed, with its reason."""
        return [
            {"iteration": number, "process": process, "path": path, "reason": outcome.error}
            for number, iteration in enumerate(self._done)
            for process, (path, outcome) in enumerate(zip(iteration.paths, iteration.run.outcomes))
            if outcome.error is not None
        ]

    def figures(self) -> Dict[str, Any]:
        """Everything the report knows, with the unit at the end of each name."""
        good = [
            outcome
            for iteration in self._done
            for outcome in iteration.run.outcomes
            if outcome.error is None
        ]
        sizes = [outcome.value.size_bytes for outcome in good]
        seconds = [outcome.seconds for outcome in good]
        # An iteration in which nothing succeeded has no time either.
        walls = [it.run.wall_seconds for it in self._done if it.run.wall_seconds > 0]
        failures = self.failures()
        return {
            "schema": 1,
            "script": self._script,
            "host": socket.gethostname(),
            "node": self._node,
            "iterations": len(self._done),
            "iterations_asked": self._asked,
            "processes_per_iteration": self._processes,
            "file_size_bytes": {"least": min(sizes), "most": max(sizes)} if sizes else None,
            "bytes": sum(sizes),
            "process_seconds": _spread(seconds),
            "iteration_seconds": _spread(walls),
            "process_bytes_per_second": _rate(sum(sizes), sum(seconds)),
            "node_bytes_per_second": _rate(sum(sizes), sum(walls)),
            "source_seconds_share": _rate(
                sum(outcome.value.waiting_seconds for outcome in good), sum(seconds)
            ),
            "processes_failed": len(failures),
            "failures": failures,
            "details": [_details(iteration) for iteration in self._done],
        }

    def print(self, as_json: bool) -> int:
        """Says everything and returns the exit code."""
        figures = self.figures()
        print(_text(figures, self._source_label), file=sys.stderr if as_json else sys.stdout)
        if as_json:
            print_json(figures)
        sys.stdout.flush()
        _print_failures(self._script, figures["failures"])
        return 1 if figures["failures"] else 0


def print_json(value: Dict[str, Any]) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2)
    print()


def format_size(size_bytes: int) -> str:
    """Bytes, and the binary unit in which people think of them."""
    size, unit = float(size_bytes), 0
    units = ["", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 1024 and unit + 1 < len(units):
        size, unit = size / 1024, unit + 1
    return f"{size_bytes} bytes ({size:.4g} {units[unit]})" if unit else f"{size_bytes} bytes"


def _text(figures: Dict[str, Any], source_label: str) -> str:
    node = "" if figures["node"] is None else f", node {figures['node']}"
    done, asked = figures["iterations"], figures["iterations_asked"]
    started = done * figures["processes_per_iteration"]
    rows = [
        ("iterations", str(done) if done == asked else f"{done} of {asked}"),
        ("processes per iteration", str(figures["processes_per_iteration"])),
        ("file size", _size_range(figures["file_size_bytes"])),
        ("time per process", _spread_text(figures["process_seconds"])),
        ("time per iteration", _spread_text(figures["iteration_seconds"])),
        ("throughput per process", _rate_text(figures["process_bytes_per_second"])),
        ("throughput per node", _rate_text(figures["node_bytes_per_second"])),
        (source_label, _share_text(figures["source_seconds_share"])),
        ("failed processes", f"{figures['processes_failed']} of {started}"),
    ]
    head = f"{figures['script']} on {figures['host']}{node} (1 GB/s = 10^9 bytes per second)"
    return "\n".join([head, *(f"  {name:<24}{value}" for name, value in rows)])


def _print_failures(script: str, failures: List[Dict[str, Any]]) -> None:
    for failure in failures[:_MAX_REASONS]:
        print(
            f"{script}: iteration {failure['iteration']}, process {failure['process']} "
            f"({failure['path']}) failed: {failure['reason']}",
            file=sys.stderr,
        )
    if len(failures) > _MAX_REASONS:
        more = len(failures) - _MAX_REASONS
        print(f"{script}: and {more} more; --json has them all", file=sys.stderr)


def _details(iteration: Iteration) -> Dict[str, Any]:
    return {
        "wall_seconds": iteration.run.wall_seconds,
        "processes": [
            {"path": path, "bytes": outcome.value.size_bytes, "seconds": outcome.seconds}
            for path, outcome in zip(iteration.paths, iteration.run.outcomes)
            if outcome.error is None
        ],
    }


def _spread(seconds: List[float]) -> Optional[Dict[str, float]]:
    if not seconds:
        return None
    average = sum(seconds) / len(seconds)
    return {"average": average, "least": min(seconds), "most": max(seconds)}


def _rate(amount: float, seconds: float) -> Optional[float]:
    return amount / seconds if seconds > 0 else None


def _size_range(sizes: Optional[Dict[str, int]]) -> str:
    if sizes is None:
        return "none"
    if sizes["least"] == sizes["most"]:
        return format_size(sizes["least"])
    return f"{format_size(sizes['least'])} to {format_size(sizes['most'])}"


def _spread_text(spread: Optional[Dict[str, float]]) -> str:
    if spread is None:
        return "none"
    return f"{spread['average']:.4f} s on average ({spread['least']:.4f} to {spread['most']:.4f})"


def _rate_text(rate: Optional[float]) -> str:
    return "none" if rate is None else f"{rate / 1e9:.3f} GB/s"


def _share_text(share: Optional[float]) -> str:
    return "none" if share is None else f"{share:.0%} of the processes' time"


def script_name(path: str) -> str:
    """A script's name as its messages use it."""
    return os.path.splitext(os.path.basename(path))[0]
