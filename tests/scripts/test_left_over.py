"""What scripts/test takes for its own leavings: what it started, and nothing that others did."""

from __future__ import annotations

import os
import subprocess
import unittest
from typing import List

from support import DEV, ScriptCase


class LeftOverTest(ScriptCase):
    """Processes with the run's mark, mounts below its folder."""

    def left_over(self, run: str, folder: str) -> List[str]:
        """What is named, a line each; the marks of the run that this test is in are not ours."""
        done = subprocess.run(
            [os.path.join(DEV, "left-over"), run, folder],
            capture_output=True, text=True, timeout=60, check=True,
        )
        return done.stdout.splitlines()

    def sleeper(self, run: str) -> int:
        """A process that carries the mark of a run; it ends with the test."""
        process = subprocess.Popen(["sleep", "60"], env={**os.environ, "SEEDFS_TEST_RUN": run})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process.pid

    def test_a_process_of_this_run_is_named_and_no_other(self) -> None:
        run = os.path.basename(self.root)
        mine = self.sleeper(run)
        self.sleeper(f"{run}-another")
        self.assertEqual(self.left_over(run, self.dst), [f"process {mine} sleep"])

    @unittest.skipUnless(os.geteuid() == 0, "only root mounts a tmpfs")
    def test_a_mount_below_the_folder_is_named_and_none_beside_it(self) -> None:
        folders = [self.directory("dst/mine"), self.directory("dst-beside-it")]
        for folder in folders:
            subprocess.run(["mount", "-t", "tmpfs", "none", folder], timeout=60, check=True)
            self.addCleanup(subprocess.run, ["umount", folder], timeout=60, check=True)
        run = os.path.basename(self.root)
        self.assertEqual(self.left_over(run, self.dst), [f"mount {folders[0]}"])


if __name__ == "__main__":
    unittest.main()
