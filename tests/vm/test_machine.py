"""The test machine itself: scripts, their exit codes, disks, arrays, and a limit on time.

    python3 -W error -m unittest discover -s tests/vm -v
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine  # noqa: E402


class MachineTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="seedfs-vm-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def image(self, name: str, size: int) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.truncate(size)
        return path

    def test_a_script_ends_with_its_code_and_sees_its_files(self) -> None:
        done = machine.run("cat /etc/word; exit 7", files={"/etc/word": b"hello\n"})
        self.assertEqual(done.code, 7, done.out)
        self.assertIn("hello", done.out.splitlines())

    def test_what_is_written_to_a_disk_is_in_its_image(self) -> None:
        disk = self.image("disk", 1 << 20)
        done = machine.run("printf there | dd of=/dev/vda bs=512 conv=notrunc", disks=[disk])
        self.assertEqual(done.code, 0, done.out)
        with open(disk, "rb") as file:
            self.assertEqual(file.read(6), b"there\0")

    def test_file_systems_and_arrays_are_there(self) -> None:
        disks = [self.image(name, 320 << 20) for name in ("a", "b", "c")]
        script = """
            set -e
            mdadm --create /dev/md0 --level 5 --raid-devices 3 --metadata 1.2 --run \\
                --assume-clean /dev/vda /dev/vdb /dev/vdc
            mkfs.xfs -q -f /dev/md0 && mount /dev/md0 /mnt && umount /mnt
            mkfs.ext4 -q -F /dev/md0 && mount /dev/md0 /mnt && umount /mnt
            mdadm --stop /dev/md0
        """
        programs = ["/usr/sbin/mdadm", "/usr/sbin/mkfs.xfs", "/usr/sbin/mkfs.ext4"]
        done = machine.run(script, disks=disks, programs=programs)
        self.assertEqual(done.code, 0, done.out)

    def test_a_machine_that_hangs_is_given_up(self) -> None:
        with self.assertRaises(machine.Failed) as raised:
            machine.run("echo before; sleep 600", timeout=15)
        self.assertIn("before", str(raised.exception))

    def test_a_machine_without_power_runs_no_further(self) -> None:
        disk = self.image("disk", 1 << 20)
        script = "echo first | dd of=/dev/vda conv=fsync; echo ready; sleep 1; echo x >/dev/vda"
        with machine.Machine(script, disks=[disk]) as running:
            self.assertEqual(running.wait_for(lambda line: line == "ready"), "ready")
            running.cut()
        with open(disk, "rb") as file:
            self.assertEqual(file.read(5), b"first")
        qemu = subprocess.run(["pgrep", "-f", self.folder], capture_output=True, text=True)
        self.assertEqual(qemu.stdout, "")


if __name__ == "__main__":
    unittest.main()
