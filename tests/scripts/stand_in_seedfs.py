#!/usr/bin/env python3
"""Stands in for `seedfs cat` where no binary is needed: bytes from a seed and a name, though not
the same bytes as seedfs makes, and refusals for names that the dataset does not have.

The environment plants failures: STAND_IN_FAILS_ON=PATH breaks that stream off in its middle,
STAND_IN_HANGS says nothing for ever.
"""

import argparse
import hashlib
import json
import os
import sys
import time

COUNTS = {"iteration": "iterations", "node": "nodes", "process": "processes"}


def names(options: argparse.Namespace, path: str) -> bool:
    """Whether the dataset has this file."""
    parts = dict(part.rsplit("_", 1) for part in path.split("/"))
    wanted = [name for name, count in COUNTS.items() if getattr(options, count) is not None]
    return list(parts) == wanted and all(
        int(index) < getattr(options, COUNTS[name]) for name, index in parts.items()
    )


def main() -> None:
    """Says a file's bytes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["cat"])
    parser.add_argument("--config")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--size", type=int)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--length", type=int)
    parser.add_argument("path")
    options = parser.parse_args()
    if options.config is not None:
        with open(options.config, encoding="utf-8") as file:
            vars(options).update(json.load(file))
    if not names(options, options.path):
        sys.exit(f"{options.path}: no such file in the dataset")
    data = hashlib.shake_128(f"{options.seed}:{options.path}".encode()).digest(options.size)
    if options.length is not None:
        data = data[: options.length]
    elif "STAND_IN_HANGS" in os.environ:
        time.sleep(600)
    elif os.environ.get("STAND_IN_FAILS_ON") == options.path:
        sys.stdout.buffer.write(data[: options.size // 2])
        sys.stdout.flush()
        print("planted failure", file=sys.stderr)
        sys.exit(3)
    sys.stdout.buffer.write(data)


if __name__ == "__main__":
    main()
