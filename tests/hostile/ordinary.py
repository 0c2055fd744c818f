"""The user beside the hostile one: asks every 100 ms, times the answers, checks the bytes.

A witness does the same in a directory that is no seedfs mount. Where the witness waits too, the
machine was busy, and nobody is to blame.
"""

from __future__ import annotations

import errno
import mmap
import os
import random
import struct
import time
from typing import Callable, List, NamedTuple

INTERVAL_S = 0.1
LATE_S = 1.0
HANGING_S = 5.0
_BLOCK = 64 << 10
_SLOT = struct.Struct("<dq")


class Wrong(Exception):
    """Bytes are not what they must be."""


def expect(holds: bool, otherwise: str) -> None:
    """Fails with what is wrong."""
    if not holds:
        raise Wrong(otherwise)


class Answer(NamedTuple):
    """One question and how long it took."""

    round: int
    what: str
    begun: float
    seconds: float


class Progress:
    """What a process is waiting for right now, where its parent can see it."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def begin(self) -> None:
        """A question is asked."""
        _SLOT.pack_into(self._page, 0, time.monotonic(), 1)

    def end(self) -> None:
        """It is answered."""
        _SLOT.pack_into(self._page, 0, time.monotonic(), 0)

    def waiting_s(self) -> float:
        """For how long the question under way has had no answer."""
        begun, under_way = _SLOT.unpack_from(self._page, 0)
        return time.monotonic() - begun if under_way else 0.0


class Place(NamedTuple):
    """Where a user asks."""

    folder: str
    """A directory of its own."""
    right: str
    """A file that holds, and must hold, `content`."""
    content: bytes
    writes: bool = True
    """Not where root puts everything back meanwhile."""


def ask(place: Place, progress: Progress, tell: Callable[[Answer], None], seed: int) -> None:
    """Asks until the process is ended. What it reads wrong ends it with Wrong."""
    chance = random.Random(seed)
    kept = os.path.join(place.folder, "kept")
    expected = b""
    number = 0

    def timed(what: str, call: Callable[..., object], *arguments: object) -> object:
        begun = time.monotonic()
        progress.begin()
        try:
            return call(*arguments)
        finally:
            progress.end()
            tell(Answer(number, what, begun, time.monotonic() - begun))

    while True:
        offset = chance.randrange(len(place.content) - _BLOCK)
        block = place.content[offset : offset + _BLOCK]
        # The kernel remembers what it has been told: a name that was never asked for is asked of
        # the file system, as are the space left, a listing, reads and writes.
        timed("statfs", os.statvfs, place.folder)
        timed("stat", os.path.lexists, os.path.join(place.folder, f"no-{number}"))
        timed("ls", os.listdir, place.folder)
        found = timed("read", _read, place.right, offset)
        expect(found == block, f"{place.right} at {offset}: reads as what does not belong there")
        if place.writes:
            timed("write of right bytes", _write, place.right, block, offset)
            data = chance.randbytes(_BLOCK)
            if timed("write", _write, kept, data, 0):
                expected = data
            found = timed("reading back", _read, kept, 0)
            expect(found == expected, f"{kept}: reads back as what was not written")
        number += 1
        time.sleep(INTERVAL_S)


def _read(path: str, offset: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, _BLOCK, offset)
    finally:
        os.close(descriptor)


def _write(path: str, data: bytes, offset: int) -> bool:
    """Whether it went in: the hostile user may have taken all the room that there is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            expect(os.pwrite(descriptor, data, offset) == len(data), f"{path}: a short write")
        finally:
            os.close(descriptor)
        return True
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return False
        raise


def judge(answers: List[Answer], witnessed: List[Answer]) -> List[str]:
    """Whether answers came too late.

    One is late where it took more than a second longer than the witness waited at about that time.
    A single late one can be an accident of a busy machine; it is a failure where three rounds in a
    row have one, where more than one in a hundred is late and there are three of them, or where one
    took 5 seconds.
    """
    late = [answer for answer in answers if _excess(answer, witnessed) > LATE_S]
    rounds = sorted({answer.round for answer in late})
    in_a_row = any(number + 1 in rounds and number + 2 in rounds for number in rounds)
    worst = max(late, key=lambda answer: answer.seconds, default=None)
    if worst is None or not (
        in_a_row
        or len(late) >= max(3, len(answers) / 100)
        or _excess(worst, witnessed) > HANGING_S
    ):
        return []
    return [
        f"another user waited: {len(late)} of {len(answers)} answers took more than a second, "
        f"'{worst.what}' {worst.seconds:.1f} s"
    ]


def _excess(answer: Answer, witnessed: List[Answer]) -> float:
    if answer.seconds <= LATE_S:
        return 0.0
    end = answer.begun + answer.seconds
    return answer.seconds - max(
        (other.seconds for other in witnessed
         if other.begun < end + 1 and other.begun + other.seconds > answer.begun - 1),
        default=0.0,
    )
