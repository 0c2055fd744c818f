"""The kernel of the test machines: Debian's linux-image-cloud-amd64, unpacked and not installed, so
that nothing of the host's boot is touched."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import tempfile
from typing import Dict, List, NamedTuple

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "linux-image-cloud-amd64"
# What a disk with a file system needs, and what a file system or an array asks for by an alias.
MODULES = (
    ["virtio_pci", "virtio_blk"]
    + ["crc32c_intel", "xfs"]
    + ["md_mod", "raid0", "raid1", "raid456", "loop"]
)


class Kernel(NamedTuple):
    """An unpacked kernel."""

    vmlinuz: str
    # Their files, each after those that it needs.
    modules: List[str]


def installed() -> Kernel:
    """The kernel, which is downloaded where it is not there yet."""
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(CHECKOUT, "target")
    folder = os.path.join(target, "vm")
    if not os.path.isdir(os.path.join(folder, "kernel")):
        _download(folder)
    root = os.path.join(folder, "kernel")
    (vmlinuz,) = glob.glob(os.path.join(root, "boot", "vmlinuz-*"))
    files = {}
    for path in glob.glob(os.path.join(root, "lib", "modules", "**", "*.ko"), recursive=True):
        files[_name(os.path.basename(path)[: -len(".ko")])] = path
    ordered: Dict[str, str] = {}
    for module in MODULES:
        _add(module, files, ordered)
    return Kernel(vmlinuz, list(ordered.values()))


def _download(folder: str) -> None:
    """Unpacks the package in one step: a run that is killed leaves nothing half done."""
    os.makedirs(folder, exist_ok=True)
    depends = subprocess.run(
        ["apt-cache", "depends", PACKAGE], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)
    if found is None:
        raise RuntimeError(f"apt-cache does not know {PACKAGE}: expected a Debian 12 or later")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        os.chmod(work, 0o755)
        subprocess.run(
            ["apt-get", "download", "--quiet", found.group(1)],
            cwd=work, check=True, capture_output=True,
        )  # fmt: skip
        (package,) = glob.glob(os.path.join(work, "*.deb"))
        unpacked = os.path.join(work, "kernel")
        subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
        os.rename(unpacked, os.path.join(folder, "kernel"))


def _add(name: str, files: Dict[str, str], ordered: Dict[str, str]) -> None:
    """Adds a module after all that it depends on."""
    path = files.get(name)
    # What is not a module is built in.
    if path is None or name in ordered:
        return
    for needed in _needs(path):
        _add(needed, files, ordered)
    ordered[name] = path


def _needs(path: str) -> List[str]:
    """What a module says in its section .modinfo: words with a zero byte after each."""
    with open(path, "rb") as file:
        words = file.read().split(b"\0")
    for word in words:
        if word.startswith(b"depends="):
            listed = word[len(b"depends=") :].decode()
            return [_name(name) for name in listed.split(",") if name]
    return []


def _name(module: str) -> str:
    return module.replace("-", "_")
