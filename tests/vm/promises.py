"""What a journal promises, held against what is left, cell by cell: the slow and obvious form of
`seedfs verify --after-crash`, which shares nothing with it but the bytes of the dataset."""

from __future__ import annotations

import json
import subprocess
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

# What two generations cannot have alike by chance.
CELL = 16
# What is compared first, because it is mostly right.
CHUNK = 4096

Piece = Tuple[int, int]


class Lost(NamedTuple):
    """What was lost though it was synced."""

    bytes: int
    names: int


class Known(NamedTuple):
    """What a journal knows of a file."""

    synced: List[Tuple[int, int, int]]
    name: str
    over: bool


class Dataset:
    """The content of files in each generation, as `seedfs cat` has it."""

    def __init__(self, seedfs: str, options: str, generations: int) -> None:
        self._command = [seedfs, "cat", *options.split()]
        self._contents: Dict[Tuple[str, int], bytes] = {}
        self.generations = generations

    def content(self, path: str, generation: int) -> bytes:
        known = self._contents.get((path, generation))
        if known is None:
            command = [*self._command, "--generation", str(generation), path]
            known = subprocess.run(command, check=True, capture_output=True).stdout
            self._contents[(path, generation)] = known
        return known


def lost(dataset: Dataset, journal: bytes, paths: Sequence[str], left: Dict[str, bytes]) -> Lost:
    """Counts it. `paths` are those of the files in their order, `left` what is there."""
    known, total = _replay(journal), Lost(0, 0)
    for number, path in enumerate(paths):
        if number in known:
            of_file = _lost_of(dataset, path, known[number], left.get(path))
            total = Lost(total.bytes + of_file.bytes, total.names + of_file.names)
    return total


def _replay(journal: bytes) -> Dict[int, Known]:
    known = {}
    for line in journal.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        said = json.loads(line.split(b" ", 2)[2]).get("files")
        if said is not None:
            of = said["known"]
            for number in range(said["first"], said["last"] + 1):
                known[number] = Known(of["synced"], of["name"], of["over"])
    return known


def _lost_of(dataset: Dataset, path: str, known: Known, data: Optional[bytes]) -> Lost:
    if data is None and known.name != "synced":
        return Lost(0, 0)
    count = 0
    size = len(dataset.content(path, 0))
    for start, end, generation in [] if known.over else known.synced:
        pieces = [(start, min(end, size))]
        # Any generation that is not older will do.
        for later in range(generation, dataset.generations):
            content = dataset.content(path, later)
            found = [_differing(data or b"", content, piece) for piece in pieces]
            pieces = [piece for of_one in found for piece in of_one]
            if not pieces:
                break
        count += sum(end - start for start, end in pieces)
        if data is not None and start < size <= end:
            # Beyond the end that was synced nothing may be.
            count += max(0, len(data) - size)
    return Lost(count, int(data is None))


def _differing(data: bytes, content: bytes, piece: Piece) -> List[Piece]:
    start, end = piece
    if start >= end or data[start:end] == content[start:end]:
        return []
    if start >= len(data):
        return [piece]
    if end > len(data):
        # What is not there is a piece of its own.
        return _differing(data, content, (start, len(data))) + [(len(data), end)]
    for step in (CHUNK, CELL):
        if end - start >= 2 * step:
            return _split(data, content, piece, step)
    return [piece]


def _split(data: bytes, content: bytes, piece: Piece, step: int) -> List[Piece]:
    start, end = piece
    borders = list(range(start, end, step))
    # The last cell takes what is too short for one.
    if end - borders[-1] < CELL:
        borders.pop()
    pieces = zip(borders, [*borders[1:], end])
    return [wrong for one in pieces for wrong in _differing(data, content, one)]
