"""The dataset that is copied, its source and its targets, and what a target must say afterwards."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any, Dict, Iterator, Optional

from harness import Mount, Place, Workshop, expect, expect_equal, names_under, run

ITERATIONS, NODES, PROCESSES, FILES = 2, 5, 10, 20
TOTAL = ITERATIONS * NODES * PROCESSES * FILES
# Spaces, padding, different depths of digits, and a suffix.
LAYOUT = "run {iteration}/n{node:03}.d/p-{process}/file_{file}.dat"


def name_of(iteration: int, node: int, process: int, file: int) -> str:
    """A file's path in the tree."""
    return f"run {iteration}/n{node:03}.d/p-{process}/file_{file}.dat"


class Trees:
    """Makes sources and targets that are alike: mounts, or in a self-test directories.

    A directory that stands for a fresh target has the dataset's names, sizes and times but other
    bytes: a tool that skips a file is found by comparing.
    """

    def __init__(self, workshop: Workshop, size_bytes: int, self_test: bool) -> None:
        self._workshop = workshop
        self.size_bytes = size_bytes
        self._self_test = self_test

    @contextlib.contextmanager
    def source(self) -> Iterator[Place]:
        """The tree that is copied out."""
        if not self._self_test:
            with self._mount("source") as mount:
                yield mount
            return
        with self._workshop.directory("source") as place:
            self._fill(place, lambda: os.urandom(self.size_bytes))
            yield place

    @contextlib.contextmanager
    def target(self, emptied: bool) -> Iterator[Place]:
        """What is copied into: a fresh mount, or one whose names have all been removed."""
        with self._fresh_target() as place:
            if emptied:
                run("rm", "-rf", *(place.join(name) for name in os.listdir(place.path)))
                expect_equal(os.listdir(place.path), [], "names left by rm -rf")
                if place.is_seedfs:
                    expect_emptied(place)
            yield place

    @contextlib.contextmanager
    def _fresh_target(self) -> Iterator[Place]:
        if not self._self_test:
            with self._mount("target") as mount:
                yield mount
            return
        with self._workshop.directory("target") as place:
            self._fill(place, lambda: bytes(self.size_bytes))
            yield place

    def _mount(self, name: str) -> contextlib.AbstractContextManager:
        return self._workshop.mount(
            name, "--iterations", str(ITERATIONS), "--nodes", str(NODES),
            "--processes", str(PROCESSES), "--files", str(FILES),
            "--size", str(self.size_bytes), "--layout", LAYOUT, "--seed", "copies",
        )

    def _fill(self, place: Place, content: Any) -> None:
        for number in range(TOTAL):
            rest, file = divmod(number, FILES)
            rest, process = divmod(rest, PROCESSES)
            iteration, node = divmod(rest, NODES)
            path = place.join(name_of(iteration, node, process, file))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(content())
            os.utime(path, (1_577_836_800, 1_577_836_800))
        for directory, _, _ in os.walk(place.path):
            os.utime(directory, (1_577_836_800, 1_577_836_800))


@contextlib.contextmanager
def scratch(workshop: Workshop) -> Iterator[str]:
    """An empty directory."""
    with workshop.directory("scratch") as place:
        yield place.path


def decorate(source: Place) -> None:
    """Gives some files and directories other modes, owners and times than all have."""
    for number, node in enumerate(range(NODES)):
        for path in (name_of(0, node, 3, 7), os.path.dirname(name_of(1, node, 4, 0))):
            os.chmod(source.join(path), 0o750 - number)
            os.chown(source.join(path), 1000 + number, 2000 + number)
            os.utime(source.join(path), (1_600_000_000 + number, 1_500_000_000 + number))


def expect_emptied(target: Mount) -> None:
    """Every file of the dataset is missing, and known to be."""
    summary = target.status("summary.json")
    expect_equal(summary["verdict"], "incomplete", "the verdict without any name")
    expect_equal(summary["files"]["incomplete"], TOTAL, "files.incomplete without any name")


def expect_verified(target: Mount) -> None:
    """Every byte of every file arrived, and nothing else is there."""
    summary = target.status("summary.json")
    seen = {key: summary[key] for key in ("verdict", "files", "bytes", "kept")}
    expect_equal(summary["verdict"], "verified", f"the verdict, with {seen}")
    expect_equal(summary["files"]["verified"], TOTAL, f"files.verified, with {seen}")
    expect_equal(summary["kept"]["bytes"], 0, "kept.bytes")
    expect_equal(target.status("others.json")["files"], [], "names that the dataset does not have")


def expect_same(source: Place, target: Place, attributes: bool) -> None:
    """The same names and bytes; with `attributes` also modes, owners and times.

    Of the root only what it holds counts: archivers leave it as they find it.
    """
    expect_equal(len(names_under(target.path)), TOTAL, "the number of files")
    run("diff", "-r", source.path, target.path)
    if attributes:
        lines = run("rsync", "-ani", f"{source.path}/", f"{target.path}/").splitlines()
        lines = [line for line in lines if not line.endswith(" ./")]
        expect(not lines, "\n".join([f"{len(lines)} attributes differ:", *lines[:20]]))


def files_transferred(output: str) -> Optional[int]:
    """How many files `rsync --stats` says it transferred."""
    match = re.search(r"Number of regular files transferred: ([\d,]+)", output)
    return int(match.group(1).replace(",", "")) if match else None


def file_status(target: Mount, name: str) -> Dict[str, Any]:
    """What is known about one file."""
    return target.status(f"files/{name}.json")

