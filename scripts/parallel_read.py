#!/usr/bin/env python3
"""Read files from many processes at once, and time them.

Local mode (without --node): every process reads the one file --src.
Remote mode (with --node K): process p reads {src}/node_K/process_p; inside a seedfs mount it reads
the file that the mount's layout gives it, and iteration i reads that of the dataset's iteration i,
where it has several.

What is read goes into a buffer that is thrown away; with --dst into {dst}/process_p (local mode)
or a copy of the same name below {dst} (remote mode; where {dst} is inside a seedfs mount, with the
name that its layout gives it), which verify_read.py can compare afterwards. With --expected FILE
everything read is compared with that file on the way; the time for that is in the process's time,
but not in the time spent reading.

All processes of an iteration start together. A process's time runs from opening its file to
closing it, or to closing its copy. A file that ends before its size says so is a failure. A
process that fails makes the run fail; its bytes and its time are not counted, the others of its
iteration finish, and no further iteration starts.

A second reading of the same file may come from the page cache: --direct goes past it. (A seedfs
mount keeps its files out of the page cache by itself.)

Exit codes: 0 all was read; 1 a process failed; 2 wrong usage, and nothing was started.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import List, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# The package must be found beside the script, wherever it is called from.
# pylint: disable=wrong-import-position
from stress_common import content, crew, layout, options, report, streams  # noqa: E402
from stress_common.errors import StressError, UsageError  # noqa: E402

SCRIPT = report.script_name(__file__)

EXAMPLES = """\
examples:
  Eight processes read a mount's files of node 0:
    seedfs mount --nodes 2 --processes 8 --size 10G /mnt/seed
    parallel_read.py --nprocess 8 --node 0 --src /mnt/seed
  Every node of a cluster reads what parallel_write.py left, past the page cache:
    pdsh -w n[000-255] parallel_read.py --nprocess 8 --node %n --src /lustre/t --direct
  Four processes read one file, three times:
    parallel_read.py --nprocess 4 --iteration 3 --src /mnt/seed/node_0/process_0
"""


class ReadTask:
    """One process's work: one file, from its beginning to its end."""

    def __init__(self, source_path: str, path: str, arguments: argparse.Namespace) -> None:
        self._source_path = source_path
        self._path = path
        self._arguments = arguments
        self._buffer = None
        self._source = None

    def prepare(self) -> None:
        """Only the buffer: opening the file is part of what is timed."""
        self._buffer = streams.new_buffer(self._arguments.block_size)

    def run(self) -> streams.Copied:
        """Opens, reads, closes."""
        self._source = streams.FileSource(self._source_path, self._arguments.direct)
        sink = streams.NullSink()
        if self._arguments.dst is not None:
            sink = streams.FileSink(self._path, fsync=self._arguments.fsync)
        if self._arguments.expected is not None:
            sink = streams.ComparingSink(self._arguments.expected, self._source_path, sink)
        try:
            return streams.copy(self._source, sink, self._buffer)
        finally:
            sink.close()
            self._source.close()

    def check(self) -> None:
        """The file must have had the length that it, and the command line, promise."""
        self._source.check()
        wanted = self._arguments.size
        if wanted is not None and self._source.read_bytes != wanted:
            raise StressError(
                f"{self._source_path}: has {self._source.read_bytes} bytes, --size is {wanted}"
            )


def parse() -> argparse.ArgumentParser:
    """The command line."""
    parser = options.new_parser(__doc__, EXAMPLES)
    options.add_run_options(parser, direct_help="open the file read with O_DIRECT")
    options.add_node(
        parser, required=False, help="this node's number, from 0; chooses remote mode"
    )
    parser.add_argument(
        "--src", required=True, metavar="PATH",
        help="local mode: the file; remote mode: the directory that holds node_K",
    )
    parser.add_argument(
        "--dst", metavar="DIR", help="write what is read in this directory instead of dropping it"
    )
    parser.add_argument(
        "--fsync", action="store_true", help="with --dst: flush each copy before closing it"
    )
    parser.add_argument(
        "--expected", metavar="FILE",
        help="fail where a file does not hold exactly the bytes of this one",
    )
    parser.add_argument(
        "--size", type=options.parse_size, metavar="SIZE",
        help="fail where a file has not this size (default: any size)",
    )
    options.add_iteration_dirs(parser)
    options.add_json(parser)
    options.add_meaningless(parser, "--host", "--port")
    return parser


def check(arguments: argparse.Namespace) -> None:
    """Refuses what cannot work, before anything starts."""
    options.check_direct(arguments.direct, arguments.block_size)
    if arguments.node is None:
        if arguments.iteration_dirs:
            raise UsageError("--iteration-dirs is for remote mode; expected with --node K")
        options.check_file("--src", arguments.src)
    else:
        options.check_directory("--src", arguments.src)
    if arguments.expected is not None:
        options.check_file("--expected", arguments.expected)
    if arguments.dst is not None:
        options.check_directory("--dst", arguments.dst)
    elif arguments.fsync:
        raise UsageError("--fsync has nothing to flush; expected with --dst DIR")


def plan(arguments: argparse.Namespace) -> List[List[Tuple[str, str]]]:
    """For each iteration and process: what it reads, and where its copy goes."""
    processes = range(arguments.nprocess)
    if arguments.node is None:
        if arguments.dst is not None:
            layout.refuse_mount("--dst", arguments.dst, "--node K")
        folder = arguments.dst or ""
        copies = [os.path.join(folder, f"process_{process}") for process in processes]
        return [[(arguments.src, copy) for copy in copies]] * arguments.iteration
    run = layout.Run(
        arguments.node, arguments.nprocess, arguments.iteration, arguments.iteration_dirs
    )
    sources, copies = layout.names_of_copies(arguments.src, arguments.dst, run)
    return [
        [
            (os.path.join(arguments.src, name), os.path.join(arguments.dst or "", copy))
            for name, copy in zip(names, copy_names)
        ]
        for names, copy_names in zip(sources.rounds, copies.rounds)
    ]


def main(arguments: argparse.Namespace) -> int:
    """Checks everything, then runs iteration by iteration."""
    check(arguments)
    rounds = plan(arguments)
    if arguments.dst is not None:
        pairs = [pair for pairs in rounds for pair in pairs]
        content.refuse_overwriting([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    result = report.Report(
        SCRIPT, arguments.node, arguments.nprocess, arguments.iteration, "time spent reading"
    )
    for pairs in rounds:
        if arguments.dst is not None:
            options.make_directories_of([copy for _, copy in pairs])
        run = crew.run_crew([ReadTask(source, copy, arguments) for source, copy in pairs])
        result.add(report.Iteration([source for source, _ in pairs], run))
        if result.failures():
            break
    return result.print(arguments.json)


if __name__ == "__main__":
    options.run_main(parse(), main)
