"""Arrays that mdadm makes in a virtual machine, and their disks, judged from below."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import machine

MDADM = "/usr/sbin/mdadm"
DISK_BYTES = 24 << 20
# Sizes that fill neither a page nor a chunk, and stripes that files share.
FILES, SIZE_BYTES = 7, 2_500_001
SLOT_BYTES = (SIZE_BYTES + 4095) // 4096 * 4096
DATASET = ["--files", str(FILES), "--layout", "f{file}"]
BEFORE, NOW = "before", "now"


class Wrong(Exception):
    """Something is not as it should be."""


class Array(NamedTuple):
    """How an array is kept."""

    level: int
    members: int
    # As mdadm and seedfs take it; empty for RAID 1.
    chunk: str

    def __str__(self) -> str:
        chunk = f", chunk {self.chunk}" if self.chunk else ""
        return f"RAID {self.level} of {self.members} members{chunk}"

    @property
    def chunk_bytes(self) -> int:
        return int(self.chunk.rstrip("K")) << 10 if self.chunk else 0

    @property
    def options(self) -> List[str]:
        chunk = ["--chunk", self.chunk] if self.chunk else []
        return ["--raid", str(self.level), *chunk]


class Case:
    """One array: its disks as the machine leaves them."""

    def __init__(self, array: Array, folder: str, seedfs: str) -> None:
        self.array = array
        self.folder = folder
        self.seedfs = seedfs
        self.data_offset = 0
        self.disks = [os.path.join(folder, f"disk{k}") for k in range(array.members)]
        self.before = [os.path.join(folder, f"before{k}") for k in range(array.members)]

    def make(self) -> None:
        """Makes the array, with content of before and then with that of now."""
        for disk in self.disks:
            with open(disk, "wb") as file:
                file.truncate(DISK_BYTES)
        self._run(self._create() + self._write(BEFORE) + "mdadm --stop /dev/md0\n")
        for disk, copy in zip(self.disks, self.before):
            shutil.copyfile(disk, copy)
        script = self._assemble()
        if self.array.level == 0:
            script += self._write(NOW)
        else:
            # One member fails, is written past, comes back, and is rebuilt.
            script += "mdadm /dev/md0 --fail /dev/vdb --remove /dev/vdb\n"
            script += self._write(NOW)
            script += "mdadm /dev/md0 --add /dev/vdb && mdadm --wait /dev/md0 || true\n"
            script += "cat /proc/mdstat\n"
        script += "mdadm --stop /dev/md0\n"
        script += "".join(f"mdadm --examine /dev/{name}\n" for name in self._names())
        self._place(self._run(script))

    def _names(self) -> List[str]:
        return [f"vd{'abcdefgh'[k]}" for k in range(self.array.members)]

    def _devices(self) -> str:
        return " ".join(f"/dev/{name}" for name in self._names())

    def _create(self) -> str:
        chunk = f"--chunk {self.array.chunk}" if self.array.chunk else ""
        bitmap = "" if self.array.level == 0 else "--bitmap internal"
        return (
            f"mdadm --create /dev/md0 --level {self.array.level} {chunk} {bitmap} --metadata 1.2 "
            f"--raid-devices {self.array.members} --run {self._devices()}\n"
            "mdadm --wait /dev/md0 || true\n"
        )

    def _assemble(self) -> str:
        return f"mdadm --assemble --run /dev/md0 {self._devices()}\n"

    def _write(self, seed: str) -> str:
        """The dataset as docs/storage.md lays it out on a device, made with other means: files one
        after another, each from a multiple of 4096 on, and with the content that goes on there."""
        slot = SLOT_BYTES // 4096
        dataset = " ".join(DATASET) + f" -s {SLOT_BYTES}"
        return "".join(
            f"seedfs cat --seed {seed} {dataset} f{number} | "
            f"dd of=/dev/md0 bs=64k iflag=fullblock oflag=seek_bytes "
            f"seek={number * slot * 4096} conv=notrunc,fsync 2>/dev/null\n"
            for number in range(FILES)
        )

    def _run(self, script: str) -> str:
        program = os.path.join(self.folder, "seedfs")
        if not os.path.exists(program):
            # Without the names of its functions it is a tenth as large.
            subprocess.run(["strip", "-o", program, self.seedfs], check=True)
        programs = [program, MDADM]
        done = machine.run("set -e\n" + script, self.disks, programs=programs, memory="1G")
        if done.code != 0:
            raise Wrong(f"in the machine:\n{done.out}")
        return done.out

    def _place(self, said: str) -> None:
        """Takes from mdadm where the data begin, and which member each disk is."""
        offsets = {int(found) for found in re.findall(r"Data Offset : (\d+) sectors", said)}
        roles = [int(found) for found in re.findall(r"Device Role : Active device (\d+)", said)]
        if len(offsets) != 1 or sorted(roles) != list(range(self.array.members)):
            raise Wrong(f"mdadm says nothing of offsets and roles:\n{said}")
        self.data_offset = offsets.pop() * 512
        self.disks = [self.disks[roles.index(member)] for member in range(self.array.members)]
        self.before = [self.before[roles.index(member)] for member in range(self.array.members)]

    def judge(self) -> None:
        """Every byte that the dataset says is on the disks, together and one by one."""
        found = self.verify(self.disks)
        check(found["verdict"] == "verified", f"all members: {json.dumps(found)[:2000]}")
        stripes = FILES * SLOT_BYTES
        data = {0: self.array.members, 1: 1, 5: self.array.members - 1}[self.array.level]
        for member, disk in enumerate(self.disks):
            alone = self.verify([disk], member)
            check(alone["verdict"] == "verified", f"member {member}: {json.dumps(alone)[:2000]}")
            expected = alone["members"][member]["expected_bytes"]
            slack = self.array.chunk_bytes
            check(abs(expected - stripes // data) <= slack, f"{expected} bytes of {stripes}")
        # Before, the other seed was there: so it is not that anything passes.
        older = self.verify(self.before, seed=BEFORE)
        check(older["verdict"] == "verified", f"before: {json.dumps(older)[:2000]}")
        check(self.verify(self.before)["verdict"] == "mismatch", "what was before is not now")

    def verify(
        self,
        disks: Sequence[str],
        member: Optional[int] = None,
        seed: str = NOW,
        also: Sequence[str] = (),
    ) -> Dict[str, Any]:
        command = [self.seedfs, "verify", "--json", "--quiet", "--seed", seed, *DATASET]
        command += ["-s", str(SIZE_BYTES)]
        command += [*self.array.options, "--data-offset", str(self.data_offset)]
        if member is not None:
            command += ["--members", str(self.array.members), "--member", str(member)]
        for disk in disks:
            command += ["--device", disk]
        for other in also:
            command += ["--also-seed", other]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise Wrong(f"verify ended with {done.returncode}: {done.stderr}")
        found: Dict[str, Any] = json.loads(done.stdout)
        check((found["verdict"] == "verified") == (done.returncode == 0), "the exit code")
        return found


def check(is_right: bool, what: str) -> None:
    """Fails the case."""
    if not is_right:
        raise Wrong(what)
