"""Figures of docs/formats.md: how fast files of formats are read, beside plain ones and tmpfs.

Run by `dev/test-formats --measure`. Each round measures everything in turn, and what is told is the
median of the ratios of a round: the machine may be busy.
"""

import os
import random
import statistics
import subprocess
import tempfile
import time

import numpy as np

from mounts import SEEDFS, mounted, status

ROUNDS = 5
FILES = {
    "plain": ["--size", "512M"],
    "npy:f4": ["--content", "npy:f4", "--size", "512M"],
    "npy:u1": ["--content", "npy:u1", "--size", "512M"],
    "hdf5:f4": ["--content", "hdf5:f4", "--size", "512M"],
    "arrow:x:f4": ["--content", "arrow:x:f4,134000000"],
    "bmp": ["--content", "bmp:12000x14900"],
    "tfrecord:150528": ["--content", "tfrecord:150528,3560"],
    "npz, one array": ["--content", "npz:x:u1,536000000"],
    "png": ["--content", "png:12000x14900"],
    "parquet:x:f4": ["--content", "parquet:x:f4,134000000"],
    "jsonl": ["--content", "jsonl:id:int9+x:float6+name:text12,8000000"],
    "csv": ["--content", "csv:id:int9+x:float6+name:text12,14000000"],
}


def rate_of_cat(options: list[str]) -> float:
    """Bytes a second of `seedfs cat`."""
    started = time.monotonic()
    command = [SEEDFS, "cat", *options, "node_0/process_0"]
    with open("/dev/null", "wb") as null:
        subprocess.run(command, stdout=null, check=True)
    return 512 / (time.monotonic() - started)


def rate_of_mount(path: str) -> float:
    """Bytes a second of reads of 1 MiB, one after another."""
    buffer = bytearray(1 << 20)
    size = 0
    started = time.monotonic()
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            size += count
    return size / (1 << 20) / (time.monotonic() - started)


def sequential(work: str) -> None:
    """All formats beside plain content."""
    cat, mount = ({name: [] for name in FILES} for _ in range(2))
    for _ in range(ROUNDS):
        for name, options in FILES.items():
            cat[name].append(rate_of_cat(options))
            with mounted(work, options, "--cache", "direct") as place:
                mount[name].append(rate_of_mount(os.path.join(place, "node_0", "process_0")))
    print(f"{'':18} {'cat':>6} {'mount':>6}   ratio to plain, median of {ROUNDS}; MiB/s")
    for name in FILES:
        row = []
        for rates in (cat, mount):
            row.append(statistics.median(a / b for a, b in zip(rates[name], rates["plain"])))
        rates = f"{statistics.median(cat[name]):6.0f} {statistics.median(mount[name]):6.0f}"
        print(f"{name:18} {row[0]:6.2f} {row[1]:6.2f}   {rates}", flush=True)


def samples(work: str) -> None:
    """A million archives of 150 KiB."""
    options = ["--content", "npz:x:u1,224x224x3+y:i8,1", "--files", "1000000", "--layout",
               "train/img_{file:07}_of_1000000.npz"]
    started = time.monotonic()
    with mounted(work, options) as place:
        print(f"a million .npz: mounted in {1000 * (time.monotonic() - started):.0f} ms")

        def read(number: int) -> int:
            path = os.path.join(place, "train", f"img_{number:07}_of_1000000.npz")
            with open(path, "rb", buffering=0) as file:
                return len(file.read())

        times = []
        for number in random.Random(1).sample(range(1000000), 200):
            started = time.monotonic()
            assert read(number) > 150000
            times.append(1000 * (time.monotonic() - started))
        print(f"first read of a whole one: median {statistics.median(times):.2f} ms, "
              f"9 of 10 below {sorted(times)[180]:.2f} ms")
        before = resident(place)
        for number in random.Random(2).sample(range(1000000), 20000):
            read(number)
        print(f"memory of the daemon: {before:.1f} MiB after 200 files, {resident(place):.1f} MiB "
              "after 20,000 others")


def resident(place: str) -> float:
    """How many MiB the daemon of a mount has in memory."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                arguments = file.read().split(b"\0")
            if os.fsencode(place) in arguments:
                with open(f"/proc/{process}/statm", encoding="ascii") as file:
                    pages = int(file.read().split()[1])
                found.append(pages * os.sysconf("SC_PAGESIZE") / (1 << 20))
        except OSError:
            continue
    assert len(found) == 1, f"{len(found)} processes serve {place}"
    return found[0]


def slices(work: str) -> None:
    """Rows and strided columns of a matrix of 1 GB, beside the same file on tmpfs; and the matrix
    written back."""
    options = ["--content", "npy:f4,1000000x250", "--layout", "m.npy"]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        real = os.path.join(memory, "m.npy")
        with open(real, "wb") as file:
            subprocess.run([SEEDFS, "cat", *options, "m.npy"], stdout=file, check=True)
        for cache in ("page", "direct"):
            with mounted(work, options, "--cache", cache) as place:
                seeded = os.path.join(place, "m.npy")
                for what, again in (("first", False), ("again", True)):
                    rates = [rate_of_slices(path, again) for path in (seeded, real)]
                    print(f"slices [n:n+10, ::7], --cache {cache}, {what}: {rates[0]:.0f} a "
                          f"second, tmpfs {rates[1]:.0f}, {rates[0] / rates[1]:.2f} of it",
                          flush=True)
                matrix = np.load(real, mmap_mode="r")
                copy = os.path.join(memory, "copy.npy")
                ratios, rates = [], []
                for _ in range(ROUNDS):
                    spent = [time_of_save(path, matrix) for path in (seeded, copy)]
                    ratios.append(spent[1] / spent[0])
                    rates.append(matrix.nbytes / 1e6 / spent[0])
                    os.remove(copy)
                found = status(place, "m.npy")["verdict"]
                print(f"np.save of 1 GB, --cache {cache}: {statistics.median(rates):.0f} MB/s, "
                      f"{statistics.median(ratios):.2f} of tmpfs; {found}", flush=True)
                assert found == "verified"


def time_of_save(path: str, matrix) -> float:
    """Seconds of writing a matrix."""
    started = time.monotonic()
    np.save(path, matrix)
    return time.monotonic() - started


def rate_of_slices(path: str, again: bool) -> float:
    """Slices a second at random places; `again` reads each place twice and times the second."""
    matrix = np.load(path, mmap_mode="r")
    places = random.Random(2).sample(range(0, 999000), 3000)
    if again:
        for place in places:
            matrix[place:place + 10, ::7].sum()
    started = time.monotonic()
    for place in places:
        matrix[place:place + 10, ::7].sum()
    return len(places) / (time.monotonic() - started)


def main() -> None:
    """All figures."""
    with tempfile.TemporaryDirectory() as work:
        samples(work)
        slices(work)
        sequential(work)
