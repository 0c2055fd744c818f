"""Makes the initramfs of a test machine: busybox, the kernel's modules, and a test's programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import BinaryIO, Dict, List, Sequence, Set

from kernel import Kernel

BUSYBOX = "busybox"

# The first process. It loads the modules, runs the script, says how that ended, and turns the
# machine off: `-no-reboot` makes an end of a reboot.
INIT = """#!/bin/busybox sh
# A test's own programs come before those of the same name in busybox.
/bin/busybox mkdir /busybox
/bin/busybox --install -s /busybox
export PATH=/bin:/busybox HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /tmp /run /mnt /root /etc
mount -t tmpfs tmp /tmp
ln -s /proc/self/fd /dev/fd
for module in $(cat /modules/order); do insmod "/modules/$module" || echo "no module $module"; done
sh /script </dev/null
code=$?
sync
echo "seedfs-vm: ended with $code"
reboot -f
"""


def write(
    out: BinaryIO, kernel: Kernel, script: str, programs: Sequence[str], files: Dict[str, bytes]
) -> None:
    """Writes the archive. Programs keep their paths, and are found by their names; `files` are
    more files, by the paths that they get."""
    archive = _Archive(out)
    busybox = shutil.which(BUSYBOX)
    if busybox is None:
        raise RuntimeError("busybox is missing: expected Debian's package busybox-static")
    archive.add_file("bin/busybox", busybox)
    for library in _libraries(busybox):
        archive.add_file(library.lstrip("/"), library)
    for folder in ("proc", "sys", "dev"):
        archive.directory(folder)
    for program in programs:
        path = shutil.which(program) or program
        name = os.path.basename(path)
        archive.add_bytes(f"bin/{name}", _stripped(path))
        for library in _libraries(path):
            archive.add_file(library.lstrip("/"), library)
    for module in kernel.modules:
        archive.add_file("modules/" + os.path.basename(module), module)
    order = "\n".join(os.path.basename(module) for module in kernel.modules)
    archive.add_bytes("modules/order", order.encode())
    for path, content in files.items():
        archive.add_bytes(path.lstrip("/"), content)
    archive.add_bytes("script", script.encode())
    archive.add_bytes("init", INIT.encode())
    archive.end()


def _stripped(program: str) -> bytes:
    """A program without what only a debugger reads, which can be most of it."""
    strip = shutil.which("strip")
    if strip is not None:
        with tempfile.NamedTemporaryFile() as small:
            command = [strip, "-o", small.name, program]
            if subprocess.run(command, capture_output=True).returncode == 0:
                with open(small.name, "rb") as file:
                    return file.read()
    with open(program, "rb") as file:
        return file.read()


def _libraries(program: str) -> List[str]:
    """The shared libraries that a program loads, and the loader, by their paths."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not found" in listed.stdout:
        raise RuntimeError(f"a library of {program} is missing:\n{listed.stdout}")
    # A program that is linked statically has none, and ldd fails.
    return re.findall(r"(/\S+) \(0x", listed.stdout)


class _Archive:
    """A cpio archive in the format `newc`, which the kernel unpacks."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._names: Set[str] = set()

    def add_file(self, name: str, path: str) -> None:
        with open(path, "rb") as file:
            self.add_bytes(name, file.read())

    def add_bytes(self, name: str, content: bytes) -> None:
        self.directory(os.path.dirname(name))
        self._entry(name, 0o100755, content)

    def directory(self, name: str) -> None:
        if name and name not in self._names:
            self.directory(os.path.dirname(name))
            self._entry(name, 0o040755, b"")

    def end(self) -> None:
        self._entry("TRAILER!!!", 0, b"")

    def _entry(self, name: str, mode: int, content: bytes) -> None:
        if name in self._names:
            return
        self._names.add(name)
        number, links = len(self._names), 1
        fields = [number, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._write(header + name.encode() + b"\0")
        self._write(content)

    def _write(self, piece: bytes) -> None:
        self._out.write(piece + bytes(-len(piece) % 4))
