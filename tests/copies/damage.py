"""Damage that a copy may take on its way, and what the verdict must say about it: exactly that.

A damage changes files of a copy on its way from the source to the target. Its check reads
`.status/files/<path>.json` of the target; `untouched` of everything else is checked by the totals.
"""

from __future__ import annotations

import os
import random
from typing import Any, Callable, Dict, List, NamedTuple

from harness import expect, expect_equal
from trees import name_of

BLOCK = 4096


class Damage(NamedTuple):
    """One kind of damage: the files it concerns, what it does in a tree, what must be said."""

    name: str
    files: List[str]
    verdict: str
    apply: Callable[[str], None]
    check: Callable[[str, Dict[str, Any]], None]


def read(tree: str, name: str) -> bytes:
    """A file of a tree."""
    with open(os.path.join(tree, name), "rb") as file:
        return file.read()


def replace(tree: str, name: str, data: bytes) -> None:
    """Another content; the times are left for the tool to find out."""
    with open(os.path.join(tree, name), "wb") as file:
        file.write(data)


def patch(tree: str, name: str, offset: int, data: bytes) -> None:
    """Overwrites a part."""
    whole = bytearray(read(tree, name))
    whole[offset:offset + len(data)] = data
    replace(tree, name, bytes(whole))


def differing(right: bytes, wrong: bytes) -> range:
    """From the first to behind the last byte that differs, among those that both have."""
    places = [place for place, (a, b) in enumerate(zip(right, wrong)) if a != b]
    return range(places[0], places[-1] + 1)


def only_range(status: Dict[str, Any]) -> Dict[str, Any]:
    """The one wrong range that there must be."""
    expect_equal(status["ranges_total"], 1, f"ranges_total of {status}")
    return status["ranges"][0]


def expect_range(
    status: Dict[str, Any], kind: str, block: range, different: range
) -> Dict[str, Any]:
    """One range of a class: no wrong byte is left out, and none beside the block is in it.

    Bytes at the edges that agree by chance may be in it or not.
    """
    found = only_range(status)
    expect_equal(found["class"], kind, f"the class in {found}")
    start, end = found["offset"], found["offset"] + found["length"]
    expect(
        block.start <= start <= different.start and different.stop <= end <= block.stop,
        f"{found}: must go from {different.start} to {different.stop}",
    )
    return found


def damages(source: str, size: int) -> List[Damage]:
    """Every kind, each on files of its own, for a source whose files have this size."""
    return [
        flipped_bit(name_of(0, 0, 0, 0), source),
        swapped_pair(name_of(0, 1, 2, 3), name_of(0, 3, 4, 5), source, size),
        moved_block("a block moved within the file", name_of(0, 2, 0, 1), source, 12288, 4096),
        moved_block("a block moved to an odd offset", name_of(1, 2, 0, 1), source, 10001, 4998),
        zeroed_block(name_of(1, 4, 9, 19), source),
        foreign_block(name_of(1, 4, 9, 18), source),
        truncated(name_of(1, 0, 5, 6), size),
        appended(name_of(1, 1, 1, 1), size),
        missing(name_of(0, 4, 4, 4), size),
        stale(name_of(0, 3, 3, 3), name_of(1, 3, 3, 3), source, size),
    ]


def flipped_bit(name: str, source: str) -> Damage:
    """One bit of one byte."""
    offset = 7777
    right = read(source, name)[offset]

    def check(_name: str, status: Dict[str, Any]) -> None:
        found = only_range(status)
        seen = (found["offset"], found["length"], found["class"], found["source"])
        expect_equal(seen, (offset, 1, "flipped", None), "the range")
        expect_equal(found["expected"], f"{right:02x}", "expected")
        expect_equal(found["actual"], f"{right ^ 0x10:02x}", "actual")
        expect_equal(status["bytes"]["wrong"], 1, "bytes.wrong")

    return Damage(
        "a flipped bit", [name], "mismatch",
        lambda tree: patch(tree, name, offset, bytes([right ^ 0x10])), check,
    )


def swapped_pair(first: str, second: str, source: str, size: int) -> Damage:
    """Each file has the other's content."""
    other = {first: second, second: first}
    different = differing(read(source, first), read(source, second))

    def apply(tree: str) -> None:
        for name in (first, second):
            replace(tree, name, read(source, other[name]))

    def check(name: str, status: Dict[str, Any]) -> None:
        found = expect_range(status, "misplaced", range(size), different)
        expect_equal(found["source"]["path"], other[name], "source.path")
        expect_equal(found["source"]["offset"], found["offset"], "source.offset")
        expect_equal(status["kept_bytes"], 0, "kept_bytes")

    return Damage("a swapped pair of files", [first, second], "mismatch", apply, check)


