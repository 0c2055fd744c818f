"""Damage to the disks of an array, as crashes and mistakes do it, each of which must be named."""

from __future__ import annotations

import os
import shutil
from typing import Any, Dict, List

from arrays import BEFORE, Case, check

PAGE = 4096


class Disks:
    """Copies of an array's disks, which are damaged."""

    def __init__(self, case: Case, name: str) -> None:
        self.case = case
        self.paths = [os.path.join(case.folder, f"{name}{k}") for k in range(len(case.disks))]
        for path, disk in zip(self.paths, case.disks):
            shutil.copyfile(disk, path)

    def remove(self) -> None:
        for path in self.paths:
            os.remove(path)

    def read(self, disks: List[str], member: int, offset: int, length: int) -> bytes:
        with open(disks[member], "rb") as file:
            file.seek(self.case.data_offset + offset)
            return file.read(length)

    def write(self, member: int, offset: int, content: bytes) -> None:
        with open(self.paths[member], "r+b") as file:
            file.seek(self.case.data_offset + offset)
            file.write(content)

    def restore(self, member: int, offset: int, length: int) -> None:
        """Puts back what was on the disk before."""
        self.write(member, offset, self.read(self.case.before, member, offset, length))

    def verify(self) -> Dict[str, Any]:
        return self.case.verify(self.paths, also=[BEFORE])


def judge_damaged(case: Case) -> None:
    """All kinds of damage that the array's level can have, one after another."""
    kinds = [plain, exchanged_disks] if case.array.level != 1 else [plain]
    if case.array.level == 5:
        kinds += [stale_parity, torn_stripe, swapped_chunks]
    for kind in kinds:
        disks = Disks(case, kind.__name__)
        kind(case, disks)
        disks.remove()


def ranges(found: Dict[str, Any]) -> List[Dict[str, Any]]:
    listed: List[Dict[str, Any]] = found["ranges"]
    return listed


def parity_member(case: Case, stripe: int) -> int:
    """md's left-symmetric layout: from the last member on, one to the left with each stripe."""
    return case.array.members - 1 - stripe % case.array.members


def plain(case: Case, disks: Disks) -> None:
    """A few foreign bytes, on the last member."""
    member = case.array.members - 1
    disks.write(member, 1_000_000, b"\xa5" * 300)
    (found,) = ranges(disks.verify())
    check(found["member"] == member and found["class"] == "foreign", f"plain: {found}")
    check(abs(found["offset"] - 1_000_000) <= 2 and found["length"] >= 296, f"plain: {found}")


def exchanged_disks(case: Case, disks: Disks) -> None:
    """The first two disks, each in the other's place."""
    disks.paths[0], disks.paths[1] = disks.paths[1], disks.paths[0]
    members = disks.verify()["members"]
    check([member["is_really"] for member in members[:2]] == [1, 0], f"exchanged: {members}")


def stale_parity(case: Case, disks: Disks) -> None:
    """The parity of stripe 1 as it was before the data were written."""
    chunk, parity = case.array.chunk_bytes, parity_member(case, 1)
    disks.restore(parity, chunk, chunk)
    (found,) = ranges(disks.verify())
    check(found["class"] == "stale_parity" and found["member"] == parity, f"parity: {found}")
    check((found["offset"], found["length"]) == (chunk, chunk), f"parity: {found}")
    others = sorted(member for member in range(case.array.members) if member != parity)
    check(sorted(found["older"]["members"]) == others, f"parity: {found}")
    check(found["older"]["seed"] == BEFORE, f"parity: {found}")


def torn_stripe(case: Case, disks: Disks) -> None:
    """The write hole: two pages of stripe 0 were written on some members only."""
    parity = parity_member(case, 0)
    old = [0, parity]
    for member in old:
        disks.restore(member, PAGE, 2 * PAGE)
    found = disks.verify()
    (torn,) = found["torn_stripes"]
    check((torn["stripe"], torn["offset"], torn["length"]) == (0, PAGE, 2 * PAGE), f"torn: {torn}")
    check(torn["not_written"] == old, f"torn: {torn}")
    classes = {(bad["member"], bad["class"]) for bad in ranges(found)}
    check(classes == {(0, "stale"), (parity, "stale_parity")}, f"torn: {ranges(found)}")


def swapped_chunks(case: Case, disks: Disks) -> None:
    """Two chunks of stripe 2 on each other's disk."""
    chunk = case.array.chunk_bytes
    for to, of in ((0, 1), (1, 0)):
        disks.write(to, 2 * chunk, disks.read(case.disks, of, 2 * chunk, chunk))
    found = [
        (bad["member"], bad["offset"], bad["length"], bad["class"], bad["holds_member"])
        for bad in ranges(disks.verify())
    ]
    expected = [
        (to, 2 * chunk, chunk, "other_member", of) for to, of in ((0, 1), (1, 0))
    ]
    check(found == expected, f"swapped: {found}")
