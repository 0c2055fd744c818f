#!/usr/bin/env python3
"""Write one file from each of many processes at once, and time them.

Process p of node K writes {dst}/node_K/process_p. Inside a seedfs mount it writes the file that
the mount's layout gives it, and iteration i writes that of the dataset's iteration i, where it has
several. Without --src it writes the bytes that the dataset expects there, streamed from `seedfs
cat`, so that a seedfs mount (or verify_write.py, on any other file system) can judge what arrived.
With --src every process writes that local file.

All processes of an iteration start together. A process's time runs from opening its file, which
truncates it, to closing it, with --fsync after flushing it to the device. It includes waiting for
the source; the report says how much that was, so that a slow source is not taken for a slow
target. A process that fails makes the run fail; its bytes and its time are not counted, the
others of its iteration finish, and no further iteration starts.

Exit codes: 0 all was written; 1 a process failed; 2 wrong usage, and nothing was started.
"""

from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# The package must be found beside the script, wherever it is called from.
# pylint: disable=wrong-import-position
from stress_common import content, crew, layout, options, report, streams  # noqa: E402

SCRIPT = report.script_name(__file__)

EXAMPLES = """\
examples:
  Write a dataset's files back into its own mount, from 8 processes:
    seedfs mount --nodes 2 --processes 8 --size 1G /mnt/seed
    parallel_write.py --nprocess 8 --node 0 --dst /mnt/seed
    seedfs status /mnt/seed
  The same content onto another file system, from every node of a cluster:
    pdsh -w n[000-255] parallel_write.py --nprocess 8 --node %n --dst /lustre/t --seed 42 --size 1G
    srun -N 256 sh -c 'parallel_write.py --nprocess 8 --node $SLURM_NODEID --dst /lustre/t \\
        --seed 42 --size 1G'
  One local file, three times, past the page cache:
    parallel_write.py --nprocess 4 --iteration 3 --node 0 --dst /data --src big.bin --direct
"""


class WriteTask:
    """One process's work: everything from a source into one file."""

    def __init__(self, open_source, path: str, arguments: argparse.Namespace) -> None:
        self._open_source = open_source
        self._path = path
        self._arguments = arguments
        self._source = None
        self._buffer = None

    def prepare(self) -> None:
        """Starts the source, so that its start is not taken for the target's time."""
        self._buffer = streams.new_buffer(self._arguments.block_size)
        self._source = self._open_source()

    def run(self) -> streams.Copied:
        """Opens, writes, closes."""
        sink = streams.FileSink(self._path, self._arguments.direct, self._arguments.fsync)
        try:
            return streams.copy(self._source, sink, self._buffer)
        finally:
            sink.close()

    def check(self) -> None:
        """The source must have given everything."""
        self._source.close()
        self._source.check()


def parse() -> argparse.ArgumentParser:
    """The command line."""
    parser = options.new_parser(__doc__, EXAMPLES)
    options.add_run_options(
        parser, direct_help="open the written file with O_DIRECT, past the page cache"
    )
    options.add_node(parser, required=True, help="this node's number, from 0")
    parser.add_argument("--dst", required=True, metavar="DIR", help="the directory to write in")
    parser.add_argument(
        "--src", metavar="FILE", help="write this file instead of the dataset's content"
    )
    parser.add_argument(
        "--fsync", action="store_true", help="flush each file to its device before closing it"
    )
    options.add_iteration_dirs(parser)
    options.add_content_options(parser)
    options.add_json(parser)
    options.add_meaningless(parser, "--host", "--port", "--write-type")
    return parser


def source_opener(arguments: argparse.Namespace, run: layout.Run, names: layout.Names):
    """A function from a file's name to the function that opens its source."""
    if arguments.src is not None:
        options.check_file("--src", arguments.src)
        return lambda name: lambda: streams.FileSource(arguments.src)
    seed_content = content.SeedContent.from_arguments(arguments, run, names)
    seed_content.check(names)
    return lambda name: lambda: seed_content.open(name)


def main(arguments: argparse.Namespace) -> int:
    """Checks everything, then runs iteration by iteration."""
    options.check_direct(arguments.direct, arguments.block_size)
    options.check_directory("--dst", arguments.dst)
    options.check_source(arguments)
    run = layout.Run(
        arguments.node, arguments.nprocess, arguments.iteration, arguments.iteration_dirs
    )
    files = layout.names_below("--dst", arguments.dst, run)
    open_source = source_opener(arguments, run, files)
    if arguments.src is not None:
        targets = [os.path.join(arguments.dst, name) for name in files.distinct()]
        content.refuse_overwriting([arguments.src], targets)
    result = report.Report(
        SCRIPT, arguments.node, arguments.nprocess, arguments.iteration, "waiting for the source"
    )
    for names in files.rounds:
        paths = [os.path.join(arguments.dst, name) for name in names]
        options.make_directories_of(paths)
        tasks = [
            WriteTask(open_source(name), path, arguments) for name, path in zip(names, paths)
        ]
        result.add(report.Iteration(paths, crew.run_crew(tasks)))
        if result.failures():
            break
    return result.print(arguments.json)


if __name__ == "__main__":
    options.run_main(parse(), main)