def moved_block(label: str, name: str, source: str, origin: int, place: int) -> Damage:
    """A block of the file stands at another offset of it, too."""
    whole = read(source, name)
    block = whole[origin:origin + BLOCK]
    region = range(place, place + BLOCK)
    inner = differing(whole[place:place + BLOCK], block)
    different = range(place + inner.start, place + inner.stop)

    def check(_name: str, status: Dict[str, Any]) -> None:
        found = expect_range(status, "misplaced", region, different)
        expect_equal(found["source"]["path"], name, "source.path")
        expect_equal(
            found["source"]["offset"], origin + found["offset"] - place, f"source.offset of {found}"
        )

    return Damage(label, [name], "mismatch", lambda tree: patch(tree, name, place, block), check)


def overwritten_block(label: str, name: str, source: str, data: bytes, kind: str) -> Damage:
    """A block of the file is something that is nobody's content."""
    place = 8192
    right = read(source, name)[place:place + len(data)]
    inner = differing(right, data)
    different = range(place + inner.start, place + inner.stop)

    def check(_name: str, status: Dict[str, Any]) -> None:
        found = expect_range(status, kind, range(place, place + len(data)), different)
        expect_equal(found["source"], None, "source")

    return Damage(label, [name], "mismatch", lambda tree: patch(tree, name, place, data), check)


def zeroed_block(name: str, source: str) -> Damage:
    """Zeros, as a block that never arrived leaves them."""
    return overwritten_block("a block of zeros", name, source, bytes(BLOCK), "zeroed")


def foreign_block(name: str, source: str) -> Damage:
    """Bytes from nowhere."""
    return overwritten_block(
        "a block of something else", name, source, random.Random(5).randbytes(BLOCK), "foreign"
    )


def truncated(name: str, size: int) -> Damage:
    """The end has not arrived."""
    cut = 5000

    def check(_name: str, status: Dict[str, Any]) -> None:
        expect_equal(status["ranges"], [], "ranges")
        expect_equal(status["bytes"]["missing"], cut, "bytes.missing")
        expect_equal(status["bytes"]["matched"], size - cut, "bytes.matched")
        expect_equal(status["size_bytes"], size - cut, "size_bytes")

    return Damage(
        "a truncated file", [name], "incomplete",
        lambda tree: os.truncate(os.path.join(tree, name), size - cut), check,
    )


def appended(name: str, size: int) -> Damage:
    """One byte too many."""
    def apply(tree: str) -> None:
        replace(tree, name, read(tree, name) + b"x")

    def check(_name: str, status: Dict[str, Any]) -> None:
        expect_equal(status["bytes"]["extra"], 1, "bytes.extra")
        expect_equal(status["bytes"]["matched"], size, "bytes.matched")
        found = only_range(status)
        seen = (found["offset"], found["length"], found["expected"], found["actual"])
        expect_equal(seen, (size, 1, None, "78"), "the range")

    return Damage("an appended byte", [name], "mismatch", apply, check)


def missing(name: str, size: int) -> Damage:
    """The file has not arrived; the target has no such name."""
    def check(_name: str, status: Dict[str, Any]) -> None:
        expect_equal(status["ranges"], [], "ranges")
        expect_equal(status["bytes"]["missing"], size, "bytes.missing")
        expect_equal(status["bytes"]["matched"], 0, "bytes.matched")

    return Damage(
        "a missing file", [name], "incomplete",
        lambda tree: os.unlink(os.path.join(tree, name)), check,
    )


def stale(name: str, newer: str, source: str, size: int) -> Damage:
    """The same file of another generation."""
    different = differing(read(source, name), read(source, newer))

    def check(_name: str, status: Dict[str, Any]) -> None:
        found = expect_range(status, "stale", range(size), different)
        expect_equal(found["source"]["generation"], 1, "source.generation")
        expect_equal(found["source"]["path"], newer, "source.path")
        expect_equal(found["source"]["offset"], found["offset"], "source.offset")

    return Damage(
        "a stale generation", [name], "mismatch",
        lambda tree: replace(tree, name, read(source, newer)), check,
    )
