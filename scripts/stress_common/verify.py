"""Comparing many files at once, and saying what was found."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from .crew import run_crew
from .errors import reason_of
from .report import print_json
from .streams import FileSource, compare

_BLOCK_BYTES = 1 << 20


class Pair(NamedTuple):
    """One comparison: the file under test, and what opens the bytes that it should have."""

    path: str
    open_expected: Callable[[], Any]


class Finding(NamedTuple):
    """What is wrong with one file; `problem` is None where nothing is."""

    path: str
    problem: Optional[str] = None
    offset: Optional[int] = None
    """The first wrong byte's, where the file could be compared."""


class _CompareTask:
    """One process's share of the files."""

    def __init__(self, pairs: List[Pair]) -> None:
        self._pairs = pairs

    def prepare(self) -> None:
        """Needs nothing: this work is not timed."""

    def run(self) -> List[Finding]:
        """A finding for each file, in their order."""
        return [_examine(pair) for pair in self._pairs]

    def check(self) -> None:
        """Every problem is in the findings already."""


def compare_all(pairs: List[Pair], jobs: int) -> List[Finding]:
    """Compares every pair, `jobs` at a time; findings come in the pairs' order."""
    shares = [pairs[first::jobs] for first in range(min(jobs, len(pairs)))]
    outcomes = run_crew([_CompareTask(share) for share in shares]).outcomes
    findings: List[Finding] = [Finding(pair.path) for pair in pairs]
    for first, (share, outcome) in enumerate(zip(shares, outcomes)):
        # A process that was killed compared nothing, whatever it had seen by then.
        found = outcome.value or [Finding(pair.path, outcome.error) for pair in share]
        findings[first::jobs] = found
    return findings


def conclude(script: str, findings: List[Finding], arguments: argparse.Namespace) -> int:
    """Says what was found; the exit code."""
    wrong = [finding for finding in findings if finding.problem is not None]
    for finding in wrong:
        print(f"{script}: {finding.path}: {finding.problem}", file=sys.stderr)
    right = len(findings) - len(wrong)
    out = sys.stderr if arguments.json else sys.stdout
    print(f"{script}: {right} of {len(findings)} files are right", file=out)
    if arguments.json:
        print_json(_figures(script, arguments.node, findings, wrong))
    return 1 if wrong else 0


def _figures(
    script: str, node: Optional[int], findings: List[Finding], wrong: List[Finding]
) -> Dict[str, Any]:
    return {
        "schema": 1,
        "script": script,
        "node": node,
        "files": len(findings),
        "files_right": len(findings) - len(wrong),
        "wrong": [
            {"path": finding.path, "problem": finding.problem, "offset": finding.offset}
            for finding in wrong
        ],
    }


def _examine(pair: Pair) -> Finding:
    try:
        found = FileSource(pair.path)
        try:
            expected = pair.open_expected()
            try:
                difference = compare(expected, found, _BLOCK_BYTES)
            finally:
                expected.close()
            if difference is not None:
                return Finding(pair.path, str(difference), difference.offset)
            # Both ended together; each must also have ended as it should.
            expected.check()
            found.check()
        finally:
            found.close()
    except Exception as error:  # pylint: disable=broad-except
        # A file that cannot be compared is wrong, and the others are still compared.
        return Finding(pair.path, reason_of(error))
    return Finding(pair.path)
