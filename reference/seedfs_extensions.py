"""A dataset whose files have extensions, each with a content of its own. See docs/format.md, "Extensions".

Written to be read: all files are listed, one by one.
"""

import re
from dataclasses import dataclass, field
from itertools import product

from seedfs_formats import whole
from seedfs_shapes import Shape, shaped


@dataclass(frozen=True)
class Dataset:
    """The options. `shape` holds for the random contents; its sizes and numbers are the dataset's."""

    layout: str
    contents: dict[str, str]
    nodes: int = 1
    processes: int = 1
    files: int = 1
    iterations: int = 1
    shape: dict = field(default_factory=dict)


def spell(layout: str, values: dict[str, object]) -> str:
    def value(placeholder: re.Match) -> str:
        width = int(placeholder["width"] or 0)
        return str(values[placeholder["axis"]]).zfill(width)

    return re.sub(r"{(?P<axis>[a-z]+)(:(?P<width>0\d+))?}", value, layout)


def files(dataset: Dataset):
    """The path, the coordinates and the content of each file."""
    axes = [range(dataset.iterations), range(dataset.nodes), range(dataset.processes), range(dataset.files)]
    for iteration, node, process, number in product(*axes):
        for place, extension in enumerate(sorted(dataset.contents, key=str.encode)):
            values = {"iteration": iteration, "node": node, "process": process, "file": number}
            path = spell(dataset.layout, values | {"ext": extension})
            file = number * len(dataset.contents) + place
            yield path, (iteration, node, process, file), dataset.contents[extension]


def data(seed: str, dataset: Dataset, coordinates: tuple[int, int, int, int], content: str) -> bytes:
    if content != "random":
        return whole(seed, coordinates, content)
    numbers = {"nodes": dataset.nodes, "processes": dataset.processes, "files": dataset.files}
    shape = Shape(**dataset.shape, **numbers, extensions=len(dataset.contents))
    return shaped(seed, shape, coordinates, 0, shape.size)
