"""Prints the test vectors of sizes and generations: tests/vectors/sizes_v1.json.

The vectors are frozen with the format. `reference/check` proves that this still makes them.
"""

import json

from seedfs_sizes import (
    ALL_BITS,
    CHANGE,
    MAX_SIZE,
    SIZE,
    draw,
    exp2_entry,
    file_size,
    generation_of_block,
    last_change,
    log2_entry,
    normal_entry,
    size_of_draw,
)

FIELD_MAX = (2**16 - 1, 2**16 - 1, 2**16 - 1, 2**32 - 1)
FILES = [
    (0, 0, 0, 0),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (0, 0, 0, 0x10000),
    FIELD_MAX,
    (0x0102, 0x0304, 0x0506, 0x0708090A),
]

SPELLINGS = [
    "4096",
    "4096..1048576",
    f"1..{MAX_SIZE}",
    "lognormal:median=65536,sigma=2,max=1073741824",
    f"lognormal:median=1,sigma=10,max={MAX_SIZE}",
    f"lognormal:median={MAX_SIZE},sigma=0.001,max={MAX_SIZE}",
    "lognormal:median=1000,sigma=0,max=1000",
    "pareto:min=4096,alpha=1.2,max=1073741824",
    f"pareto:min=1,alpha=0.1,max={MAX_SIZE}",
    f"pareto:min=1000000,alpha=100,max={MAX_SIZE}",
    "buckets:4096=70,65536=25,10485760=5",
    "buckets:1=33.33,2=0,3=66.67",
]

# The ends, the middle, each octave of both tails, and both sides of each border.
DRAWS = sorted(
    {0, ALL_BITS, 0x0123456789ABCDEF, 0xFEDCBA9876543210}
    | {2**power + step for power in range(1, 64) for step in (-1, 0, 1)}
    | {ALL_BITS - 2**power + step for power in range(1, 64) for step in (-1, 0, 1)}
)


def rows(name: str, values) -> str:
    return f'"{name}": [\n' + ",\n".join(json.dumps(value) for value in values) + "\n]"


def draws():
    for seed in ("42", "0", "nightly-7", "Grüße, 世界 🌱"):
        for purpose in (SIZE, 2, 3, CHANGE, 5):
            for file in FILES:
                for index in (0, 1, ALL_BITS):
                    drawn = draw(seed, purpose, file, index)
                    yield {
                        "seed": seed, "purpose": purpose, "file": file,
                        "index": f"{index:016x}", "draw": f"{drawn:016x}",
                    }


def sizes():
    for spelling in SPELLINGS:
        pairs = [[f"{d:016x}", size_of_draw(spelling, d)] for d in DRAWS]
        yield {"size": spelling, "draws": pairs}


def files():
    for spelling in SPELLINGS:
        for file in FILES:
            yield {"seed": "42", "size": spelling, "file": file,
                   "bytes": file_size("42", spelling, file)}


def blocks():
    for percent in ("0", "0.01", "5", "33.33", "99.99", "100"):
        for generation in (0, 1, 2, 3, 19, 20, 21, 400):
            file = (generation, 1, 2, 3)
            found = [generation_of_block("42", percent, file, block) for block in range(40)]
            yield {"seed": "42", "change": percent, "file": file, "generations": found}


def changes():
    shapes = [
        {"change": "5", "grow": "0", "new_files": "0"},
        {"change": "0", "grow": "0", "new_files": "30"},
        {"change": "0.5", "grow": "0.01", "new_files": "12.5"},
        {"change": "0", "grow": "0.02", "new_files": "0"},
        {"change": None, "grow": "1", "new_files": "1"},
    ]
    for shape in shapes:
        for generation in (0, 1, 2, 7):
            count = 8 + 8 * generation * {"0": 0, "30": 3000, "12.5": 1250, "1": 100}[
                shape["new_files"]
            ] // 10000
            found = []
            for number in range(count):
                file = (generation, 0, 0, number)
                size = file_size("42", "1000..20000", file, shape["grow"])
                last = last_change("42", "1000..20000", file, 8, **shape)
                found.append([size, last])
            yield shape | {"generation": generation, "files": 8, "size": "1000..20000",
                           "bytes_and_last_change": found}


def main():
    parts = [
        '"format": "seedfs sizes and generations, version 1"',
        f'"normal": {json.dumps([normal_entry(t) for t in range(641)])}',
        f'"exp2": {json.dumps([exp2_entry(j) for j in range(257)])}',
        f'"log2": {json.dumps([log2_entry(j) for j in range(257)])}',
        rows("draws", draws()),
        rows("sizes", sizes()),
        rows("files", files()),
        rows("blocks", blocks()),
        rows("changes", changes()),
    ]
    print("{\n" + ",\n".join(parts) + "\n}")


if __name__ == "__main__":
    main()
