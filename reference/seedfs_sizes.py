"""The sizes of files and the generations of a dataset, written to be read and not to be fast.

    python seedfs_sizes.py SEED SIZE COUNT     prints the sizes of the first files of process 0

Where docs/format.md has a table, this computes its entries from their definitions.
"""

import math
import sys
from functools import cache
from statistics import NormalDist

from blake3 import blake3

ALL_BITS = 2**64 - 1
MAX_SIZE = 2**52
SIZE, CHANGE = 1, 4

File = tuple[int, int, int, int]  # generation, node, process, file


# What is drawn by lot


def mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & ALL_BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & ALL_BITS
    return z ^ (z >> 31)


def draw(seed: str, purpose: int, file: File, index: int) -> int:
    derived = blake3(seed.encode(), derive_key_context="seedfs v1 choice key").digest()
    key = int.from_bytes(derived[:8], "big")
    generation, node, process, number = file
    address = generation << 112 | node << 96 | process << 80 | number << 48
    stream = mix(mix(mix(key ^ purpose) ^ address >> 64) ^ address & ALL_BITS)
    return mix((stream + index * 0x9E3779B97F4A7C15) & ALL_BITS)


# Sizes


def rounded(number: float) -> int:
    return math.floor(number + 0.5)


@cache
def normal_entry(t: int) -> int:
    """How many 2^-28ths a normal variate exceeds with the probability of step t."""
    probability = 2.0 ** -(t // 16 + 1) * (1 - t % 16 / 32)
    return rounded(-NormalDist().inv_cdf(probability) * 2**28)


@cache
def exp2_entry(j: int) -> int:
    return rounded(2.0 ** (j / 256) * 2**32)


@cache
def log2_entry(j: int) -> int:
    return rounded(math.log2(1 + j / 256) * 2**32)


def scaled(size: int, exponent: int, largest: int) -> int:
    """floor(size × 2^(exponent / 2^32)), within the bounds."""
    octave, fraction = exponent >> 32, exponent & 0xFFFFFFFF
    j, rest = fraction >> 24, fraction & 0xFFFFFF
    power = exp2_entry(j) + ((exp2_entry(j + 1) - exp2_entry(j)) * rest >> 24)
    product = size * power
    result = product << octave - 32 if octave >= 32 else product >> 32 - octave
    return min(max(result, 1), largest)


def minus_log2(w: int) -> int:
    """-log2(w / 2^64) in 2^-32nds."""
    w = max(w, 1)
    octave = w.bit_length() - 1
    fraction = (w << 63 - octave) - 2**63 >> 31
    j, rest = fraction >> 24, fraction & 0xFFFFFF
    log = log2_entry(j) + ((log2_entry(j + 1) - log2_entry(j)) * rest >> 24)
    return (64 - octave << 32) - log


def normal(drawn: int) -> int:
    """The normal variate of a draw in 2^-28ths."""
    is_positive = drawn >= 2**63
    tail = ALL_BITS - drawn if is_positive else drawn
    octave = 63 - tail.bit_length()
    if octave >= 40:
        z = normal_entry(640)
    else:
        fraction = (tail << octave + 1) - 2**63
        step, rest = fraction >> 59, fraction >> 27 & 0xFFFFFFFF
        near = normal_entry(16 * octave + 15 - step)
        far = normal_entry(16 * octave + 16 - step)
        z = far - ((far - near) * rest >> 32)
    return z if is_positive else -z


def thousandths(text: str) -> int:
    whole, _, decimals = text.partition(".")
    return int(whole) * 1000 + int(decimals.ljust(3, "0"))


def basis_points(text: str) -> int:
    whole, _, decimals = text.partition(".")
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


def size_of_draw(spelling: str, d: int) -> int:
    """The size that a draw gives, for a --size in its canonical spelling: all sizes in bytes."""
    kind, _, rest = spelling.partition(":")
    pairs = [pair.split("=") for pair in rest.split(",")] if rest else []
    if kind == "lognormal":
        given = dict(pairs)
        octaves = (thousandths(given["sigma"]) * 6196328019 + 500) // 1000
        return scaled(int(given["median"]), normal(d) * octaves >> 28, int(given["max"]))
    if kind == "pareto":
        given = dict(pairs)
        alpha = thousandths(given["alpha"])
        inverse = ((1000 << 32) + alpha // 2) // alpha
        exponent = minus_log2(ALL_BITS - d) * inverse >> 32
        return scaled(int(given["min"]), exponent, int(given["max"]))
    if kind == "buckets":
        basis_point = d * 10000 >> 64
        for size, share in pairs:
            basis_point -= basis_points(share)
            if basis_point < 0:
                return int(size)
    if ".." in spelling:
        least, most = map(int, spelling.split(".."))
        return least + (d * (most - least + 1) >> 64)
    return int(spelling)


# Generations


def grown(number: int, by: str, generation: int) -> int:
    """A size, or a number of files, of which each generation adds `by` percent."""
    return number + number * generation * basis_points(by) // 10000


def file_size(seed: str, spelling: str, file: File, grow: str = "0") -> int:
    generation, *others = file
    first = size_of_draw(spelling, draw(seed, SIZE, (0, *others), 0))
    return grown(first, grow, generation)


def block_changes(seed: str, percent: str, file: File, block: int, generation: int) -> bool:
    """Whether a block changes in this very generation."""
    if generation == 0:
        return False
    share = (basis_points(percent) * 2**32 + 5000) // 10000
    phase = draw(seed, CHANGE, (0, *file[1:]), block) >> 32
    return (generation * share + phase) >> 32 != ((generation - 1) * share + phase) >> 32


def generation_of_block(seed: str, percent: str, file: File, block: int) -> int:
    """The last generation up to the file's own in which a block changed."""
    changes = [g for g in range(file[0] + 1) if block_changes(seed, percent, file, block, g)]
    return max(changes, default=0)


def last_change(
    seed: str, spelling: str, file: File, files: int, *, change: str | None = None,
    block_size: int = 4096, grow: str = "0", new_files: str = "0",
) -> int:
    """The last generation up to its own in which a file changed: the day of its times.

    For files of up to 65536 blocks; larger ones of which none of the first 65536 has changed in
    their own generation are said to have changed in it.
    """
    generation, _, _, number = file
    if change is None:
        return generation
    size = [file_size(seed, spelling, (g, *file[1:]), grow) for g in range(generation + 1)]
    blocks = -(-size[generation] // block_size)
    for g in range(generation, 0, -1):
        is_new = number >= grown(files, new_files, g - 1)
        if is_new or size[g] != size[g - 1]:
            return g
        if any(block_changes(seed, change, file, block, g) for block in range(blocks)):
            return g
    return 0


if __name__ == "__main__":
    seed, spelling, count = sys.argv[1:]
    for number in range(int(count)):
        print(file_size(seed, spelling, (0, 0, 0, number)))
