"""One power cut: a machine writes with a journal, loses its power, and what is left is judged.

The disk under test is an nbdkit server with a volatile write cache (volatile_disk.py). The journal
is on another disk, which keeps all that it got. The machine is killed at a random moment, and what
the cache had is dropped, kept or torn as drives do it. A second machine mounts both disks, which
replays the journal of the file system, and runs `seedfs verify --after-crash`. It hands out the
files and the journal too: `promises` counts what was lost once more, in its own way.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import subprocess
import tarfile
import tempfile
import time
from typing import Dict, Iterator, NamedTuple, Optional

import machine
import promises
import volatile_disk

PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "volatile_disk.py")
# The smallest that mkfs.xfs takes.
DISK_BYTES = 320 << 20
JOURNAL_BYTES = 64 << 20
# More than all files and the journal.
LEFT_BYTES = 64 << 20
MAKE = {"ext4": "/usr/sbin/mkfs.ext4", "xfs": "/usr/sbin/mkfs.xfs"}
FORCE = {"ext4": "-F", "xfs": "-f"}
# The rhythms that a run can have. Past the page cache nothing makes few large writes of many.
RHYTHMS = [
    "--sync-every 1M --direct-io --block-size 64K",
    "--sync-at-end --direct-io --block-size 16K",
    "--sync-every 256K",
    "--fsync --direct-io --block-size 16K",
    "--sync-at-end",
]
FILES = 12
DATASET = f"--seed 15 -n {FILES} -s 64K..1500K"
PATHS = [f"node_0/process_0/file_{number}" for number in range(FILES)]
# More than a machine gets done before it is cut.
PASSES = 200

WRITE = """
set -e
{make} -q {force} /dev/vda
mkfs.ext4 -q -F /dev/vdb
mkdir -p /data /journal
# What was made before the run is on the disk: it is the run that is cut.
mount /dev/vda /data && mount /dev/vdb /journal
sync
# The kernel writes back early, so that much is in the disk's cache that no flush has covered.
echo 5 >/proc/sys/vm/dirty_writeback_centisecs
echo 5 >/proc/sys/vm/dirty_expire_centisecs
echo "journal begins"
seedfs write {dataset} --threads 4 --passes {passes} {rhythm} --journal /journal/file \\
    --no-publish -q /data/set
echo "run is over"
sleep 1000
"""

JUDGE = """
mkdir -p /data /journal
mount /dev/vda /data || exit 40
mount /dev/vdb /journal || exit 41
# If the directory is gone, all that was in it is missing.
mkdir -p /data/set || exit 42
seedfs verify --after-crash /journal/file --json -q /data/set >/report
code=$?
echo "report begins"
cat /report
echo "report ends"
tar -cf /dev/vdc -C / journal/file data/set 2>/tar-errors
exit $code
"""


class Outcome(NamedTuple):
    """What became of one cut."""

    filesystem: str
    rhythm: str
    after_s: float
    left: volatile_disk.Cut
    # Of `verify --after-crash`: 0 where every promise was kept.
    code: int
    report: Optional[dict]
    # What was counted beside it, where every file could be read.
    counted: Optional[promises.Lost]
    # Where the file system could not be mounted.
    error: str

    @property
    def lost(self) -> promises.Lost:
        """What `verify` says was lost though it was synced."""
        if self.report is None:
            return promises.Lost(0, 0)
        of = self.report["bytes"], self.report["names"]
        return promises.Lost(*(one["lost_though_synced"] for one in of))

    def line(self) -> str:
        """The outcome for people."""
        cut = self.left
        text = (
            f"{self.filesystem:4} {self.rhythm} cut after {self.after_s:4.1f} s: of {cut.pending}"
            f" volatile writes ({cut.pending_bytes >> 10} KiB) {cut.dropped} dropped, {cut.torn}"
            f" torn, {cut.lies} flushes a lie; "
        )
        if self.report is None:
            return text + "what is left cannot be mounted"
        byte, run = self.report["bytes"], self.report["journal"]
        return text + (
            f"generation {run['generation']}; right {byte['right']}, stale {byte['stale']}, torn"
            f" {byte['torn']}, never synced {byte['lost_never_synced']}, though synced"
            f" {byte['lost_though_synced']}: {self.report['verdict']}"
        )


def cut_once(seedfs: str, filesystem: str, rhythm: str, lies: bool, seed: int) -> Outcome:
    """Makes a machine write, cuts its power, and judges what is left."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="seedfs-cut-") as folder:
        image, log, journal = (os.path.join(folder, name) for name in ("image", "log", "journal"))
        make_image(journal, JOURNAL_BYTES)
        begun = os.path.join(folder, "begun")
        # File systems are made before the lies begin.
        options = [f"lies={seed}", f"honest_until={begun}"] if lies else []
        with volatile(folder, "disk", log, DISK_BYTES, *options) as disk:
            script = WRITE.format(
                make=os.path.basename(MAKE[filesystem]), force=FORCE[filesystem], rhythm=rhythm,
                dataset=DATASET, passes=PASSES,
            )  # fmt: skip
            programs = [seedfs, *MAKE.values()]
            with machine.Machine(script, [disk, machine.Disk(journal)], programs) as running:
                if running.wait_for(lambda line: line == "journal begins") is None:
                    raise machine.Failed(f"the run did not begin:\n{running.output}")
                make_image(begun, 0)
                begun_s = time.monotonic()
                _wait_for_a_moment(os.path.join(folder, "disk-view"), chance)
                after_s = time.monotonic() - begun_s
                running.cut()
        content = bytearray(DISK_BYTES)
        share = volatile_disk.some_share(chance)
        left = volatile_disk.leave(content, volatile_disk.read_log(log), chance, share)
        make_image(image, DISK_BYTES, content)
        code, report, counted, error = _judge(seedfs, image, journal, folder)
    return Outcome(filesystem, rhythm, after_s, left, code, report, counted, error)


