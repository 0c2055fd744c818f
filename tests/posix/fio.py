"""fio: what it wrote is read back and compared by the checksums in each block."""

from __future__ import annotations

import os

from harness import Cases, Failure, Place, Workshop, run

SEQUENTIAL = ("--rw=write", "--bs=128k", "--verify=crc32c", "--do_verify=1")
# Laid out first, so that every random write overwrites something.
RANDOM = (
    "--rw=randwrite", "--bs=4k", "--overwrite=1", "--loops=2", "--verify=md5", "--do_verify=1",
)
# Blocks of many sizes at any multiple of 512.
MIXED = ("--rw=randrw", "--bsrange=512-64k", "--overwrite=1", "--verify=md5", "--do_verify=1")
JOBS = (
    ("sequential, crc32c", SEQUENTIAL),
    ("random overwrites, md5", RANDOM),
    ("random mixed sizes, md5", MIXED),
    ("random overwrites, md5, four at once", (*RANDOM, "--ioengine=libaio", "--iodepth=4")),
)


def fio(workshop: Workshop, path: str, *options: str) -> None:
    """One job on one file; it ends with an error at the first block that is not as written."""
    with workshop.directory("fio") as scratch:
        run(
            "fio", "--name=job", f"--filename={path}", "--verify_fatal=1", "--ioengine=psync",
            "--randseed=7", *options, cwd=scratch.path,
        )


def run_cases(workshop: Workshop, cases: Cases, place: Place, label: str, size: str) -> None:
    """Each job on a new file that the dataset does not name."""
    def case(options: tuple) -> None:
        path = place.join("fio.dat")
        fio(workshop, path, f"--size={size}", *options)
        os.unlink(path)

    for name, options in JOBS:
        cases.run(f"fio, {label}, {name}, {size}", lambda options=options: case(options))


def run_planted_case(workshop: Workshop, cases: Cases, place: Place) -> None:
    """A byte is changed on purpose: were that not found, the other cases would say nothing."""
    def case() -> None:
        path = place.join("planted.dat")
        fio(workshop, path, "--size=1M", *SEQUENTIAL)
        with open(path, "r+b") as file:
            file.seek(300_000)
            byte = file.read(1)[0]
            file.seek(300_000)
            file.write(bytes([byte ^ 1]))
        try:
            fio(workshop, path, "--size=1M", *SEQUENTIAL, "--verify_only=1")
        except Failure:
            return
        raise Failure("a changed byte was not found")

    cases.run("fio finds a changed byte", case)
