"""Which file each process has in each iteration: by a mount's own layout, or by the scripts' names.

In a seedfs mount only the dataset's own names are judged. So the names come from the mount's
config, and a run that would write or look outside the dataset is refused.
"""

from __future__ import annotations

import json
import os
import re
import string
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .errors import UsageError

CONFIG_IN_MOUNT = os.path.join(".status", "config.json")
DEFAULT_LAYOUT = "node_{node}/process_{process}"
_ITERATION_DIRECTORY = "iteration_{iteration}/"


class Run(NamedTuple):
    """Which part of a dataset a run touches."""

    node: int
    processes: int
    iterations: int
    iteration_dirs: bool
    """Whether each iteration is asked to have a directory of its own."""
    processes_option: str = "--nprocess"


class Names(NamedTuple):
    """The files of a run."""

    rounds: List[List[str]]
    """For each iteration each process's file, below the directory that the run is given."""
    mount: Optional[str] = None
    """The root of the seedfs mount that they are in."""
    prefix: str = ""
    """Where in the mount that directory is."""
    config: Dict[str, Any] = {}
    """The mount's dataset."""

    def distinct(self) -> List[str]:
        """Every file once, iteration by iteration."""
        return list(dict.fromkeys(name for names in self.rounds for name in names))


def find_mount(path: str) -> Optional[str]:
    """The root of the seedfs mount that holds `path`, where there is one."""
    folder = os.path.realpath(path)
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_IN_MOUNT)):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def names_below(option: str, directory: str, run: Run) -> Names:
    """The files of a run below the directory that `option` names."""
    mount = find_mount(directory)
    if mount is None:
        layout = (_ITERATION_DIRECTORY if run.iteration_dirs else "") + DEFAULT_LAYOUT
        return Names(_rounds(layout, run, list(range(run.iterations))))
    config = _read_config(mount)
    layout = config.get("layout") or default_layout(config)
    relative = os.path.relpath(os.path.realpath(directory), mount)
    prefix = "" if relative == os.curdir else relative
    fixed = _coordinates_of(prefix, layout)
    if fixed is None:
        raise UsageError(
            f"{option} {directory}: the dataset of the mount {mount} has no files there, its files "
            f"are {layout}; expected {mount}, or a directory outside"
        )
    _check_shape(option, directory, config, fixed, run)
    rounds = _rounds(layout, run, _iterations(config, fixed, run))
    if prefix:
        rounds = [[os.path.relpath(name, prefix) for name in names] for names in rounds]
    return Names(rounds, mount, prefix, config)


def names_of_copies(source: str, target: Optional[str], run: Run) -> Tuple[Names, Names]:
    """The files that a run reads below `source`, and those below `target` that are their copies."""
    sources = names_below("--src", source, run)
    if target is None or find_mount(target) is None:
        return sources, sources
    # Of a mount only its own names are judged.
    iteration_dirs = run.iteration_dirs and sources.mount is None
    return sources, names_below("--dst", target, run._replace(iteration_dirs=iteration_dirs))


def refuse_mount(option: str, directory: str, instead: str) -> None:
    """Refuses to write names of the scripts' own into a mount, where nothing would judge them."""
    mount = find_mount(directory)
    if mount is not None:
        raise UsageError(
            f"{option} {directory}: process_0 and so on are no files of the dataset of the mount "
            f"{mount}; expected a directory outside, or {instead}"
        )


def default_layout(config: Dict[str, Any]) -> str:
    """The layout of a dataset that was made without one."""
    return (_ITERATION_DIRECTORY if "iterations" in config else "") + DEFAULT_LAYOUT


def _read_config(mount: str) -> Dict[str, Any]:
    path = os.path.join(mount, CONFIG_IN_MOUNT)
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: is no dataset's configuration: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path}: is no dataset's configuration: expected a JSON object")
    return config


def _check_shape(
    option: str, directory: str, config: Dict[str, Any], fixed: Dict[str, int], run: Run
) -> None:
    """Refuses a run that the dataset is too small for, or has another shape than."""
    if config.get("files", 1) > 1 or config.get("new_files"):
        raise UsageError(
            f"{option} {directory}: the mount's dataset has several files for each process "
            "(--files, --new-files); expected a dataset with one"
        )
    if "process" in fixed or fixed.get("node", run.node) != run.node:
        raise UsageError(
            f"{option} {directory}: does not hold the files of node {run.node}; expected a "
            "directory above them"
        )
    nodes, processes = config.get("nodes", 1), config.get("processes", 1)
    if run.node >= nodes:
        raise UsageError(
            f"--node {run.node}: the mount's dataset has {nodes} nodes; expected 0 to {nodes - 1}"
        )
    if run.processes > processes:
        raise UsageError(
            f"{run.processes_option} {run.processes}: the mount's dataset has {processes} "
            f"processes for each node; expected 1 to {processes}"
        )


def _iterations(config: Dict[str, Any], fixed: Dict[str, int], run: Run) -> List[int]:
    """The iteration of the dataset that each iteration of the run stands for."""
    count = config.get("iterations")
    if count is None or "iteration" in fixed:
        if run.iteration_dirs:
            raise UsageError(
                "--iteration-dirs: the mount's dataset has no directories for iterations there: "
                "leave out --iteration-dirs"
            )
        return [fixed.get("iteration", 0)] * run.iterations
    if run.iterations > count:
        raise UsageError(
            f"--iteration {run.iterations}: the mount's dataset has {count} iterations; expected "
            f"1 to {count}"
        )
    return list(range(run.iterations))


def _rounds(layout: str, run: Run, iterations: List[int]) -> List[List[str]]:
    # A layout is spelt as Python's format strings are: axes, widths and doubled braces.
    return [
        [
            layout.format(iteration=iteration, node=run.node, process=process, file=0)
            for process in range(run.processes)
        ]
        for iteration in iterations
    ]


def _coordinates_of(prefix: str, layout: str) -> Optional[Dict[str, int]]:
    """What a directory's path says of the files below; None where none are below."""
    components = layout.split("/")[:-1]
    parts = prefix.split("/") if prefix else []
    if len(parts) > len(components):
        return None
    found: Dict[str, int] = {}
    for part, component in zip(parts, components):
        match = re.fullmatch(_pattern(component), part)
        if match is None:
            return None
        values = {axis: int(digits) for axis, digits in match.groupdict().items()}
        # A number has one spelling: node_01 is not node_1.
        if component.format(**values) != part:
            return None
        found.update(values)
    return found


def _pattern(component: str) -> str:
    pattern = ""
    for literal, axis, width, _ in string.Formatter().parse(component):
        pattern += re.escape(literal)
        if axis is not None:
            pattern += f"(?P<{axis}>[0-9]{{{int(width or 1)},}})"
    return pattern
