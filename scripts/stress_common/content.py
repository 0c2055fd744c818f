"""Where the expected bytes of the files under test come from."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from typing import List, Optional

from .errors import UsageError
from .layout import CONFIG_IN_MOUNT, Names, Run, default_layout
from .lifetime import dying_with_me
from .streams import CommandSource

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def find_seedfs(asked: Optional[str]) -> str:
    """The seedfs command, as an absolute path."""
    if asked is not None:
        found = shutil.which(asked)
        if not found:
            raise UsageError(f"--seedfs {asked}: not a command; expected the path of seedfs")
        return os.path.abspath(found)
    found = shutil.which("seedfs") or shutil.which(
        os.path.join(_CHECKOUT, "target", "release", "seedfs")
    )
    if not found:
        raise UsageError(
            "seedfs is neither in PATH nor built in this checkout; run "
            "`cargo build --release`, or name it with --seedfs PATH"
        )
    return os.path.abspath(found)


class SeedContent:
    """The dataset's own bytes, streamed from `seedfs cat`."""

    def __init__(self, command: str, dataset_options: List[str], prefix: str) -> None:
        self._command = command
        self._dataset_options = dataset_options
        # Of --dst inside the mount, for layouts that begin with a fixed directory.
        self._prefix = prefix

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace, run: Run, names: Names) -> SeedContent:
        """Takes the dataset from the options, or from the mount that `--dst` is in."""
        options = dataset_options(arguments, run, names)
        if options is None:
            if names.mount is None:
                raise UsageError(
                    f"--dst {arguments.dst} is not inside a seedfs mount, so the expected content "
                    "is unknown; expected --src FILE, --config FILE, or --size with --seed"
                )
            options = ["--config", os.path.join(names.mount, CONFIG_IN_MOUNT)]
        return cls(find_seedfs(arguments.seedfs), options, names.prefix)

    def open(self, name: str) -> CommandSource:
        """Starts the stream of one file's bytes."""
        return CommandSource(self._cat(name))

    def check(self, names: Names) -> None:
        """Refuses a dataset that does not name every file of the run, and says what would help."""
        distinct = names.distinct()
        for name in (distinct[0], distinct[-1]):
            problem = self._problem_with(name)
            if problem is not None:
                raise UsageError(self._advice(name) or f"{name}: {problem}")

    def _cat(self, name: str, *more: str) -> List[str]:
        path = os.path.join(self._prefix, name)
        return [self._command, "cat", *self._dataset_options, *more, path]

    def _problem_with(self, name: str) -> Optional[str]:
        command = self._cat(name, "--length", "1")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, check=False, preexec_fn=dying_with_me(),
            )
        except OSError as error:
            raise UsageError(f"--seedfs {self._command}: {error.strerror}") from error
        if done.returncode == 0:
            return None
        said = done.stderr.decode("utf-8", "replace").strip()
        return said or f"`{' '.join(command)}` ended with {done.returncode}"

    def _advice(self, name: str) -> Optional[str]:
        """What to change, where the dataset's shape and the arguments are known to disagree."""
        if not self._problem_with(f"iteration_0/{name}"):
            return (
                f"the dataset has no {name} but has iteration_0/{name}: "
                "it was made with --iterations, so add --iteration-dirs"
            )
        directory, _, bare = name.partition("/")
        if directory.startswith("iteration_") and not self._problem_with(bare):
            return (
                f"the dataset has {bare} and no {name}: "
                "it was made without --iterations, so leave out --iteration-dirs"
            )
        if not self._problem_with(f"{name}/file_0"):
            return (
                f"in the dataset {name} is a directory: it was made with --files above 1; "
                "expected a dataset with one file for each process"
            )
        return None


def dataset_options(
    arguments: argparse.Namespace, run: Run, names: Names
) -> Optional[List[str]]:
    """The dataset that the options describe, in `seedfs cat`'s words; None where they do not."""
    given = [name for name in ("seed", "size") if getattr(arguments, name) is not None]
    if arguments.config is not None:
        if given:
            raise UsageError(f"--config and --{given[0]} both say which dataset; expected one of them")
        if not os.path.isfile(arguments.config):
            raise UsageError(f"--config {arguments.config}: not a file; expected a config file")
        return ["--config", os.path.abspath(arguments.config)]
    if not given:
        return None
    if arguments.size is None:
        raise UsageError(f"--seed {arguments.seed} needs the size of each file: add --size SIZE")
    options = ["--size", str(arguments.size), f"--seed={arguments.seed or '0'}"]
    # More nodes or processes than the real dataset has change no byte of these ones.
    options += ["--nodes", str(run.node + 1), "--processes", str(run.processes)]
    if names.mount is not None:
        # The mount's names, with the content of another dataset.
        options += ["--layout", names.config.get("layout") or default_layout(names.config)]
        iterations = names.config.get("iterations")
    else:
        iterations = run.iterations if run.iteration_dirs else None
    if iterations is not None:
        options += ["--iterations", str(iterations)]
    return options


def refuse_overwriting(sources: List[str], targets: List[str]) -> None:
    """Refuses a run that would truncate what it is about to read."""
    identities = set()
    for source in sources:
        if os.path.exists(source):
            found = os.stat(source)
            identities.add((found.st_dev, found.st_ino))
    for target in targets:
        if os.path.exists(target):
            found = os.stat(target)
            if (found.st_dev, found.st_ino) in identities:
                raise UsageError(f"--dst: {target} would be read and written; expected another")
