"""One power cut: a machine writes with a journal, loses its power, and what is left is judged.

The disk under test is an nbdkit server with a volatile write cache (volatile_disk.py). The journal
is on another disk, which keeps all that it got. The machine is killed at a random moment; then the
server, and with it the cache, of which a random part is kept, as drives do. A second machine mounts
both, which replays the journal of the file system, and runs `seedfs verify --after-crash`.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import tempfile
import time
from typing import List, NamedTuple, Optional

import machine
import volatile_disk

PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "volatile_disk.py")
# The smallest that mkfs.xfs takes.
DISK_BYTES = 320 << 20
JOURNAL_BYTES = 64 << 20
MAKE = {"ext4": "/usr/sbin/mkfs.ext4", "xfs": "/usr/sbin/mkfs.xfs"}
FORCE = {"ext4": "-F", "xfs": "-f"}
# The rhythms that a run can have.
RHYTHMS = [
    "--sync-every 1M --direct-io --block-size 64K",
    "--sync-at-end",
    "--sync-every 256K",
    "--fsync",
]
DATASET = "--seed 15 -n 12 -s 64K..1500K --threads 2"
PASSES = 40

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
seedfs write {dataset} --passes {passes} {rhythm} --journal /journal/file --no-publish -q /data/set
echo "run is over"
sleep 1000
"""

JUDGE = """
mkdir -p /data /journal
mount /dev/vda /data || exit 40
mount /dev/vdb /journal || exit 41
seedfs verify --after-crash /journal/file --json -q --no-publish /data/set >/report
code=$?
echo "report begins"
cat /report
echo "report ends"
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
    # Where the file system could not be mounted, or the directory is gone.
    error: str

    @property
    def lost_though_synced(self) -> int:
        """Bytes, and names."""
        if self.report is None:
            return 0
        return sum(self.report[what]["lost_though_synced"] for what in ("bytes", "names"))

    def line(self) -> str:
        """The outcome for people."""
        cut = self.left
        text = (
            f"{self.filesystem:4} {self.rhythm} cut after {self.after_s:4.1f} s: of {cut.pending}"
            f" volatile writes {cut.dropped} dropped, {cut.torn} torn, {cut.lies} flushes a lie; "
        )
        if self.report is None:
            return text + self.error
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
        socket = os.path.join(folder, "socket")
        with open(journal, "wb") as file:
            file.truncate(JOURNAL_BYTES)
        command = ["nbdkit", "--foreground", "--exit-with-parent", "--unix", socket, "python"]
        command += [PLUGIN, f"image={image}", f"log={log}", f"size={DISK_BYTES}"]
        # File systems are made before the lies begin.
        command += [f"lies={seed}", f"honest_until={folder}/begun"] if lies else []
        server = subprocess.Popen(command)
        try:
            after_s = _write_and_cut(seedfs, filesystem, rhythm, (folder, socket, journal), chance)
        finally:
            server.kill()
            server.wait()
        left = volatile_disk.materialise(image, log, chance)
        code, report, error = _judge(seedfs, image, journal)
    return Outcome(filesystem, rhythm, after_s, left, code, report, error)


def _write_and_cut(
    seedfs: str, filesystem: str, rhythm: str, where: "tuple[str, str, str]", chance: random.Random
) -> float:
    folder, socket, journal = where
    while not os.path.exists(socket):
        time.sleep(0.01)
    script = WRITE.format(
        make=os.path.basename(MAKE[filesystem]), force=FORCE[filesystem], dataset=DATASET,
        passes=PASSES, rhythm=rhythm,
    )  # fmt: skip
    disks: List[machine.Disk] = [machine.Disk.nbd(socket), machine.Disk(journal)]
    programs = [seedfs, *MAKE.values()]
    with machine.Machine(script, disks=disks, programs=programs) as running:
        if running.wait_for(lambda line: line == "journal begins") is None:
            raise machine.Failed(f"the run did not begin:\n{running.output}")
        with open(os.path.join(folder, "begun"), "wb"):
            pass
        after_s = chance.uniform(0.3, 6.0)
        time.sleep(after_s)
        running.cut()
    return after_s


def _judge(seedfs: str, image: str, journal: str) -> "tuple[int, Optional[dict], str]":
    done = machine.run(JUDGE, disks=[image, journal], programs=[seedfs])
    found = re.search(r"^report begins$(.*)^report ends$", done.out, re.MULTILINE | re.DOTALL)
    try:
        return done.code, json.loads(found.group(1)) if found else None, done.out
    except json.JSONDecodeError:
        return done.code, None, done.out
