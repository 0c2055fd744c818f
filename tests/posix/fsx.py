"""fsx: random operations on one file, each read compared with a model in memory.

All operations that the program knows are on: reads and writes by pread, pwrite, mmap and sendfile,
truncate, posix_fallocate, punch_hole, copy_file_range, fsync, close and reopen. Every other seed
leaves out the msync after a write by mmap, so that the kernel must keep mapped pages and calls
coherent by itself.
"""

from __future__ import annotations

from typing import Iterable

from harness import Cases, Failure, Place, Workshop, expect, run, tool

CONFIG = """\
flen = 262144
nomsyncafterwrite = {no_msync}
[opsize]
max = 65536
[weights]
close_open = 1
invalidate = 1
read = 10
write = 10
mapread = 10
mapwrite = 10
truncate = 5
fsync = 1
fdatasync = 1
posix_fallocate = 3
punch_hole = 5
sendfile = 5
posix_fadvise = 1
copy_file_range = 5
"""

# With this seed this operation is a write, and a later one reads some of its bytes.
PLANTED_SEED = 1
PLANTED_STEP = 30
PLANTED_OPERATIONS = 500


def fsx(workshop: Workshop, path: str, seed: int, operations: int, *more: str) -> str:
    """Runs it on a file; it ends with an error where a read is not what was written."""
    with workshop.directory("fsx") as scratch:
        config = scratch.join("fsx.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(no_msync=str(seed % 2 == 0).lower()))
        # What it leaves after a miscompare goes beside its configuration, not into the mount.
        return run(
            tool("fsx"), "-f", config, "-P", scratch.path, "-N", str(operations), "-S", str(seed),
            *more, path,
        )


def run_cases(
    workshop: Workshop, cases: Cases, place: Place, label: str, dataset_file: str,
    seeds: Iterable[int], operations: int,
) -> None:
    """Each seed on a file that the dataset does not name, and on one that it does."""
    def case(path: str, seed: int) -> None:
        output = fsx(workshop, path, seed, operations)
        expect("A-OK" in output, output)

    for seed in seeds:
        for where, name in (("outside", "fsx.dat"), ("dataset", dataset_file)):
            cases.run(
                f"fsx, {label}, {where}, seed {seed}, {operations:,} operations",
                lambda path=place.join(name), seed=seed: case(path, seed),
            )


def run_planted_case(workshop: Workshop, cases: Cases, place: Place) -> None:
    """A write is left out on purpose: were that not found, the other cases would say nothing."""
    def case() -> None:
        step = ("--inject", str(PLANTED_STEP))
        try:
            fsx(workshop, place.join("planted.dat"), PLANTED_SEED, PLANTED_OPERATIONS, *step)
        except Failure as failure:
            expect("miscompare" in str(failure), str(failure))
        else:
            raise Failure("a write that was left out was not found")

    cases.run("fsx finds a write that was left out", case)
