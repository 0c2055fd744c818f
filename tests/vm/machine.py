"""A small virtual machine for tests that need a Linux kernel of their own: to cut its power, or for
drivers that the host's kernel does not have, such as md's.

    import machine
    done = machine.run("mdadm --version", disks=["a.raw"], programs=["/usr/sbin/mdadm"])

The kernel and its modules are Debian's (see kernel.py). The first processes are in an initramfs
that is made here of busybox and the programs that a test names, with the libraries that they load.
Processors are emulated, so neither root nor KVM is needed; a machine boots in some seconds.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import tempfile
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Union

import initramfs
import kernel

# What ends the script's output, and carries its exit code.
END = re.compile(r"^seedfs-vm: ended with (\d+)$")

# A machine that has not come up by then does not come up.
TIMEOUT_S = 120.0


class Disk(NamedTuple):
    """A disk of the machine: /dev/vda, /dev/vdb, … in their order."""

    # The name of a raw image, or the address of an NBD server as qemu has it.
    source: str
    # What the guest reads of it as its serial number (at most 20 bytes).
    serial: str = ""

    @staticmethod
    def nbd(socket: str, serial: str = "") -> "Disk":
        """An NBD server behind a Unix socket."""
        return Disk(f"nbd+unix:///?socket={socket}", serial)

    @property
    def is_nbd(self) -> bool:
        return self.source.startswith("nbd")


class Done(NamedTuple):
    """How a script in a machine ended."""

    code: int
    out: str


class Failed(Exception):
    """A machine that hung, or ended before its script did."""


def run(
    script: str,
    disks: Sequence[Union[str, Disk]] = (),
    timeout: float = TIMEOUT_S,
    programs: Sequence[str] = (),
    files: Optional[Dict[str, bytes]] = None,
    memory: str = "512M",
) -> Done:
    """Runs a shell script as root in a new machine, and returns when the machine is off."""
    with Machine(script, disks, programs, files, memory) as machine:
        return machine.wait(timeout)


class Machine:
    """A machine that runs a script. It is off at the end of the `with`, whatever happens."""

    def __init__(
        self,
        script: str,
        disks: Sequence[Union[str, Disk]] = (),
        programs: Sequence[str] = (),
        files: Optional[Dict[str, bytes]] = None,
        memory: str = "512M",
    ) -> None:
        self._lines: List[str] = []
        self._new_lines: "queue.Queue[Optional[str]]" = queue.Queue()
        image = kernel.installed()
        self._folder = tempfile.TemporaryDirectory(prefix="seedfs-vm-")
        archive = os.path.join(self._folder.name, "initramfs")
        with open(archive, "wb") as out:
            initramfs.write(out, image, script, programs, files or {})
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot",
            "-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", memory,
            "-display", "none", "-serial", "stdio", "-monitor", "none",
            "-kernel", image.vmlinuz, "-initrd", archive,
            # Half a second of the boot is the kernel's messages.
            "-append", "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init",
        ]  # fmt: skip
        for number, disk in enumerate(disks):
            disk = disk if isinstance(disk, Disk) else Disk(disk)
            command += ["-drive", f"file={disk.source},format=raw,if=none,id=disk{number}"]
            # Without this, qemu would turn a discarded or zeroed range into other requests.
            command[-1] += ",discard=ignore,detect-zeroes=off"
            # What a machine has written to a file the host keeps, whatever becomes of the machine;
            # an NBD server is to hear of flushes.
            command[-1] += ",cache=writeback" if disk.is_nbd else ",cache=unsafe"
            serial = f",serial={disk.serial}" if disk.serial else ""
            command += ["-device", f"virtio-blk-pci,drive=disk{number}{serial}"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._folder.cleanup()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._new_lines.put(line.decode(errors="replace").rstrip("\r\n"))
        self._new_lines.put(None)

    def wait_for(self, is_it: Callable[[str], bool], timeout: float = TIMEOUT_S) -> Optional[str]:
        """The next line of output of which that is true; None where the machine is off first."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._new_lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"nothing came for {timeout:.0f} s; so far:\n{self.output}") from None
            if line is None:
                # For whoever asks again.
                self._new_lines.put(None)
                return None
            self._lines.append(line)
            if is_it(line):
                return line

    def wait(self, timeout: float = TIMEOUT_S) -> Done:
        """Waits for the end of the script, and for the machine to be off."""
        deadline = time.monotonic() + timeout
        last = self.wait_for(lambda line: END.match(line) is not None, timeout)
        ended = END.match(last or "")
        if ended is None:
            raise Failed(f"the machine went off in the middle of its script:\n{self.output}")
        self.wait_for(lambda _: False, max(1.0, deadline - time.monotonic()))
        self._process.wait()
        lines = [line for line in self._lines if not END.match(line)]
        return Done(int(ended.group(1)), "\n".join(lines))

    def cut(self) -> None:
        """Cuts the power: the processors stop where they are. What the disks got, they have."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def output(self) -> str:
        """What the machine has said so far, and somebody has waited for."""
        return "\n".join(self._lines)
