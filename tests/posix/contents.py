"""Random operations whose data is the dataset's own content, each compared with a model in memory.

fsx writes bytes that are nobody's content. What seedfs keeps as addresses is reached by this test
only: pieces of the dataset's files at any offset, zeros and foreign bytes, written, copied, cut,
punched and zeroed over one another at odd places, in files that the dataset names and that it does
not; copied by copy_file_range from files nobody has touched, too.
"""

from __future__ import annotations

import ctypes
import os
import random
from typing import Callable, Iterable, List, NamedTuple

from harness import Cases, Failure, Place

MAX_FILE_BYTES = 400_000
MAX_PIECE_BYTES = 70_000
STEPS_SHOWN = 12

FALLOC_KEEP_SIZE = 0x01
FALLOC_PUNCH_HOLE = 0x02
FALLOC_ZERO_RANGE = 0x10

_libc = ctypes.CDLL(None, use_errno=True)


class Pair(NamedTuple):
    """A file, and what must be in it."""

    name: str
    descriptor: int
    model: bytearray


def fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """The system call: Python has posix_fallocate only."""
    offset_, length_ = ctypes.c_int64(offset), ctypes.c_int64(length)
    if _libc.fallocate(descriptor, mode, offset_, length_) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"fallocate, mode {mode}: {os.strerror(code)}")


