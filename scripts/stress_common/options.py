"""The arguments that several scripts take. A wrong one names the option, the value and what is
accepted, and ends the script with exit code 2 before anything has been started."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from typing import Callable, NoReturn, Optional, Sequence

from .errors import StressError, UsageError, reason_of

# The content format has 16 bits each for the process and the generation.
MAX_PROCESSES = 1 << 16
MAX_ITERATIONS = 1 << 16
MAX_NODE = (1 << 16) - 1
MAX_BLOCK_BYTES = 1 << 30
# What O_DIRECT asks of addresses, offsets and lengths on every file system in use.
DIRECT_ALIGNMENT_BYTES = 4096

_SIGNALS = """\
signals:
  SIGINT (Ctrl-C) and SIGTERM end the script and all its processes. Where SIGINT is ignored when it
  starts, as after nohup, in cron and behind & in a script, it stays ignored: send SIGTERM.
"""

_SIZE = re.compile(r"(\d+)\s*([KMGTP]?)(?:I?B)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """`4096`, `64K`, `10GiB` as bytes. Units are binary throughout: G and GiB are the same."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a size; expected bytes, or a whole number with K, M, G, T or P "
            "(binary: 1K is 1024 bytes), such as 4096, 64K or 10GiB"
        )
    exponent = " KMGTP".index(match.group(2).upper() or " ")
    return int(match.group(1)) << (10 * exponent)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """An argument type: a whole number in `least..=most`."""

    def parse(text: str) -> int:
        if re.fullmatch(r"\d+", text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"'{text}' is not accepted here; expected a whole number from {least} to {most}"
        )

    return parse


def block_size(text: str) -> int:
    """An argument type: bytes of one read or write call."""
    size_bytes = parse_size(text)
    if 1 <= size_bytes <= MAX_BLOCK_BYTES:
        return size_bytes
    raise argparse.ArgumentTypeError(f"'{text}' is not accepted here; expected 1 to 1G")


def new_parser(description: str, examples: str) -> argparse.ArgumentParser:
    """A parser that shows `description` and `examples` as they are written."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f"{examples}\n{_SIGNALS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # `--iter` would be `--iteration` today and ambiguous tomorrow.
        allow_abbrev=False,
    )


def add_run_options(parser: argparse.ArgumentParser, *, direct_help: str) -> None:
    """The options of a script that starts processes and times them."""
    parser.add_argument(
        "--nprocess", type=whole_number(1, MAX_PROCESSES), default=1, metavar="P",
        help="how many processes this node runs, each with its own file (default: 1)",
    )
    parser.add_argument(
        "--iteration", type=whole_number(1, MAX_ITERATIONS), default=1, metavar="N",
        help="how many times the whole is done (default: 1)",
    )
    parser.add_argument(
        "--block-size", type=block_size, default=1 << 20, metavar="SIZE",
        help="bytes of one read or write call (default: 1M)",
    )
    parser.add_argument("--direct", action="store_true", help=direct_help)


def add_iteration_dirs(parser: argparse.ArgumentParser) -> None:
    """The option that puts a directory for the iteration in front of the node's."""
    parser.add_argument(
        "--iteration-dirs", action="store_true",
        help="each iteration has its own directory: iteration_{i}/node_{node}/process_{p}, "
        "counted from 0; without it every iteration uses the same files. In a seedfs mount its own "
        "layout decides, and this is not needed",
    )


def add_node(parser: argparse.ArgumentParser, *, required: bool, help: str) -> None:
    """The option that tells the nodes of a cluster apart."""
    parser.add_argument(
        "--node", type=whole_number(0, MAX_NODE), required=required, metavar="K", help=help
    )


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """The options of a script that compares files."""
    parser.add_argument(
        "--nfile", type=whole_number(1, MAX_PROCESSES), required=True, metavar="P",
        help="how many files: process_0 to process_{P-1}",
    )
    parser.add_argument(
        "--iteration", type=whole_number(1, MAX_ITERATIONS), default=1, metavar="N",
        help="with --iteration-dirs, or in a mount with iterations: how many to look at "
        "(default: 1)",
    )
    parser.add_argument(
        "--jobs", type=whole_number(1, MAX_PROCESSES), default=os.cpu_count() or 1, metavar="J",
        help="how many files are compared at the same time (default: one for each core)",
    )


