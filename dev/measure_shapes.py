"""What dev/measure-shapes runs: measures, compares with what was asked for, prints Markdown."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib

import lz4.frame
import zstandard

SEEDFS = os.environ["SEEDFS_BIN"]
WORK = os.environ["WORK"]
QUICK = "--quick" in sys.argv[1:]

KIB, MIB = 1 << 10, 1 << 20
POINTS_COMPRESS, POINTS_DEDUP = 3.0, 1.0


def gzip(data: bytes) -> bytes:
    """As `gzip` at its own level: 6."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def lz4_frame(data: bytes) -> bytes:
    """As `lz4`, whose blocks are 4 MiB and know nothing of one another."""
    return lz4.frame.compress(
        data, block_size=lz4.frame.BLOCKSIZE_MAX4MB, block_linked=False, store_size=False
    )


COMPRESSORS = {
    "lz4": lz4_frame,
    "zstd -1": zstandard.ZstdCompressor(level=1).compress,
    "zstd -19": zstandard.ZstdCompressor(level=19).compress,
    "gzip": gzip,
}

missed: list[str] = []


def cat(*options: str) -> bytes:
    command = [SEEDFS, "cat", "--seed", "42", *options, "node_0/process_0"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def expect(what: str, asked: float, measured: float, points: float) -> str:
    if abs(measured - asked) > points:
        missed.append(f"{what}: asked for {asked} %, measured {measured:.2f} %")
    return f"{measured:.1f}"


def saving(name: str, data: bytes, block: int) -> float:
    """What a compressor takes away, block by block, in percent."""
    # Thousands of small blocks say no more than hundreds, and zstd -19 takes its time.
    limit = max(block, MIB if block < MIB or name == "zstd -19" else len(data))
    data = data[:limit]
    compress = COMPRESSORS[name]
    compressed = sum(len(compress(data[at : at + block])) for at in range(0, len(data), block))
    return 100 - 100 * compressed / len(data)


def measure_compression() -> None:
    size = 2 * MIB if QUICK else 16 * MIB
    blocks = {"4 KiB": 4 * KIB, "64 KiB": 64 * KIB, "1 MiB": MIB, "whole file": size}
    shown = (0, 25, 50, 75, 95)
    asked = shown if QUICK else tuple(range(0, 96, 5)) + (1, 2, 3, 97 - 4, 94)
    rows = {(name, block): [] for name in COMPRESSORS for block in blocks}
    for percent in sorted(set(asked)):
        data = cat("--size", str(size), "--compress", str(percent))
        for name in COMPRESSORS:
            for block, block_bytes in blocks.items():
                if percent not in shown and block == "whole file" and name == "zstd -19":
                    continue
                what = f"--compress {percent}, {name}, {block}"
                measured = saving(name, data, block_bytes)
                text = expect(what, percent, measured, POINTS_COMPRESS)
                if percent in shown:
                    rows[name, block].append(text)
    print("| compressor | block | " + " | ".join(f"asked {percent} %" for percent in shown) + " |")
    print("|---|---|" + "---:|" * len(shown))
    for (name, block), cells in rows.items():
        print(f"| {name} | {block} | " + " | ".join(cells) + " |")
    print()


def removed_by_hashing(files: int, size: int, block: int, *options: str) -> float:
    """What a deduplicator with fixed blocks takes away from a dataset, in percent."""
    seen, count = set(), 0
    for process in range(files):
        command = [SEEDFS, "cat", "--seed", "42", "--processes", str(files), "--size", str(size)]
        command += [*options, f"node_0/process_{process}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            while piece := running.stdout.read(block):
                seen.add(hashlib.blake2b(piece, digest_size=16).digest())
                count += 1
        if running.returncode != 0:
            raise subprocess.CalledProcessError(running.returncode, command)
    return 100 - 100 * len(seen) / count


def measure_dedup() -> None:
    shown = (0, 1, 10, 25, 50, 75, 90, 99)
    settings = [
        ("512 bytes", 512, "dataset"), ("4 KiB", 4 * KIB, "dataset"),
        ("4 KiB", 4 * KIB, "node"), ("4 KiB", 4 * KIB, "file"),
    ]
    if QUICK:
        shown, settings = (0, 50, 99), [("512 bytes", 512, "dataset"), ("4 KiB", 4 * KIB, "file")]
    print("| blocks | scope | " + " | ".join(f"asked {percent} %" for percent in shown) + " |")
    print("|---|---|" + "---:|" * len(shown))
    for name, block, scope in settings:
        cells = []
        for percent in shown:
            options = ["--dedup", str(percent), "--dedup-block", str(block)]
            options += ["--dedup-scope", scope]
            files = 4 if QUICK else 10
            measured = removed_by_hashing(files, 10_000 * block, block, *options)
            what = f"--dedup {percent}, {name}, {scope}"
            cells.append(expect(what, percent, measured, POINTS_DEDUP))
        print(f"| {name} | {scope} | " + " | ".join(cells) + " |")
    print()


def measure_both() -> None:
    """Deduplication first, then compression of what is left, as storage does it."""
    size = 4 * MIB if QUICK else 64 * MIB
    options = ["--compress", "50", "--dedup", "50", "--dedup-scope", "file"]
    data = cat("--size", str(size), *options)
    blocks = [data[at : at + 4096] for at in range(0, size, 4096)]
    different = list(dict.fromkeys(blocks))
    removed = 100 - 100 * len(different) / len(blocks)
    taken = saving("lz4", b"".join(different[:256]), 4096)
    points = POINTS_DEDUP
    removed_text = expect("--dedup 50 with --compress 50", 50, removed, points)
    taken_text = expect("--compress 50 with --dedup 50", 50, taken, POINTS_COMPRESS)
    print(f"`--compress 50 --dedup 50`: {removed_text} % of the blocks are duplicates, and lz4")
    print(f"takes {taken_text} % from each of those that are left.\n")


def written(size: str, *options: str) -> str:
    directory = os.path.join(WORK, "data")
    shutil.rmtree(directory, ignore_errors=True)
    command = [SEEDFS, "write", "--seed", "42", "--processes", "4", "--size", size, *options]
    subprocess.run([*command, directory], check=True, stdout=subprocess.DEVNULL)
    return directory


def by_borg(directory: str) -> float:
    repository = os.path.join(WORK, "borg")
    shutil.rmtree(repository, ignore_errors=True)
    environment = os.environ | {
        "BORG_BASE_DIR": os.path.join(WORK, "borg-home"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }
    subprocess.run(["borg", "init", "--encryption", "none", repository], check=True, env=environment)
    create = ["borg", "create", "--json", "--compression", "none", "--chunker-params", "fixed,4096"]
    done = subprocess.run(
        [*create, f"{repository}::one", directory], check=True, env=environment, stdout=subprocess.PIPE
    )
    stats = json.loads(done.stdout)["archive"]["stats"]
    return 100 - 100 * stats["deduplicated_size"] / stats["original_size"]


def by_restic(directory: str) -> float:
    repository = os.path.join(WORK, "restic")
    shutil.rmtree(repository, ignore_errors=True)
    environment = os.environ | {"RESTIC_PASSWORD": "seedfs", "RESTIC_REPOSITORY": repository}
    environment |= {"RESTIC_CACHE_DIR": os.path.join(WORK, "restic-cache")}
    run = {"check": True, "env": environment, "stdout": subprocess.PIPE}
    subprocess.run(["restic", "init"], **run)
    done = subprocess.run(["restic", "backup", "--json", "--compression", "off", directory], **run)
    summary = json.loads(done.stdout.splitlines()[-1])
    return 100 - 100 * summary["data_added"] / summary["total_bytes_processed"]


def measure_stores() -> None:
    print("| store | blocks that are shared | asked | measured |")
    print("|---|---|---:|---:|")
    for percent in (0, 50, 90):
        directory = written("100M", "--dedup", str(percent))
        # A store keeps a few bytes about each block beside its bytes.
        text = expect(f"borg, --dedup {percent}", percent, by_borg(directory), 2 * POINTS_DEDUP)
        print(f"| borg, `--chunker-params fixed,4096` | 4 KiB | {percent} % | {text} % |")
    for block, percent in (("4K", 50), ("1M", 50), ("1M", 90)):
        directory = written("100M", "--dedup", str(percent), "--dedup-block", block)
        # Its chunks are cut by content and are as long as such a block or longer: what it finds is
        # shown, and promised by nobody.
        print(f"| restic | {block} | {percent} % | {by_restic(directory):.1f} % |")
    print()


def main() -> int:
    measure_compression()
    measure_dedup()
    measure_both()
    if not QUICK:
        measure_stores()
    for line in missed:
        print(f"measure-shapes: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
