"""What the suites share."""

import os
import pathlib
import shutil
import subprocess

import pytest

import seedfs

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tensor:
    """What torch's tensors have for us: DLPack and no buffer protocol."""

    def __init__(self, of):
        self.of = of

    def __dlpack__(self, **options):
        return self.of.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.of.__dlpack_device__()


@pytest.fixture
def ds():
    """A dataset of four files of 3 MiB and a bit."""
    return seedfs.Dataset(seed="42", nodes=2, processes=2, size=(3 << 20) + 17)


@pytest.fixture
def file(ds):
    """One of them."""
    return ds["node_1/process_0"]


def program():
    """The command line, where it was built."""
    named = os.environ.get("SEEDFS_BIN")
    for path in [named, ROOT / "target/release/seedfs", ROOT / "target/debug/seedfs"]:
        if path and os.access(path, os.X_OK):
            return str(path)
    return shutil.which("seedfs")


@pytest.fixture(scope="session")
def cli():
    """Runs the command line and gives what it printed."""
    path = program()
    if not path:
        pytest.skip("no seedfs command: build it, or name it in SEEDFS_BIN")
    return lambda *arguments: subprocess.run(
        [path, *map(str, arguments)], check=False, capture_output=True, timeout=120
    )