def add_content_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which bytes are expected, for a script that asks `seedfs cat`."""
    group = parser.add_argument_group(
        "expected content",
        "Which dataset the bytes come from. Where --dst is inside a seedfs mount, the mount says "
        "it (.status/config.json) and nothing is needed here; what is given here wins over it.",
    )
    group.add_argument("--config", metavar="FILE", help="a dataset's TOML or JSON file")
    group.add_argument("--seed", metavar="TEXT", help="the dataset's seed (default: 0)")
    group.add_argument(
        "--size", type=parse_size, metavar="SIZE", help="the size of each file, such as 10G"
    )
    group.add_argument(
        "--seedfs", metavar="PATH",
        help="the seedfs command (default: the one in PATH, else this checkout's release build)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that gives standard output to programs."""
    parser.add_argument(
        "--json", action="store_true",
        help="print the report as JSON on standard output; the text goes to standard error",
    )


_MEANINGLESS = {
    "--host": "HOST", "--port": "PORT", "--write-type": "TYPE", "--home": "DIR",
}


class _SayMeaningless(argparse.Action):
    """Takes a value and says that it changes nothing."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        print(
            f"{parser.prog}: note: {option_string} means nothing here: files are reached by their "
            "paths, through the file system",
            file=sys.stderr,
        )


def add_meaningless(parser: argparse.ArgumentParser, *names: str) -> None:
    """Options of Alluxio's scripts of the same names, whose command lines shall go on working."""
    group = parser.add_argument_group(
        "accepted without effect",
        "Alluxio's scripts of the same names have these, to find its servers. Here files are\n"
        "reached by their paths, so they mean nothing, and each says so on standard error.",
    )
    for name in names:
        group.add_argument(
            name, metavar=_MEANINGLESS[name], action=_SayMeaningless, dest=argparse.SUPPRESS,
            help="no effect",
        )


def check_source(arguments: argparse.Namespace) -> None:
    """Refuses two answers to what the bytes are."""
    if arguments.src is not None:
        for name in ("config", "seed", "size"):
            if getattr(arguments, name) is not None:
                raise UsageError(
                    f"--src and --{name} both say what the bytes are; expected one of them"
                )


def make_directories_of(paths: Sequence[str]) -> None:
    """Makes the directories of files that are about to be written."""
    for directory in dict.fromkeys(os.path.dirname(path) for path in paths):
        os.makedirs(directory, exist_ok=True)


def check_direct(direct: bool, block_bytes: int) -> None:
    """Refuses block sizes that O_DIRECT would refuse in the middle of the run."""
    if direct and block_bytes % DIRECT_ALIGNMENT_BYTES:
        raise UsageError(
            f"--block-size {block_bytes} does not go with --direct; "
            f"expected a multiple of {DIRECT_ALIGNMENT_BYTES} bytes"
        )


def check_directory(option: str, path: str) -> None:
    """Refuses a directory that is not there: a mistyped path must not fill the root disk."""
    if not os.path.isdir(path):
        raise UsageError(f"{option} {path}: not a directory; expected a directory that exists")


def check_file(option: str, path: str) -> None:
    """Refuses a source that cannot be read as a file."""
    if not os.path.isfile(path):
        raise UsageError(f"{option} {path}: not a file; expected a regular file")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{option} {path}: permission denied; expected a file you can read")


def check_iteration_count(arguments: argparse.Namespace, rounds: Sequence[Sequence[str]]) -> None:
    """Refuses to look at several iterations where all of them used the same files."""
    if arguments.iteration > 1 and (not rounds or rounds[0] == rounds[-1]):
        raise UsageError(
            f"--iteration {arguments.iteration} has one set of files to look at; expected 1, "
            "with --iteration-dirs, or a mount with iterations"
        )


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, no `except Exception` swallows it."""


def run_main(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], int],
    argv: Optional[Sequence[str]] = None,
) -> NoReturn:
    """Parses, runs and exits: the one place where errors and signals become exit codes."""

    def terminate(_signal: int, _frame: object) -> NoReturn:
        raise Terminated

    # What a scheduler sends at the end of a job's time must end the processes too.
    signal.signal(signal.SIGTERM, terminate)
    try:
        sys.exit(main(parser.parse_args(argv)))
    except UsageError as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    except (StressError, OSError) as error:
        parser.exit(1, f"{parser.prog}: error: {reason_of(error)}\n")
    except KeyboardInterrupt:
        parser.exit(128 + signal.SIGINT, f"{parser.prog}: interrupted, its processes are ended\n")
    except Terminated:
        parser.exit(128 + signal.SIGTERM, f"{parser.prog}: terminated, its processes are ended\n")
