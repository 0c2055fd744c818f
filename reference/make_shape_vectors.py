"""Prints the test vectors of shaped content: tests/vectors/shapes_v1.json.

They are frozen with the format. `reference/check` proves that this still makes them.
"""

import json

from blake3 import blake3

from seedfs_shapes import Shape, draw, shaped

SHAPES = [
    {"compress": compress} for compress in (1, 500, 1250, 2500, 5000, 7500, 9500)
] + [
    {"dedup": 1000}, {"dedup": 5000, "dedup_block": 512}, {"dedup": 9900, "dedup_scope": "node"},
    {"dedup": 5000, "dedup_scope": "file"}, {"dedup": 10000, "dedup_block": 16384},
    {"change": 0}, {"change": 500}, {"change": 3333, "change_block": 512}, {"change": 9999},
    {"text": True}, {"text": True, "dedup": 2500, "change": 5000},
    {"compress": 5000, "dedup": 5000, "change": 1000},
    {"compress": 9500, "dedup": 7500, "dedup_block": 512, "change": 2000, "change_block": 1024},
]
FILES = [(0, 0, 0, 0), (1, 0, 1, 0), (7, 1, 0, 1)]
PIECES = [(0, 700), (4090, 20), (65531, 1030), (98304 - 512, 512 + 300)]
SIZE = 98304 + 300


def vectors():
    for options in SHAPES:
        shape = Shape(size=SIZE, nodes=2, processes=2, files=2, **options)
        for file in FILES:
            for offset, length in PIECES:
                piece = shaped("42", shape, file, offset, length)
                yield {
                    "shape": options, "file": file, "offset": offset, "length": length,
                    "first": piece[:16].hex(), "last": piece[-16:].hex(),
                    "blake3": blake3(piece).hexdigest(),
                }


def main():
    print('{\n"format": "seedfs shaped content, version 1",')
    print(f'"size": {SIZE}, "nodes": 2, "processes": 2, "files": 2, "seed": "42",')
    draws = [draw("42", purpose, (1, 2, 3, 65536), index) for purpose in range(1, 6) for index in (0, 7)]
    print(f'"draws": {json.dumps(draws)},')
    rows = ",\n".join(json.dumps(row) for row in vectors())
    print(f'"vectors": [\n{rows}\n]\n}}')


if __name__ == "__main__":
    main()
