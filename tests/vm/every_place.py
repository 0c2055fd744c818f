"""One short run that is recorded, and cut at every place: after each write and each flush of its
disk, and after each of the disk that the journal is on.

At every place the cache is lost twice, whole and in part. What is left is an image of its own, and
one machine mounts and judges them all.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import time
from typing import Dict, List, NamedTuple, Sequence

import machine
import power_cut
import volatile_disk
from volatile_disk import FLUSH, LIE, Event

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
seedfs write {dataset} --journal /journal/file --no-publish -q /data/set
echo "run is over"
sleep 1000
"""

JUDGE = """
mkdir -p /data /journal
place=0
while [ $place -lt {places} ]; do
    losetup -o $((place * {bytes})) /dev/loop0 /dev/vda
    losetup -o $((place * {bytes})) /dev/loop1 /dev/vdb
    mount -t ext4 /dev/loop0 /data && mount -t ext4 /dev/loop1 /journal || exit 40
    mkdir -p /data/set
    code=nothing
    if [ -e /journal/file ]; then
        seedfs verify --after-crash /journal/file --json -q /data/set >/report 2>&1
        code=$?
    fi
    echo "place $place: $code"
    [ $code = nothing ] || [ $code = 0 ] || cat /report
    umount /data /journal
    losetup -d /dev/loop0
    losetup -d /dev/loop1
    place=$((place + 1))
done
"""


class Judged(NamedTuple):
    """What became of a run that was cut at every place."""

    places: int
    # Images, writes of all of them that were dropped or torn, and those without a journal yet.
    images: int
    lost_writes: int
    unjudged: int
    # Images on which something was lost though it was synced, or that could not be judged.
    wrong: List[int]
    # Whether a disk that has done none of its flushes was caught.
    lie_is_caught: bool
    out: str

    def line(self) -> str:
        """The result for people."""
        return (
            f"a run cut at {self.places} places, {self.images} images: {self.lost_writes} writes"
            f" dropped or torn, {self.unjudged} images from before the journal, {len(self.wrong)}"
            f" wrong; that no flush was done is {'' if self.lie_is_caught else 'NOT '}seen"
        )


class Recorded(NamedTuple):
    """What two disks were asked for, and when the run began."""

    disk: List[Event]
    journal: List[Event]
    begun_ns: int


def judge(seedfs: str, seed: int) -> Judged:
    """Records a run, and judges it cut at every place."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="seedfs-places-") as folder:
        recorded = _record(seedfs, folder)
        moments = [event.at_ns for event in (*recorded.disk, *recorded.journal)]
        moments = sorted(moment for moment in moments if moment > recorded.begun_ns)
        images = _Images(folder)
        for moment in moments:
            for share in (0.0, chance.uniform(0.2, 0.9)):
                images.add(_until(recorded.disk, moment), _until(recorded.journal, moment),
                           chance, share)  # fmt: skip
        lies = [_lie(event, recorded.begun_ns) for event in recorded.disk]
        images.add(lies, recorded.journal, chance, 0.0)
        codes, out = images.judge(seedfs)
    last = images.count - 1
    wrong = [number for number in range(last) if codes.get(number) not in ("0", "nothing")]
    return Judged(
        places=len(moments), images=last, lost_writes=images.lost_writes,
        unjudged=list(codes.values()).count("nothing"), wrong=wrong,
        lie_is_caught=codes.get(last) == "1", out=out,
    )  # fmt: skip


def _record(seedfs: str, folder: str) -> Recorded:
    logs = [os.path.join(folder, f"log-{name}") for name in ("disk", "journal")]
    script = RECORD.format(dataset=DATASET)
    programs = [seedfs, power_cut.MAKE["ext4"]]
    with power_cut.volatile(folder, "disk", logs[0], DISK_BYTES) as disk, power_cut.volatile(
        folder, "journal", logs[1], DISK_BYTES
    ) as journal, machine.Machine(script, [disk, journal], programs) as running:
        begun_ns = 0
        for awaited in ("journal begins", "run is over"):
            if running.wait_for(lambda line: line == awaited) is None:
                raise machine.Failed(f"'{awaited}' was not reached:\n{running.output}")
            begun_ns = begun_ns or time.monotonic_ns()
        running.cut()
    return Recorded(*(volatile_disk.read_log(log) for log in logs), begun_ns)


def _until(events: Sequence[Event], moment: int) -> List[Event]:
    return [event for event in events if event.at_ns <= moment]


def _lie(event: Event, begun_ns: int) -> Event:
    is_lie = event.what == FLUSH and event.at_ns > begun_ns
    return event._replace(what=LIE) if is_lie else event


class _Images:
    """Images of both disks, one behind another in two files."""

    def __init__(self, folder: str) -> None:
        self._files = [os.path.join(folder, f"all-{name}") for name in ("disk", "journal")]
        self.count = 0
        self.lost_writes = 0

    def add(
        self, disk: Sequence[Event], journal: Sequence[Event], chance: random.Random, share: float
    ) -> None:
        """The journal's disk keeps whatever it got."""
        for file, events, kept in zip(self._files, (disk, journal), (share, 1.0)):
            content = bytearray(DISK_BYTES)
            cut = volatile_disk.leave(content, events, chance, kept)
            self.lost_writes += cut.dropped + cut.torn
            at = self.count * DISK_BYTES
            power_cut.make_image(file, at + DISK_BYTES, content, at)
        self.count += 1

    def judge(self, seedfs: str) -> "tuple[Dict[int, str], str]":
        """The exit code for each image."""
        script = JUDGE.format(places=self.count, bytes=DISK_BYTES)
        done = machine.run(script, self._files, timeout=1200, programs=[seedfs])
        found = re.findall(r"^place (\d+): (\w+)$", done.out, re.MULTILINE)
        return {int(number): code for number, code in found}, done.out
