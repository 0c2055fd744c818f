#!/usr/bin/env python3
"""Check what parallel_read.py --dst copied: compares each copy with what it was read from.

Local mode (without --node): {dst}/process_p with the one file --src.
Remote mode (with --node K): {dst}/node_K/process_p with {src}/node_K/process_p; where --src or
--dst is inside a seedfs mount, with its layout's names, as parallel_read.py.

p goes from 0 to P-1. Each file that differs is named with its first differing offset.

Exit codes: 0 every copy is right; 1 one differs, is missing or cannot be read; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# The package must be found beside the script, wherever it is called from.
# pylint: disable=wrong-import-position
from stress_common import layout, options, report, streams, verify  # noqa: E402
from stress_common.errors import UsageError  # noqa: E402

SCRIPT = report.script_name(__file__)

EXAMPLES = """\
examples:
  Copies of a mount's files:
    parallel_read.py --nprocess 8 --node 0 --src /mnt/seed --dst /data
    verify_read.py --src /mnt/seed --dst /data --node 0 --nfile 8
  Copies of one file:
    parallel_read.py --nprocess 4 --src big.bin --dst /data
    verify_read.py --src big.bin --dst /data --nfile 4
"""


def parse() -> argparse.ArgumentParser:
    """The command line."""
    parser = options.new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--src", required=True, metavar="PATH",
        help="local mode: the file; remote mode: the directory that holds node_K",
    )
    parser.add_argument(
        "--dst", required=True, metavar="DIR", help="the directory that holds the copies"
    )
    options.add_node(
        parser, required=False, help="the node that read, from 0; chooses remote mode"
    )
    options.add_verify_options(parser)
    options.add_iteration_dirs(parser)
    options.add_json(parser)
    options.add_meaningless(parser, "--home")
    return parser


def pairs_to_compare(arguments: argparse.Namespace) -> List[verify.Pair]:
    """Each copy with what it was read from."""
    if arguments.node is None:
        if arguments.iteration_dirs:
            raise UsageError("--iteration-dirs is for remote mode; expected with --node K")
        options.check_iteration_count(arguments, [])
        options.check_file("--src", arguments.src)
        return [
            verify.Pair(
                os.path.join(arguments.dst, f"process_{process}"),
                lambda: streams.FileSource(arguments.src),
            )
            for process in range(arguments.nfile)
        ]
    options.check_directory("--src", arguments.src)
    run = layout.Run(
        arguments.node, arguments.nfile, arguments.iteration, arguments.iteration_dirs,
        "--nfile",
    )
    sources, copies = layout.names_of_copies(arguments.src, arguments.dst, run)
    options.check_iteration_count(arguments, sources.rounds)
    return [
        verify.Pair(
            os.path.join(arguments.dst, copy),
            lambda name=name: streams.FileSource(os.path.join(arguments.src, name)),
        )
        for name, copy in zip(sources.distinct(), copies.distinct())
    ]


def main(arguments: argparse.Namespace) -> int:
    """Compares, and says what differs."""
    options.check_directory("--dst", arguments.dst)
    findings = verify.compare_all(pairs_to_compare(arguments), arguments.jobs)
    return verify.conclude(SCRIPT, findings, arguments)


if __name__ == "__main__":
    options.run_main(parse(), main)
