"""One short run that is recorded, and cut at every place: after each write and each flush of its
disk. The journal, on another disk, says all that it did just before the next one.

At every place the cache is lost twice, whole and in part. Whatever differs of what is left is an
image of its own, and one machine mounts and judges them all.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import tempfile
import time
from typing import Dict, List, NamedTuple, Sequence, Set

import machine
import power_cut
import volatile_disk
from volatile_disk import FLUSH, LIE, WRITE, Event

# What mkfs.ext4 takes with the smallest journal.
DISK_BYTES = 8 << 20
DATASET = "--seed 16 -n 2 -s 60K..120K --passes 2 --threads 1 --block-size 16K --sync-every 48K"

RECORD = """
set -e
for disk in vda vdb; do mkfs.ext4 -q -F -b 1024 -J size=1 /dev/$disk; done
mkdir -p /data /journal
mount /dev/vda /data && mount /dev/vdb /journal
sync
echo "journal begins"
# What is recorded from here on is cut.
sleep 1
seedfs write {dataset} --direct-io --journal /journal/file --no-publish -q /data/set
echo "run is over"
cat /journal/file
echo "journal ends"
sleep 1000
"""

JUDGE = """
mkdir -p /data
for number in $(cat /numbers); do
    losetup -o $((number * {bytes})) /dev/loop0 /dev/vda
    mount -t ext4 /dev/loop0 /data || exit 40
    mkdir -p /data/set
    seedfs verify --after-crash /journals/$number --json -q /data/set >/report 2>&1
    code=$?
    echo "image $number: $code"
    [ $code = 0 ] || cat /report
    umount /data
    losetup -d /dev/loop0
done
"""


class Judged(NamedTuple):
    """What became of a run that was cut at every place."""

    places: int
    # Images that differ, and writes that were dropped or torn to make them.
    images: int
    lost_writes: int
    # Images on which something was lost though it was synced, or that could not be judged.
    wrong: List[int]
    # Whether a disk that has done none of its flushes was caught.
    lie_is_caught: bool
    out: str

    def line(self) -> str:
        """The result for people."""
        return (
            f"a run cut at {self.places} places, {self.images} images: {self.lost_writes} writes"
            f" dropped or torn, {len(self.wrong)} wrong; that no flush was done is"
            f" {'' if self.lie_is_caught else 'NOT '}seen"
        )


class Recorded(NamedTuple):
    """What the disk was asked for, from which event on the run is, and what the journal says."""

    disk: List[Event]
    first: int
    journal: List[bytes]
    # When the disk of the journal had heard of each line.
    lines_ns: List[int]

    def journal_at(self, moment_ns: int) -> bytes:
        """What the journal says before a moment."""
        said = [line for line, at_ns in zip(self.journal, self.lines_ns) if at_ns < moment_ns]
        return b"".join(said)


def judge(seedfs: str, seed: int) -> Judged:
    """Records a run, and judges it cut at every place."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="seedfs-places-") as folder:
        recorded = _record(seedfs, folder)
        images = _Images(os.path.join(folder, "images"))
        for place in range(recorded.first, len(recorded.disk)):
            # Before the first line there is no journal, and no promise.
            journal = recorded.journal_at(recorded.disk[place].at_ns)
            for share in (0.0, chance.uniform(0.2, 0.9)) if journal else ():
                images.add(recorded.disk[:place], journal, chance, share)
        honest = images.count
        lies = [_lie(event) for event in recorded.disk[recorded.first :]]
        events = [*recorded.disk[: recorded.first], *lies]
        images.add(events, b"".join(recorded.journal), chance, 0.0)
        codes, out = images.judge(seedfs)
    return Judged(
        places=len(recorded.disk) - recorded.first, images=honest, lost_writes=images.lost_writes,
        wrong=[number for number in range(honest) if codes.get(number) != 0],
        lie_is_caught=codes.get(honest) == 1, out=out,
    )  # fmt: skip


def _record(seedfs: str, folder: str) -> Recorded:
    logs = [os.path.join(folder, f"log-{name}") for name in ("disk", "journal")]
    script = RECORD.format(dataset=DATASET)
    programs = [seedfs, power_cut.MAKE["ext4"]]
    with power_cut.volatile(folder, "disk", logs[0], DISK_BYTES) as disk, power_cut.volatile(
        folder, "journal", logs[1], DISK_BYTES
    ) as journal, machine.Machine(script, [disk, journal], programs) as running:
        begun_ns = 0
        for awaited in ("journal begins", "run is over", "journal ends"):
            if running.wait_for(lambda line: line == awaited) is None:
                raise machine.Failed(f"'{awaited}' was not reached:\n{running.output}")
            begun_ns = begun_ns or time.monotonic_ns()
        running.cut()
        said = re.findall(r"^([0-9a-f]{16} \d+ .*)$", running.output, re.MULTILINE)
    lines = [line.encode() + b"\n" for line in said]
    events, of_journal = (volatile_disk.read_log(log) for log in logs)
    first = len([event for event in events if event.at_ns <= begun_ns])
    return Recorded(events, first, lines, [_heard_ns(line, of_journal) for line in lines])


def _heard_ns(line: bytes, events: Sequence[Event]) -> int:
    """When a disk had heard of a line, which begins with a checksum that no other has."""
    return next(event.at_ns for event in events if event.what == WRITE and line[:16] in event.data)


def _lie(event: Event) -> Event:
    return event._replace(what=LIE) if event.what == FLUSH else event


class _Images:
    """Images of the disk, one behind another in a file, each with its journal."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._journals: Dict[str, bytes] = {}
        self._known: Set[bytes] = set()
        self.lost_writes = 0

    @property
    def count(self) -> int:
        return len(self._journals)

    def add(
        self, events: Sequence[Event], journal: bytes, chance: random.Random, share: float
    ) -> None:
        """Adds what a cut after these events leaves, unless there is one like it."""
        content = bytearray(DISK_BYTES)
        cut = volatile_disk.leave(content, events, chance, share)
        digest = hashlib.sha256(content + journal).digest()
        if digest in self._known:
            return
        self._known.add(digest)
        self.lost_writes += cut.dropped + cut.torn
        at = self.count * DISK_BYTES
        power_cut.make_image(self._path, at + DISK_BYTES, content, at)
        self._journals[f"/journals/{self.count}"] = journal

    def judge(self, seedfs: str) -> "tuple[Dict[int, int], str]":
        """The exit code for each image."""
        numbers = " ".join(str(number) for number in range(self.count)).encode()
        done = machine.run(
            JUDGE.format(bytes=DISK_BYTES), [self._path], timeout=1200, programs=[seedfs],
            files={"/numbers": numbers, **self._journals},
        )  # fmt: skip
        found = re.findall(r"^image (\d+): (\d+)$", done.out, re.MULTILINE)
        return {int(number): int(code) for number, code in found}, done.out