def _wait_for_a_moment(view: str, chance: random.Random) -> None:
    """A random one; and mostly one at which there is something to lose."""
    time.sleep(chance.uniform(0.3, 6.0))
    wanted = chance.choice([0, 1, 1 << 16, 1 << 18, 1 << 20])
    deadline = time.monotonic() + 5
    while volatile_disk.pending_bytes(view, DISK_BYTES) < wanted and time.monotonic() < deadline:
        time.sleep(0.001)


@contextlib.contextmanager
def volatile(
    folder: str, name: str, log: str, size: int, *options: str
) -> Iterator[machine.Disk]:
    """A disk with a volatile cache, as long as the `with` lasts."""
    socket, view, said = (os.path.join(folder, f"{name}-{of}") for of in ("socket", "view", "said"))
    command = ["nbdkit", "--foreground", "--exit-with-parent", "--unix", socket, "python", PLUGIN]
    command += [f"view={view}", f"log={log}", f"size={size}", *options]
    with open(said, "wb") as out, subprocess.Popen(command, stderr=out) as server:
        try:
            while not os.path.exists(socket) and server.poll() is None:
                time.sleep(0.01)
            yield machine.Disk.nbd(socket)
        except machine.Failed as error:
            with open(said, encoding="utf-8", errors="replace") as file:
                raise machine.Failed(f"{error}\nnbdkit said: {file.read()}") from error
        finally:
            server.kill()


def make_image(path: str, size: int, content: bytes = b"", at: int = 0) -> None:
    """A file of that size, at least, with that content at a place; what is zero takes no room."""
    step = 1 << 16
    zeros = bytes(step)
    with open(path, "ab"):
        pass
    with open(path, "r+b") as file:
        file.truncate(max(size, os.path.getsize(path)))
        for offset in range(0, len(content), step):
            piece = content[offset : offset + step]
            if piece != zeros[: len(piece)]:
                file.seek(at + offset)
                file.write(piece)


def _judge(
    seedfs: str, image: str, journal: str, folder: str
) -> "tuple[int, Optional[dict], Optional[promises.Lost], str]":
    left = os.path.join(folder, "left")
    make_image(left, LEFT_BYTES)
    done = machine.run(JUDGE, disks=[image, journal, left], programs=[seedfs])
    found = re.search(r"^report begins$(.*)^report ends$", done.out, re.MULTILINE | re.DOTALL)
    if found is None:
        return done.code, None, None, done.out
    report = json.loads(found.group(1))
    counted = None
    # A file system that was lied to may have files that cannot be read.
    if report["failures_total"] == 0:
        files = _unpack(left)
        dataset = promises.Dataset(seedfs, DATASET, report["journal"]["generation"] + 1)
        left_of_set = {os.path.relpath(path, "data/set"): files[path] for path in files}
        counted = promises.lost(dataset, files["journal/file"], PATHS, left_of_set)
    return done.code, report, counted, done.out


def _unpack(path: str) -> Dict[str, bytes]:
    files = {}
    with io.open(path, "rb") as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is not None:
                files[member.name] = opened.read()
    return files
