"""An nbdkit plugin: a disk with a volatile write cache, for tests that cut its power.

    nbdkit python volatile_disk.py view=FILE log=FILE size=BYTES [lies=SEED honest_until=FILE]

FILE `view` is what the machine sees, and `pending_bytes` reads there how much of it is volatile.
`log` is what the disk was asked for, in its order: writes and flushes. After a cut, or for any
moment before it, `leave` decides what is left: all that a flush has covered, and of what was
written since then all, nothing, any of it in any order, or parts of it, in whole sectors.

With `lies` most of the flushes, chosen by that seed, are acknowledged and not done: what they
should have covered stays volatile until a later flush that is done. The disk is honest as long as
the file `honest_until` is not there.

A log is one line of JSON for each event, and the bytes of a write follow its line.
"""

from __future__ import annotations

import io
import json
import os
import random
import threading
import time
from typing import Dict, List, NamedTuple, Optional, Sequence

# What a disk writes whole or not at all.
SECTOR = 512

WRITE, FLUSH, LIE = "write", "flush", "lie"


class Event(NamedTuple):
    """What the disk was asked for."""

    # WRITE, FLUSH or LIE.
    what: str
    # Of the clock that all processes have in common.
    at_ns: int
    offset: int = 0
    data: bytes = b""


class VolatileDisk:
    """The disk, as the machine sees it."""

    def __init__(
        self, view: str, log: str, size: int, lies: Optional[int], honest_until: str
    ) -> None:
        with io.open(view, "ab") as file:
            # Behind the disk stands how many bytes no flush has covered.
            file.truncate(size + 8)
        self._view = io.open(view, "r+b", buffering=0)
        self._log = io.open(log, "wb", buffering=0)
        self._lies = None if lies is None else random.Random(lies)
        self._honest_until = honest_until
        self._pending = 0
        self._lock = threading.Lock()
        self.size = size

    def read(self, count: int, offset: int) -> bytes:
        return os.pread(self._view.fileno(), count, offset)

    def write(self, data: bytes, offset: int) -> None:
        with self._lock:
            self._note(Event(WRITE, time.monotonic_ns(), offset, bytes(data)))
            os.pwrite(self._view.fileno(), data, offset)
            self._say_pending(self._pending + len(data))

    def flush(self) -> None:
        with self._lock:
            # Nine of ten are lies: what an honest one covers soon after costs nothing.
            is_lie = self._is_lying() and self._lies.random() < 0.9
            self._note(Event(LIE if is_lie else FLUSH, time.monotonic_ns()))
            if not is_lie:
                self._say_pending(0)

    def close(self) -> None:
        self._view.close()
        self._log.close()

    def _is_lying(self) -> bool:
        return self._lies is not None and os.path.exists(self._honest_until)

    def _say_pending(self, pending: int) -> None:
        self._pending = pending
        os.pwrite(self._view.fileno(), pending.to_bytes(8, "little"), self.size)

    def _note(self, event: Event) -> None:
        line = {"what": event.what, "at_ns": event.at_ns, "offset": event.offset}
        text = json.dumps({**line, "length": len(event.data)}) + "\n"
        self._log.write(text.encode() + event.data)


class Cut(NamedTuple):
    """What a cut has left."""

    # Writes that no flush has covered, their bytes, and what became of them.
    pending: int
    pending_bytes: int
    dropped: int
    torn: int
    # Flushes that were not done.
    lies: int

    @property
    def has_lost(self) -> bool:
        """Whether the disk has less than the machine had written."""
        return self.dropped + self.torn > 0


def read_log(log: str) -> List[Event]:
    """All events; one whose bytes are not all there did not happen."""
    events = []
    with io.open(log, "rb") as file:
        while True:
            line = file.readline()
            if not line.endswith(b"\n"):
                return events
            head = json.loads(line)
            data = file.read(head["length"])
            if len(data) == head["length"]:
                events.append(Event(head["what"], head["at_ns"], head["offset"], data))


def pending_bytes(view: str, size: int) -> int:
    """How much a running disk would lose now."""
    with io.open(view, "rb") as file:
        file.seek(size)
        return int.from_bytes(file.read(8), "little")


def leave(disk: bytearray, events: Sequence[Event], chance: random.Random, share: float) -> Cut:
    """Does to an empty disk what these events have, up to a cut that leaves about that share of
    what no flush has covered."""
    flushes = [number for number, event in enumerate(events) if event.what == FLUSH]
    lasting = flushes[-1] if flushes else 0
    for event in events[:lasting]:
        _put(disk, event)
    pending = [event for event in events[lasting:] if event.what == WRITE]
    # In any order: but of writes to the same place the last stays the last, as drives have it.
    kept = [event for event in pending if chance.random() < share]
    torn = 0
    for event in kept:
        if len(event.data) > SECTOR and share < 1 and chance.random() < 0.2:
            torn += 1
            event = _torn(disk, event, chance)
        _put(disk, event)
    lies = sum(event.what == LIE for event in events)
    volatile = sum(len(event.data) for event in pending)
    return Cut(len(pending), volatile, len(pending) - len(kept), torn, lies)


def some_share(chance: random.Random) -> float:
    """Some drives lose all of their cache, some nothing, most some of it."""
    return chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])


def _torn(disk: bytearray, event: Event, chance: random.Random) -> Event:
    """Some of the sectors of a write, and what stood there before in the place of the others."""
    before = disk[event.offset : event.offset + len(event.data)]
    pieces = []
    for start in range(0, len(event.data), SECTOR):
        is_new = chance.random() < 0.5
        pieces.append((event.data if is_new else before)[start : start + SECTOR])
    return event._replace(data=b"".join(pieces))


def _put(disk: bytearray, event: Event) -> None:
    disk[event.offset : event.offset + len(event.data)] = event.data


# The plugin's side: nbdkit calls these, by these names. So `open` is not Python's here.

_options: Dict[str, str] = {}
_disk: Optional[VolatileDisk] = None

API_VERSION = 2


def config(key: str, value: str) -> None:
    _options[key] = value


def config_complete() -> None:
    for key in ("view", "log", "size"):
        if key not in _options:
            raise RuntimeError(f"{key}= is missing")


def get_ready() -> None:
    global _disk
    lies = int(_options["lies"]) if "lies" in _options else None
    until = _options.get("honest_until", os.devnull)
    size = int(_options["size"])
    _disk = VolatileDisk(_options["view"], _options["log"], size, lies, until)


def open(readonly: bool) -> VolatileDisk:
    assert _disk is not None
    return _disk


def get_size(disk: VolatileDisk) -> int:
    return disk.size


def can_flush(disk: VolatileDisk) -> bool:
    return True


def can_write(disk: VolatileDisk) -> bool:
    return True


def pread(disk: VolatileDisk, buffer: bytearray, offset: int, flags: int) -> None:
    buffer[:] = disk.read(len(buffer), offset)


def pwrite(disk: VolatileDisk, buffer: bytes, offset: int, flags: int) -> None:
    disk.write(buffer, offset)


def flush(disk: VolatileDisk, flags: int) -> None:
    disk.flush()
