"""An nbdkit plugin: a disk with a volatile write cache, for tests that cut its power.

    nbdkit python volatile_disk.py image=FILE log=FILE size=BYTES [lies=SEED honest_until=FILE]

FILE `image` is what the disk has for sure: a write gets there when a flush covers it. `log` holds
the writes that no flush has covered yet, in their order. After a cut `materialise` decides which of
them reach the image: all, none, any of them in any order, or parts of them, in whole sectors.

With `lies` most of the flushes, chosen by that seed, are acknowledged and not done: what they
should have covered stays volatile until a later flush that is done. It is honest as long as the
file `honest_until` is not there.

A log is one line of JSON for each event, and the bytes of a write follow its line.
"""

from __future__ import annotations

import io
import json
import os
import random
import threading
from typing import BinaryIO, Dict, List, NamedTuple, Optional

# What a disk writes whole or not at all.
SECTOR = 512


class Write(NamedTuple):
    """A write that a cut may undo."""

    offset: int
    data: bytes


class VolatileDisk:
    """The disk: what it has for sure, and what it has only in its cache."""

    def __init__(
        self, image: str, log: str, size: int, lies: Optional[int], honest_until: str
    ) -> None:
        with io.open(image, "ab") as file:
            file.truncate(size)
        self._image = io.open(image, "r+b", buffering=0)
        self._log_name = log
        self._log = io.open(log, "wb", buffering=0)
        self._pending: List[Write] = []
        self._lies = None if lies is None else random.Random(lies)
        self._honest_until = honest_until
        self._lock = threading.Lock()
        self.size = size

    def read(self, count: int, offset: int) -> bytearray:
        with self._lock:
            data = bytearray(os.pread(self._image.fileno(), count, offset))
            for write in self._pending:
                first = max(write.offset, offset)
                last = min(write.offset + len(write.data), offset + count)
                if first < last:
                    piece = write.data[first - write.offset : last - write.offset]
                    data[first - offset : last - offset] = piece
            return data

    def write(self, data: bytes, offset: int) -> None:
        with self._lock:
            write = Write(offset, bytes(data))
            line = json.dumps({"write": offset, "length": len(write.data)}) + "\n"
            self._log.write(line.encode() + write.data)
            self._pending.append(write)

    def flush(self) -> None:
        with self._lock:
            # Nine of ten are lies: what an honest one covers soon after costs nothing.
            if self._is_lying() and self._lies.random() < 0.9:
                self._log.write(b'{"lie": true}\n')
                return
            for write in self._pending:
                _put(self._image, write.offset, write.data)
            self._pending.clear()
            # From here on the image has it: a log that begins again says so.
            os.ftruncate(self._log.fileno(), 0)
            self._log.seek(0)

    def _is_lying(self) -> bool:
        return self._lies is not None and os.path.exists(self._honest_until)


class Cut(NamedTuple):
    """What a cut has left."""

    pending: int
    dropped: int
    torn: int
    lies: int


def materialise(image: str, log: str, chance: random.Random) -> Cut:
    """Decides what of the cache reaches the image, as a drive does whose power goes."""
    writes, lies = _read_log(log)
    # Some drives lose all of it, some nothing, most some of it.
    share = chance.choice([0.0, 0.2, 0.5, 0.8, 1.0])
    kept = [write for write in writes if chance.random() < share]
    dropped, torn = len(writes) - len(kept), 0
    # In any order: but of writes to the same place the last stays the last, as drives have it.
    with io.open(image, "r+b", buffering=0) as disk:
        for write in kept:
            data = write.data
            if len(data) > SECTOR and chance.random() < 0.2:
                torn += 1
                data = _torn(disk, write, chance)
            _put(disk, write.offset, data)
    return Cut(len(writes), dropped, torn, lies)


def _torn(disk: BinaryIO, write: Write, chance: random.Random) -> bytes:
    """Some of the sectors of a write, and what stood there before in the place of the others."""
    before = os.pread(disk.fileno(), len(write.data), write.offset)
    pieces = []
    for start in range(0, len(write.data), SECTOR):
        is_new = chance.random() < 0.5
        pieces.append((write.data if is_new else before)[start : start + SECTOR])
    return b"".join(pieces)


def _read_log(log: str) -> "tuple[List[Write], int]":
    writes, lies = [], 0
    with io.open(log, "rb") as file:
        while True:
            line = file.readline()
            if not line.endswith(b"\n"):
                return writes, lies
            event = json.loads(line)
            if "lie" in event:
                lies += 1
                continue
            data = file.read(event["length"])
            if len(data) == event["length"]:
                writes.append(Write(event["write"], data))


def _put(disk: BinaryIO, offset: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(disk.fileno(), data[done:], offset + done)


# The plugin's side: nbdkit calls these, by these names. So `open` is not Python's here.

_options: Dict[str, str] = {}
_disk: Optional[VolatileDisk] = None

API_VERSION = 2


def config(key: str, value: str) -> None:
    _options[key] = value


def config_complete() -> None:
    for key in ("image", "log", "size"):
        if key not in _options:
            raise RuntimeError(f"{key}= is missing")


def get_ready() -> None:
    global _disk
    lies = int(_options["lies"]) if "lies" in _options else None
    until = _options.get("honest_until", os.devnull)
    size = int(_options["size"])
    _disk = VolatileDisk(_options["image"], _options["log"], size, lies, until)


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