class Exerciser:
    """One run, which its seed makes the same every time."""

    def __init__(self, place: Place, seed: int, names: List[str], untouched: List[str]) -> None:
        self._draw = random.Random(seed)
        self._steps: List[str] = []
        # A tmpfs cannot.
        self._zeroes = place.is_seedfs
        self._sources = []
        for name in untouched:
            descriptor = os.open(place.join(name), os.O_RDONLY)
            content = os.pread(descriptor, MAX_FILE_BYTES, 0)
            self._sources.append(Pair(name, descriptor, bytearray(content)))
        self._files = []
        for name in names:
            descriptor = os.open(place.join(name), os.O_RDWR | os.O_CREAT, 0o644)
            content = os.pread(descriptor, MAX_FILE_BYTES, 0)
            self._files.append(Pair(name, descriptor, bytearray(content)))

    def run(self, operations: int) -> None:
        """So many operations; after each, the piece around it is compared, and often everything."""
        kinds: List[Callable[[Pair], None]] = [
            self._write, self._write, self._write, self._copy, self._copy, self._punch,
            self._truncate, self._allocate, self._read, self._read,
        ]
        if self._zeroes:
            kinds.append(self._zero)
        try:
            for step in range(operations):
                file = self._draw.choice(self._files)
                self._draw.choice(kinds)(file)
                if step % 16 == 0:
                    self._compare(file, 0, len(file.model) + 1)
            for file in [*self._files, *self._sources]:
                self._compare(file, 0, len(file.model) + 1)
        finally:
            for file in [*self._files, *self._sources]:
                os.close(file.descriptor)

    def _place(self, limit: int) -> int:
        """An offset; often one near a block's edge."""
        offset = self._draw.randrange(limit + 1)
        return min(limit, offset // 4096 * 4096 + self._draw.choice((0, 0, 1, 15, 16, 17, 4095)))

    def _length(self) -> int:
        """Short, of a block or so, or long."""
        most = self._draw.choice((40, 5000, MAX_PIECE_BYTES))
        return self._draw.randrange(1, most)

    def _piece(self, file: Pair, offset: int) -> bytes:
        """What is written: somebody's content (often what belongs there), zeros, or neither."""
        kind = self._draw.randrange(8)
        length = min(self._length(), MAX_FILE_BYTES - offset)
        if kind == 0:
            return bytes(length)
        if kind == 1:
            return self._draw.randbytes(length)
        source = self._draw.choice(self._sources).model
        begin = offset if kind < 4 else self._place(len(source))
        piece = bytearray(source[begin:begin + length])
        if piece and kind == 7:
            piece[self._draw.randrange(len(piece))] ^= 1
        return bytes(piece)

    def _note(self, what: str, file: Pair, *figures: int) -> None:
        self._steps.append(f"{what} {file.name} {' '.join(map(str, figures))}")

    def _write(self, file: Pair) -> None:
        offset = self._place(MAX_FILE_BYTES)
        piece = self._piece(file, offset)
        self._note("write", file, offset, len(piece))
        if os.pwrite(file.descriptor, piece, offset) != len(piece):
            raise Failure(self._told("a short write"))
        self._put(file, offset, piece)

    def _copy(self, file: Pair) -> None:
        origin = self._draw.choice([*self._sources, *self._files])
        start, offset = self._place(len(origin.model)), self._place(MAX_FILE_BYTES)
        length = min(self._length(), len(origin.model) - start, MAX_FILE_BYTES - offset)
        if origin is file and abs(start - offset) < length:
            length = abs(start - offset)
        if length <= 0:
            return
        self._note(f"copy from {origin.name} {start} to", file, offset, length)
        done = os.copy_file_range(origin.descriptor, file.descriptor, length, start, offset)
        if not 0 < done <= length:
            raise Failure(self._told(f"copy_file_range says {done}"))
        self._put(file, offset, bytes(origin.model[start:start + done]))

    def _punch(self, file: Pair) -> None:
        offset, length = self._place(MAX_FILE_BYTES), self._length()
        self._note("punch", file, offset, length)
        fallocate(file.descriptor, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length)
        end = min(offset + length, len(file.model))
        if offset < end:
            file.model[offset:end] = bytes(end - offset)
        self._compare(file, offset - 20, length + 40)

    def _zero(self, file: Pair) -> None:
        offset = self._place(MAX_FILE_BYTES - 1)
        length = min(self._length(), MAX_FILE_BYTES - offset)
        self._note("zero", file, offset, length)
        fallocate(file.descriptor, FALLOC_ZERO_RANGE, offset, length)
        self._put(file, offset, bytes(length))

    def _allocate(self, file: Pair) -> None:
        offset = self._place(MAX_FILE_BYTES - 1)
        length = min(self._length(), MAX_FILE_BYTES - offset)
        self._note("allocate", file, offset, length)
        fallocate(file.descriptor, 0, offset, length)
        self._grow(file, offset + length)
        self._compare(file, offset - 20, length + 40)

    def _truncate(self, file: Pair) -> None:
        size = self._place(MAX_FILE_BYTES)
        self._note("truncate", file, size)
        os.ftruncate(file.descriptor, size)
        del file.model[size:]
        self._grow(file, size)
        self._compare(file, size - 5000, 10_000)

    def _read(self, file: Pair) -> None:
        offset, length = self._place(len(file.model)), self._length()
        self._note("read", file, offset, length)
        self._compare(file, offset, length)

    def _grow(self, file: Pair, size: int) -> None:
        file.model.extend(bytes(max(0, size - len(file.model))))

    def _put(self, file: Pair, offset: int, piece: bytes) -> None:
        if piece:
            self._grow(file, offset)
            file.model[offset:offset + len(piece)] = piece
        self._compare(file, offset - 20, len(piece) + 40)

    def _compare(self, file: Pair, offset: int, length: int) -> None:
        offset = max(0, offset)
        size = os.fstat(file.descriptor).st_size
        if size != len(file.model):
            raise Failure(self._told(f"{file.name}: size {size}, must be {len(file.model)}"))
        seen = os.pread(file.descriptor, length, offset)
        right = bytes(file.model[offset:offset + length])
        if seen != right:
            # The first place that differs, or the end of the shorter one.
            pairs = enumerate(zip(seen, right))
            short = min(len(seen), len(right))
            first = next((place for place, (a, b) in pairs if a != b), short)
            raise Failure(self._told(
                f"{file.name}: at {offset + first} of {size}: {seen[first:first + 16].hex()}, "
                f"must be {right[first:first + 16].hex()} (read {len(seen)} of {len(right)} bytes)"
            ))

    def _told(self, what: str) -> str:
        last = self._steps[-STEPS_SHOWN:]
        return "\n".join([what, f"after {len(self._steps)} operations, the last of them:", *last])


def run_cases(
    cases: Cases, place: Place, label: str, dataset: List[str], seeds: Iterable[int],
    operations: int,
) -> None:
    """Each seed on a new file and a file of the dataset, with contents of the others."""
    def case(seed: int) -> None:
        names = [f"contents-{seed}", dataset[seed % 2]]
        Exerciser(place, seed, names, dataset[2:]).run(operations)

    for seed in seeds:
        name = f"contents, {label}, seed {seed}, {operations:,} operations"
        cases.run(name, lambda seed=seed: case(seed))
