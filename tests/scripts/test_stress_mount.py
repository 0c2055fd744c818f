"""The stress scripts on real mounts of the built binary. What is missing for that is a failure."""

from __future__ import annotations

import json
import os
import subprocess
import unittest
from typing import Optional

from support import CHECKOUT, Done, ScriptCase, plant

SIZE = (4 << 20) + 77


def find_binary() -> Optional[str]:
    """The seedfs to test: SEEDFS_BIN, else the release build, else the debug build."""
    built = [os.path.join(CHECKOUT, "target", name, "seedfs") for name in ("release", "debug")]
    candidates = [os.environ["SEEDFS_BIN"]] if "SEEDFS_BIN" in os.environ else built
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


class MountCase(ScriptCase):
    """A test with mounts, which end with it whatever happens."""

    def setUp(self) -> None:
        super().setUp()
        if not os.path.exists("/dev/fuse"):
            self.fail("there is no /dev/fuse: load the kernel's fuse module (modprobe fuse)")
        binary = find_binary()
        if binary is None:
            self.fail("no seedfs binary: run `cargo build --release`, or set SEEDFS_BIN")
        self.seedfs = binary

    def mount(self, *options: str, name: str = "mnt") -> str:
        """Mounts a dataset of two nodes with two processes each."""
        folder = self.directory(name)
        # Before the mount, so that one that half succeeds ends too.
        self.addCleanup(unmount, folder)
        shape = ["--seed", "42", "--nodes", "2", "--processes", "2", "--size", str(SIZE)]
        done = subprocess.run(
            [self.seedfs, "mount", *shape, *options, folder],
            capture_output=True, text=True, timeout=60, check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return folder

    def run_on(self, script: str, mount: str, *arguments: str) -> Done:
        """Runs a script that writes, or checks what was written, with the binary under test."""
        return self.run_script(script, "--dst", mount, "--seedfs", self.seedfs, *arguments)

    def verdict(self, mount: str, name: str) -> str:
        """The mount's word on a file."""
        path = os.path.join(mount, ".status", "files", f"{name}.json")
        with open(path, encoding="utf-8") as file:
            return json.load(file)["verdict"]


def unmount(folder: str) -> None:
    """Unmounts, lazily where it must be; fails only when the mount stays."""
    for command in (["fusermount3", "-u", folder], ["umount", "-l", folder]):
        if not os.path.ismount(folder):
            return
        subprocess.run(command, capture_output=True, timeout=60, check=False)
    if os.path.ismount(folder):
        raise AssertionError(f"{folder} is still mounted")


class MountWriteTest(MountCase):
    """What is written is judged."""

    def test_every_node_writes_its_files_and_the_mount_verifies_them(self) -> None:
        mount = self.mount()
        for node in ("0", "1"):
            done = self.run_on(
                "parallel_write", mount, "--nprocess", "2", "--node", node, "--iteration", "2",
                "--json",
            )
            self.assert_ended(0, done)
            self.assertEqual(done.report["bytes"], 2 * 2 * SIZE)
            done = self.run_on("verify_write", mount, "--nfile", "2", "--node", node, "--status")
            self.assert_ended(0, done)
        status = subprocess.run(
            [self.seedfs, "status", mount], capture_output=True, timeout=60, check=False
        )
        self.assertEqual(status.returncode, 0, status.stdout)

    def test_a_file_that_nobody_wrote_is_not_verified(self) -> None:
        mount = self.mount()
        done = self.run_on("verify_write", mount, "--nfile", "2", "--node", "0", "--status")
        self.assert_ended(1, done)
        self.assertIn("process_1: untouched", done.err)
        # But it reads as expected.
        self.assert_ended(0, self.run_on("verify_write", mount, "--nfile", "2", "--node", "0"))

    def test_a_flipped_byte_is_found_by_status_and_by_reading(self) -> None:
        mount = self.mount()
        with open(os.path.join(mount, "node_0", "process_0"), "rb") as file:
            copy = self.file("copy", file.read())
        plant(copy, 12345)
        done = self.run_on(
            "parallel_write", mount, "--nprocess", "1", "--node", "0", "--src", copy
        )
        self.assert_ended(0, done)
        done = self.run_on("verify_write", mount, "--nfile", "1", "--node", "0", "--status")
        self.assert_ended(1, done)
        self.assertIn("1 flipped at offset 12345", done.err)
        done = self.run_on("verify_write", mount, "--nfile", "1", "--node", "0")
        self.assert_ended(1, done)
        self.assertIn("first differs at offset 12345:", done.err)

    def test_a_write_that_the_mount_rejects_fails_its_process(self) -> None:
        mount = self.mount("--on-mismatch", "reject")
        wrong = self.file("wrong", os.urandom(SIZE))
        done = self.run_on(
            "parallel_write", mount, "--nprocess", "2", "--node", "0", "--src", wrong, "--json"
        )
        self.assert_ended(1, done)
        self.assertIn("Input/output error", done.err)
        self.assertEqual(done.report["processes_failed"], 2)

    def test_iterations_go_where_the_mount_has_them(self) -> None:
        mount = self.mount("--iterations", "2")
        for dirs in ([], ["--iteration-dirs"]):
            run = ["--node", "1", "--iteration", "2", *dirs]
            self.assert_ended(0, self.run_on("parallel_write", mount, "--nprocess", "2", *run))
            done = self.run_on("verify_write", mount, "--nfile", "2", "--status", *run)
            self.assert_ended(0, done)
            self.assertEqual(self.verdict(mount, "iteration_1/node_1/process_1"), "verified")
            subprocess.run([self.seedfs, "reset", mount], timeout=60, check=True)
        done = self.run_on("parallel_write", mount, "--node", "1", "--iteration", "3")
        self.assert_ended(2, done)
        self.assertIn("the mount's dataset has 2 iterations", done.err)

    def test_a_local_file_lands_on_the_datasets_names(self) -> None:
        mount = self.mount("--iterations", "2", "--layout", "{iteration}/{node}/p{process:03}")
        for iteration in ("0", "1"):
            for process in ("000", "001"):
                with open(os.path.join(mount, iteration, "1", f"p{process}"), "rb") as file:
                    copy = self.file("copy", file.read())
        run = ["--node", "1", "--iteration", "2", "--src", copy]
        self.assert_ended(0, self.run_on("parallel_write", mount, "--nprocess", "2", *run))
        # It is the content of the last of them, and all others have it too.
        self.assertEqual(self.verdict(mount, "1/1/p001"), "verified")
        self.assertEqual(self.verdict(mount, "0/1/p001"), "mismatch")
        with open(os.path.join(mount, ".status", "others.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["total"], 0)

    def test_several_files_for_each_process_are_refused(self) -> None:
        mount = self.mount("--files", "2")
        source = self.file("source", b"x")
        for more in ([], ["--src", source]):
            done = self.run_on("parallel_write", mount, "--node", "0", *more)
            self.assert_ended(2, done)
            self.assertIn("several files for each process", done.err)

    def test_a_layout_that_begins_with_a_directory(self) -> None:
        mount = self.mount("--layout", "data/node_{node}/process_{process}")
        folder = os.path.join(mount, "data")
        done = self.run_on("parallel_write", folder, "--nprocess", "2", "--node", "1")
        self.assert_ended(0, done)
        done = self.run_on("verify_write", folder, "--nfile", "2", "--node", "1", "--status")
        self.assert_ended(0, done)


class MountReadTest(MountCase):
    """What is read is the dataset."""

    def test_copies_of_a_mount_are_the_datasets_content(self) -> None:
        mount = self.mount()
        run = ["--src", mount, "--dst", self.dst, "--node", "1"]
        done = self.run_script(
            "parallel_read", "--nprocess", "2", "--size", str(SIZE), "--json", *run
        )
        self.assert_ended(0, done)
        self.assertEqual(done.report["bytes"], 2 * SIZE)
        self.assert_ended(0, self.run_script("verify_read", "--nfile", "2", *run))
        # The copies are outside the mount: the dataset is named by its options.
        where = ["--node", "1", "--seed", "42", "--size", str(SIZE)]
        done = self.run_on("verify_write", self.dst, "--nfile", "2", *where)
        self.assert_ended(0, done)
        plant(os.path.join(self.dst, "node_1", "process_1"), SIZE - 1)
        done = self.run_on("verify_write", self.dst, "--nfile", "2", *where)
        self.assert_ended(1, done)
        self.assertIn(f"process_1: first differs at offset {SIZE - 1}:", done.err)

    def test_a_mount_with_a_layout_is_read_and_copied(self) -> None:
        mount = self.mount("--iterations", "2", "--layout", "{iteration}/{node}/p{process:03}")
        run = ["--src", mount, "--dst", self.dst, "--node", "1", "--iteration", "2"]
        self.assert_ended(0, self.run_script("parallel_read", "--nprocess", "2", *run))
        self.assertTrue(os.path.exists(os.path.join(self.dst, "1", "1", "p001")))
        self.assert_ended(0, self.run_script("verify_read", "--nfile", "2", *run))
        plant(os.path.join(self.dst, "1", "1", "p001"), 5)
        done = self.run_script("verify_read", "--nfile", "2", *run)
        self.assert_ended(1, done)
        self.assertIn("1/1/p001: first differs at offset 5:", done.err)

    def test_a_copy_written_back_through_another_mount_is_verified(self) -> None:
        source, target = self.mount(name="source"), self.mount(name="target")
        run = ["--node", "0", "--src", source, "--dst", target]
        self.assert_ended(0, self.run_script("parallel_read", "--nprocess", "2", *run))
        self.assertEqual(self.verdict(target, "node_0/process_0"), "verified")
        self.assertEqual(self.verdict(source, "node_0/process_0"), "untouched")


if __name__ == "__main__":
    unittest.main()
