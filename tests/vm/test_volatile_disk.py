"""The disk with a volatile cache, and the slow count of broken promises, without a machine."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import unittest
from typing import List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import promises  # noqa: E402
import volatile_disk  # noqa: E402
from volatile_disk import FLUSH, LIE, SECTOR, WRITE, Event  # noqa: E402

OLD, NEW = b"o" * 4 * SECTOR, b"n" * 4 * SECTOR


def events(*what: str) -> List[Event]:
    """The old bytes, something, the new bytes, something."""
    return [Event(WRITE, 0, 0, OLD), Event(what[0], 0), Event(WRITE, 0, 0, NEW)] + [
        Event(one, 0) for one in what[1:]
    ]


def left(of: List[Event], share: float, seed: int = 0) -> bytes:
    disk = bytearray(len(OLD))
    volatile_disk.leave(disk, of, random.Random(seed), share)
    return bytes(disk)


class VolatileDiskTest(unittest.TestCase):
    def test_a_cut_leaves_what_a_flush_has_covered(self) -> None:
        self.assertEqual(left(events(FLUSH), 0.0), OLD)
        self.assertEqual(left(events(FLUSH), 1.0), NEW)
        self.assertEqual(left(events(FLUSH, FLUSH), 0.0), NEW)
        self.assertEqual(left(events(FLUSH, LIE), 0.0), OLD)
        self.assertEqual(left(events(LIE, LIE), 0.0), bytes(len(OLD)))

    def test_what_is_volatile_is_kept_lost_or_torn_in_whole_sectors(self) -> None:
        seen = {left(events(FLUSH), 0.5, seed) for seed in range(200)}
        self.assertLessEqual({OLD, NEW}, seen)
        torn = seen - {OLD, NEW}
        self.assertTrue(torn)
        for disk in torn:
            sectors = [disk[at : at + SECTOR] for at in range(0, len(disk), SECTOR)]
            self.assertLessEqual(set(sectors), {OLD[:SECTOR], NEW[:SECTOR]})

    def test_a_log_says_what_the_disk_was_asked_for(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            view, log = os.path.join(folder, "view"), os.path.join(folder, "log")
            disk = volatile_disk.VolatileDisk(view, log, 8 * SECTOR, None, os.devnull)
            disk.write(OLD, SECTOR)
            self.assertEqual(volatile_disk.pending_bytes(view, disk.size), len(OLD))
            disk.flush()
            self.assertEqual(volatile_disk.pending_bytes(view, disk.size), 0)
            self.assertEqual(disk.read(len(OLD), SECTOR), OLD)
            said = [(event.what, event.offset, event.data) for event in volatile_disk.read_log(log)]
            self.assertEqual(said, [(WRITE, SECTOR, OLD), (FLUSH, 0, b"")])
            disk.close()


class PromisesTest(unittest.TestCase):
    """A file of 100 bytes in two generations, of which the first was synced."""

    class Known(promises.Dataset):
        def __init__(self) -> None:
            self.generations = 2

        def content(self, path: str, generation: int) -> bytes:
            return bytes([1 + generation]) * 100

    def lost(self, data: "bytes | None", **known: object) -> promises.Lost:
        of = {"written": [], "synced": [[0, 100, 0]], "name": "synced", "over": False, **known}
        line = json.dumps({"files": {"first": 0, "last": 0, "known": of}})
        files = {} if data is None else {"file": data}
        return promises.lost(self.Known(), f"digits 1 {line}\n".encode(), ["file"], files)

    def test_what_was_synced_and_is_not_there_is_lost(self) -> None:
        first, second = bytes([1]) * 100, bytes([2]) * 100
        self.assertEqual(self.lost(first), (0, 0))
        self.assertEqual(self.lost(second[:48] + first[48:]), (0, 0), "newer is right")
        self.assertEqual(self.lost(None), (100, 1))
        self.assertEqual(self.lost(first[:40]), (60, 0))
        self.assertEqual(self.lost(first + b"more"), (4, 0))
        # One wrong byte is a wrong cell, and the last cell takes what is too short for one.
        self.assertEqual(self.lost(b"x" + first[1:]), (16, 0))
        self.assertEqual(self.lost(first[:99] + b"x"), (20, 0))
        self.assertEqual(self.lost(first, synced=[[0, 100, 1]]), (100, 0), "stale")

    def test_what_was_not_promised_is_not_lost(self) -> None:
        self.assertEqual(self.lost(None, name="given"), (0, 0))
        self.assertEqual(self.lost(bytes(100), over=True), (0, 0))
        self.assertEqual(self.lost(bytes(100), synced=[[0, 32, 0]]), (32, 0))


if __name__ == "__main__":
    unittest.main()
