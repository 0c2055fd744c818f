"""Prints the test vectors of the content format: tests/vectors/content_v1.json.

The vectors are frozen with the format. `reference/check` proves that this still makes them.
"""

import json

from blake3 import blake3

from seedfs_reference import content, key

END = 2**52
SEEDS = ["42", "0", "", " ", "042", "nightly-7", "Grüße, 世界 🌱", "long " * 300]

FIELD_MAX = (2**16 - 1, 2**16 - 1, 2**16 - 1, 2**32 - 1)
FILES = [
    (0, 0, 0, 0),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (FIELD_MAX[0], 0, 0, 0),
    (0, FIELD_MAX[1], 0, 0),
    (0, 0, FIELD_MAX[2], 0),
    (0, 0, 0, FIELD_MAX[3]),
    FIELD_MAX,
    (0x0102, 0x0304, 0x0506, 0x0708090A),
]

OFFSETS = [0, 1, 15, 16, 17, 4095, 4096, 4097]
for power in (20, 32, 36, 40):
    OFFSETS += [2**power + step for step in (-16, -5, -1, 0, 1, 16)]
OFFSETS += [END - step for step in (4097, 4096, 41, 40, 33, 32, 17, 16, 15, 1)]

LENGTHS = [1, 15, 16, 17, 4097]
# Longer pieces are kept as their hash, with their first and last bytes for the eye.
SHOWN_WHOLE = 64
SHOWN_EDGE = 16


def vector(seed: str, file: tuple[int, int, int, int], offset: int, length: int) -> dict:
    piece = content(seed, file, offset, length)
    row = {"seed": seed, "file": file, "offset": offset, "length": length}
    if length <= SHOWN_WHOLE:
        return row | {"bytes": piece.hex()}
    edges = {"first": piece[:SHOWN_EDGE].hex(), "last": piece[-SHOWN_EDGE:].hex()}
    return row | edges | {"blake3": blake3(piece).hexdigest()}


def vectors():
    """Each seed, each file and each offset with all lengths, rather than all products."""
    yield vector("42", (0, 0, 1, 0), 0, 32)
    for seed in SEEDS:
        yield vector(seed, (0, 0, 1, 0), 0, 64)
    for file in FILES:
        for length in LENGTHS:
            yield vector("42", file, 0, length)
            yield vector("42", file, 4095, length)
            yield vector("42", file, END - length, length)
    for offset in OFFSETS:
        for length in LENGTHS:
            if offset + length <= END:
                yield vector("nightly-7", (0x0102, 0x0304, 0x0506, 0x0708090A), offset, length)
    for length in (2**20 - 1, 2**20, 2**20 + 1):
        yield vector("0", (0, 1, 2, 3), 2**32 - 7, length)


def main():
    print('{\n"format": "seedfs content, version 1",')
    keys = {seed: key(seed).hex() for seed in SEEDS}
    print(f'"keys": {json.dumps(keys, indent=1)},')
    rows = ",\n".join(json.dumps(row) for row in vectors())
    print(f'"vectors": [\n{rows}\n]\n}}')


if __name__ == "__main__":
    main()
