#!/usr/bin/env python3
"""Check what parallel_write.py wrote: {dst}/node_K/process_0 to process_{P-1}, or inside a seedfs
mount the files that its layout gives the processes.

Reads each file back and compares it, byte by byte, with what the dataset expects there (streamed
from `seedfs cat`), or with --src with that file. Each file that differs is named with its first
differing offset.

With --status nothing is read: --dst must be inside a seedfs mount, and the verdict is the mount's
own, from .status/files. Only `verified` passes. This is the stronger check of a seedfs mount: a
file that was never written reads as expected, and only the verdict tells it from one that arrived.

Exit codes: 0 every file is right; 1 one differs, is missing or cannot be read; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# The package must be found beside the script, wherever it is called from.
# pylint: disable=wrong-import-position
from stress_common import content, layout, options, report, streams, verify  # noqa: E402
from stress_common.errors import UsageError, reason_of  # noqa: E402

SCRIPT = report.script_name(__file__)
MAX_RANGES_SHOWN = 4

EXAMPLES = """\
examples:
  The verdict of a seedfs mount that was written to:
    verify_write.py --dst /mnt/seed --node 0 --nfile 8 --status
  Another file system, which holds the content of seed 42:
    verify_write.py --dst /lustre/t --node 0 --nfile 8 --seed 42 --size 1G
  Copies of one local file:
    verify_write.py --dst /data --node 0 --nfile 4 --src big.bin
"""


def parse() -> argparse.ArgumentParser:
    """The command line."""
    parser = options.new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        "--dst", required=True, metavar="DIR", help="the directory that was written in"
    )
    options.add_node(parser, required=True, help="the node that wrote, from 0")
    options.add_verify_options(parser)
    options.add_iteration_dirs(parser)
    parser.add_argument(
        "--src", metavar="FILE", help="every file must equal this one, not the dataset's content"
    )
    parser.add_argument(
        "--status", action="store_true", help="take the verdict from the mount's .status"
    )
    options.add_content_options(parser)
    options.add_json(parser)
    options.add_meaningless(parser, "--home")
    return parser


def check_status_options(arguments: argparse.Namespace, files: layout.Names) -> None:
    """Refuses options that the mount's verdict does not depend on, and what is no mount."""
    for name in ("src", "config", "seed", "size"):
        if getattr(arguments, name) is not None:
            raise UsageError(f"--{name} says what is expected, but with --status the mount does")
    if files.mount is None:
        raise UsageError(
            f"--status: --dst {arguments.dst} is not inside a seedfs mount; expected a directory "
            "of a mount, or no --status"
        )


def verdicts(arguments: argparse.Namespace, files: layout.Names) -> List[verify.Finding]:
    """A finding for each file, from the mount's own judgement."""
    documents = os.path.join(files.mount, ".status", "files", files.prefix)
    out = sys.stderr if arguments.json else sys.stdout
    findings = []
    for name in files.distinct():
        path = os.path.join(arguments.dst, name)
        try:
            with open(os.path.join(documents, f"{name}.json"), encoding="utf-8") as file:
                status = json.load(file)
            verdict, ranges = status["verdict"], status["ranges"]
        except (OSError, ValueError, KeyError) as error:
            findings.append(verify.Finding(path, f"no verdict: {reason_of(error)}"))
            continue
        print(f"{verdict:<12}{path}", file=out)
        if verdict != "verified":
            problem = f"{verdict}: {describe(status['bytes'], ranges)}"
            offset = ranges[0]["offset"] if ranges else None
            findings.append(verify.Finding(path, problem, offset))
        else:
            findings.append(verify.Finding(path))
    return findings


def describe(amounts: Dict[str, int], ranges: List[Dict[str, Any]]) -> str:
    """The amounts that are not as they should be, and the first wrong ranges."""
    parts = [
        f"{amounts[state]} bytes {state}"
        for state in ("untouched", "missing", "wrong", "extra")
        if amounts.get(state)
    ]
    for wrong in ranges[:MAX_RANGES_SHOWN]:
        source = wrong.get("source")
        origin = f" (from {source if isinstance(source, str) else json.dumps(source)})"
        parts.append(
            f"{wrong['length']} {wrong['class']} at offset {wrong['offset']}"
            f"{origin if source else ''}"
        )
    if len(ranges) > MAX_RANGES_SHOWN:
        parts.append(f"and {len(ranges) - MAX_RANGES_SHOWN} ranges more")
    return ", ".join(parts)


def pairs_to_compare(
    arguments: argparse.Namespace, run: layout.Run, files: layout.Names
) -> List[verify.Pair]:
    """Each file with the bytes that it should have."""
    names = files.distinct()
    paths = [os.path.join(arguments.dst, name) for name in names]
    if arguments.src is not None:
        options.check_file("--src", arguments.src)
        return [verify.Pair(path, lambda: streams.FileSource(arguments.src)) for path in paths]
    seed_content = content.SeedContent.from_arguments(arguments, run, files)
    seed_content.check(files)
    return [
        verify.Pair(path, lambda name=name: seed_content.open(name))
        for path, name in zip(paths, names)
    ]


def main(arguments: argparse.Namespace) -> int:
    """Takes the mount's word, or compares."""
    options.check_directory("--dst", arguments.dst)
    options.check_source(arguments)
    run = layout.Run(
        arguments.node, arguments.nfile, arguments.iteration, arguments.iteration_dirs,
        "--nfile",
    )
    files = layout.names_below("--dst", arguments.dst, run)
    options.check_iteration_count(arguments, files.rounds)
    if arguments.status:
        check_status_options(arguments, files)
        findings = verdicts(arguments, files)
    else:
        pairs = pairs_to_compare(arguments, run, files)
        if files.mount is not None:
            print(
                f"{SCRIPT}: note: a seedfs file that was never written reads as expected; "
                "--status tells whether the bytes arrived",
                file=sys.stderr,
            )
        findings = verify.compare_all(pairs, arguments.jobs)
    return verify.conclude(SCRIPT, findings, arguments)


if __name__ == "__main__":
    options.run_main(parse(), main)
