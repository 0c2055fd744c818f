"""Prints the test vectors of files with extensions: tests/vectors/extensions_v1.json.

They are frozen with the format. `reference/check` proves that this still makes them.
"""

import json

from blake3 import blake3

from seedfs_extensions import Dataset, data, files

DATASETS = [
    {
        "layout": "n{node}/{process}/{file:03}.{ext}", "nodes": 2, "files": 3,
        "contents": {
            "tfrecord": "tfrecord:100,12", "idx": "tfrecord-index:100,12",
            "npz": "npz:x:u1,7+y:f4,3", "json": "jsonl:id:int9+ok:bit,4",
        },
    },
    {
        "layout": "g{iteration}/{ext}/{process}_{file}", "processes": 2, "files": 2, "iterations": 3,
        "contents": {"png": "png:9x5", "bin.x": "random"},
        "shape": {"size": 5000, "dedup": 5000, "dedup_block": 512, "change": 2500, "change_block": 512},
    },
    {
        "layout": "{file}{ext}", "files": 11, "contents": {"a.b": "random", "a": "random", "B": "npy:u1,5"},
        "shape": {"size": 1500, "dedup": 9000, "dedup_block": 512, "dedup_scope": "node"},
    },
    {"layout": "{file}.{ext}", "files": 2, "contents": {"csv": "csv:id:int3,2"}},
]


def vectors():
    for options in DATASETS:
        dataset = Dataset(**options)
        rows = []
        for path, coordinates, content in files(dataset):
            made = data("42", dataset, coordinates, content)
            rows.append([path, coordinates, len(made), blake3(made).hexdigest()])
        yield options | {"rows": rows}


def main():
    print('{\n"format": "seedfs files with extensions, version 1", "seed": "42",')
    rows = ",\n".join(json.dumps(row) for row in vectors())
    print(f'"datasets": [\n{rows}\n]\n}}')


if __name__ == "__main__":
    main()
