"""The stress scripts on plain directories: no mount, no binary."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from typing import List

import support
from support import STAND_IN, ScriptCase, command_of, plant, stand_in_bytes, wait_until

from stress_common import crew, options, report, streams

SIZE = 300_001
SCRIPT_NAMES = ("parallel_write", "parallel_read", "verify_write", "verify_read")


class HelpTest(ScriptCase):
    """Every script explains itself."""

    def test_help_names_the_options_of_the_script(self) -> None:
        for script in SCRIPT_NAMES:
            done = self.run_script(script, "--help")
            self.assert_ended(0, done)
            self.assertIn("examples:", done.out)
            self.assertIn("--node K", done.out)


class WriteTest(ScriptCase):
    """parallel_write, judged by reading the files here and by verify_write."""

    def test_a_local_file_is_written_by_every_process(self) -> None:
        data = os.urandom(SIZE)
        source = self.file("source", data)
        done = self.run_script(
            "parallel_write", "--nprocess", "3", "--iteration", "2", "--node", "4",
            "--dst", self.dst, "--src", source, "--block-size", "64K", "--fsync", "--json",
        )
        self.assert_ended(0, done)
        for process in range(3):
            self.assertEqual(self.bytes_of(f"dst/node_4/process_{process}"), data)
        figures = done.report
        self.assertEqual(figures["iterations"], 2)
        self.assertEqual(figures["processes_per_iteration"], 3)
        self.assertEqual(figures["file_size_bytes"], {"least": SIZE, "most": SIZE})
        self.assertEqual(figures["bytes"], 2 * 3 * SIZE)
        self.assertEqual(figures["processes_failed"], 0)
        self.assertIn("throughput per node", done.err)

    def test_a_tail_that_is_no_multiple_is_written_past_the_page_cache(self) -> None:
        # Beside this file, for a temporary directory in memory may not know O_DIRECT.
        folder = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(__file__)))
        self.addCleanup(shutil.rmtree, folder)
        source = self.file("source", os.urandom(SIZE))
        done = self.run_script(
            "parallel_write", "--nprocess", "1", "--node", "0", "--dst", folder, "--src", source,
            "--direct", "--block-size", "64K",
        )
        self.assert_ended(0, done)
        with open(os.path.join(folder, "node_0", "process_0"), "rb") as file:
            self.assertEqual(file.read(), self.bytes_of("source"))
        done = self.run_script(
            "parallel_read", "--nprocess", "1", "--node", "0", "--src", folder,
            "--direct", "--block-size", "64K", "--size", str(SIZE),
        )
        self.assert_ended(0, done)

    def test_the_datasets_content_goes_where_the_dataset_expects_it(self) -> None:
        # A seed is any text, one that looks like an option too.
        dataset = ["--seed=-x", "--size", str(SIZE), "--seedfs", STAND_IN]
        where = ["--dst", self.dst, "--node", "1", *dataset]
        self.assert_ended(0, self.run_script("parallel_write", "--nprocess", "2", *where))
        for process in range(2):
            name = f"node_1/process_{process}"
            self.assertEqual(self.bytes_of(f"dst/{name}"), stand_in_bytes("-x", name, SIZE))
        self.assert_ended(0, self.run_script("verify_write", "--nfile", "2", *where))

    def test_iteration_directories_have_each_their_own_content(self) -> None:
        where = [
            "--dst", self.dst, "--node", "0", "--iteration", "2", "--iteration-dirs",
            "--size", str(SIZE), "--seedfs", STAND_IN,
        ]
        self.assert_ended(0, self.run_script("parallel_write", "--nprocess", "1", *where))
        for iteration in range(2):
            name = f"iteration_{iteration}/node_0/process_0"
            self.assertEqual(self.bytes_of(f"dst/{name}"), stand_in_bytes("0", name, SIZE))
        self.assert_ended(0, self.run_script("verify_write", "--nfile", "1", *where))

    def test_a_file_that_was_longer_is_truncated(self) -> None:
        source = self.file("source", b"short")
        self.file("dst/node_0/process_0", b"much longer than that")
        done = self.run_script(
            "parallel_write", "--nprocess", "1", "--node", "0", "--dst", self.dst, "--src", source
        )
        self.assert_ended(0, done)
        self.assertEqual(self.bytes_of("dst/node_0/process_0"), b"short")

    def test_a_failed_process_is_named_and_not_counted(self) -> None:
        source = self.file("source", os.urandom(SIZE))
        os.makedirs(os.path.join(self.dst, "node_0", "process_1"))
        done = self.run_script(
            "parallel_write", "--nprocess", "3", "--iteration", "5", "--node", "0",
            "--dst", self.dst, "--src", source, "--json",
        )
        self.assert_ended(1, done)
        self.assertIn("process 1", done.err)
        self.assertIn("Is a directory", done.err)
        figures = done.report
        self.assertEqual(figures["iterations"], 1, "no further iteration starts")
        self.assertEqual(figures["bytes"], 2 * SIZE)
        self.assertEqual([failure["process"] for failure in figures["failures"]], [1])
        seconds = [row["seconds"] for row in figures["details"][0]["processes"]]
        self.assertEqual(len(seconds), 2)
        self.assertAlmostEqual(figures["process_seconds"]["average"], sum(seconds) / 2)

    def test_a_source_that_breaks_off_is_a_failure_and_not_a_short_file(self) -> None:
        done = self.run_script(
            "parallel_write", "--nprocess", "2", "--node", "0", "--dst", self.dst,
            "--size", str(SIZE), "--seedfs", STAND_IN, "--json",
            STAND_IN_FAILS_ON="node_0/process_1",
        )
        self.assert_ended(1, done)
        self.assertIn("planted failure", done.err)
        self.assertEqual(done.report["bytes"], SIZE)


class ReadTest(ScriptCase):
    """parallel_read, and verify_read on its copies."""

    def test_local_mode_copies_one_file_for_every_process(self) -> None:
        source = self.file("source", os.urandom(SIZE))
        run = ["--src", source, "--dst", self.dst]
        self.assert_ended(0, self.run_script("parallel_read", "--nprocess", "3", *run))
        self.assertEqual(sorted(os.listdir(self.dst)), ["process_0", "process_1", "process_2"])
        self.assert_ended(0, self.run_script("verify_read", "--nfile", "3", *run))
        plant(os.path.join(self.dst, "process_2"), 200_000)
        done = self.run_script("verify_read", "--nfile", "3", *run)
        self.assert_ended(1, done)
        self.assertIn("process_2: first differs at offset 200000:", done.err)

    def test_remote_mode_reads_each_its_own_file(self) -> None:
        for process in range(2):
            self.file(f"src/node_3/process_{process}", os.urandom(SIZE + process))
        run = ["--src", os.path.join(self.root, "src"), "--node", "3"]
        done = self.run_script("parallel_read", "--nprocess", "2", "--json", *run)
        self.assert_ended(0, done)
        self.assertEqual(done.report["bytes"], 2 * SIZE + 1)
        self.assertEqual(done.report["file_size_bytes"], {"least": SIZE, "most": SIZE + 1})
        run += ["--dst", self.dst]
        self.assert_ended(0, self.run_script("parallel_read", "--nprocess", "2", *run))
        self.assertEqual(
            self.bytes_of("dst/node_3/process_1"), self.bytes_of("src/node_3/process_1")
        )
        self.assert_ended(0, self.run_script("verify_read", "--nfile", "2", *run))

    def test_what_is_read_is_compared_with_the_expected_file(self) -> None:
        data = os.urandom(SIZE)
        expected = self.file("expected", data)
        run = ["--src", self.file("source", data), "--expected", expected, "--block-size", "64K"]
        self.assert_ended(0, self.run_script("parallel_read", "--dst", self.dst, *run))
        self.assertEqual(self.bytes_of("dst/process_0"), data)
        for damage, reason in (
            (lambda: plant(expected, 200_000), "first differs at offset 200000: "),
            (lambda: self.file("expected", data + b"!"), f"ends at offset {SIZE}, more is"),
            (lambda: self.file("expected", data[:-1]), f"goes on after offset {SIZE - 1}"),
            (lambda: self.file("expected", data[:65536]), "goes on after offset 65536"),
        ):
            damage()
            done = self.run_script("parallel_read", *run)
            self.assert_ended(1, done)
            self.assertIn(reason, done.err)

    def test_a_missing_file_fails_its_process_only(self) -> None:
        self.file("src/node_0/process_0", os.urandom(SIZE))
        source = os.path.join(self.root, "src")
        done = self.run_script(
            "parallel_read", "--nprocess", "2", "--node", "0", "--src", source, "--json"
        )
        self.assert_ended(1, done)
        self.assertIn("No such file", done.err)
        self.assertEqual(done.report["bytes"], SIZE)

    def test_a_size_that_differs_from_the_asked_one_is_a_failure(self) -> None:
        source = self.file("source", os.urandom(SIZE))
        done = self.run_script(
            "parallel_read", "--nprocess", "1", "--src", source, "--size", str(SIZE + 1)
        )
        self.assert_ended(1, done)
        self.assertIn(f"has {SIZE} bytes, --size is {SIZE + 1}", done.err)

    def test_a_read_that_is_shorter_than_the_files_size_is_a_failure(self) -> None:
        source = streams.FileSource(self.file("source", os.urandom(SIZE)))
        os.truncate(source.path, 1000)
        streams.copy(source, streams.NullSink(), streams.new_buffer(4096))
        source.close()
        with self.assertRaisesRegex(Exception, f"short read: 1000 of {SIZE} bytes"):
            source.check()


class OriginalTest(ScriptCase):
    """Command lines that were written for Alluxio's scripts of the same names."""

    def test_options_that_find_servers_are_taken_and_said_to_mean_nothing(self) -> None:
        source = self.file("source", b"content")
        server = ["--host", "localhost", "--port=39999"]
        for script, arguments, meaningless in (
            ("parallel_write", ["--node=0", "--write-type=MUST_CACHE", *server],
             ["--write-type", "--host", "--port"]),
            ("verify_write", ["--node=0", "--nfile=1", "--home=/opt"], ["--home"]),
            ("parallel_read", ["--expected", source, *server], ["--host", "--port"]),
            ("verify_read", ["--nfile=1", "--home=/opt"], ["--home"]),
        ):
            done = self.run_script(script, "--src", source, "--dst", self.dst, *arguments)
            self.assert_ended(0, done)
            notes = [line for line in done.err.splitlines() if "means nothing here" in line]
            self.assertEqual([line.split()[2] for line in notes], meaningless)
        # One process each, as there.
        self.assertEqual(sorted(os.listdir(self.dst)), ["node_0", "process_0"])
        self.assertEqual(os.listdir(os.path.join(self.dst, "node_0")), ["process_0"])


class VerifyTest(ScriptCase):
    """Planted damage is found at its exact place."""

    def setUp(self) -> None:
        super().setUp()
        self.dataset = ["--size", str(SIZE), "--seedfs", STAND_IN, "--seed", "7"]
        for process in range(4):
            name = f"node_0/process_{process}"
            self.file(f"dst/{name}", stand_in_bytes("7", name, SIZE))

    def verify(self, *arguments: str) -> support.Done:
        """Looks at all four files."""
        return self.run_script(
            "verify_write", "--dst", self.dst, "--node", "0", "--nfile", "4", "--json",
            *(arguments or self.dataset),
        )

    def path(self, process: int) -> str:
        """One of the four files."""
        return os.path.join(self.dst, "node_0", f"process_{process}")

    def test_every_kind_of_damage_is_reported_and_nothing_else(self) -> None:
        self.assert_ended(0, self.verify())
        plant(self.path(0), SIZE - 1)
        os.remove(self.path(1))
        os.truncate(self.path(2), 262_144)
        with open(self.path(3), "ab") as file:
            file.write(b"!")
        done = self.verify()
        self.assert_ended(1, done)
        found = {os.path.basename(row["path"]): row for row in done.report["wrong"]}
        self.assertEqual(found["process_0"]["offset"], SIZE - 1)
        self.assertIn("No such file", found["process_1"]["problem"])
        self.assertEqual(found["process_2"]["offset"], 262_144)
        self.assertIn("ends at", found["process_2"]["problem"])
        self.assertEqual(found["process_3"]["offset"], SIZE)
        self.assertIn("goes on", found["process_3"]["problem"])
        self.assertEqual(done.report["files_right"], 0)

    def test_right_content_under_another_name_is_wrong(self) -> None:
        os.rename(self.path(0), self.path(1))
        self.file("dst/node_0/process_0", stand_in_bytes("7", "node_0/process_0", SIZE))
        done = self.verify()
        self.assert_ended(1, done)
        self.assertEqual([row["offset"] for row in done.report["wrong"]], [0])

    def test_every_offset_near_a_block_boundary_is_found(self) -> None:
        block = 4096
        expected = os.urandom(3 * block + 5)
        for offset in (0, 1, block - 1, block, block + 1, 3 * block, 3 * block + 4):
            damaged = bytearray(expected)
            damaged[offset] ^= 0x80
            left = streams.FileSource(self.file("left", expected))
            right = streams.FileSource(self.file("right", bytes(damaged)))
            difference = streams.compare(left, right, block)
            left.close()
            right.close()
            self.assertEqual(difference.offset, offset)

    def test_files_are_compared_with_a_local_one(self) -> None:
        done = self.verify("--src", self.path(2))
        self.assert_ended(1, done)
        self.assertEqual(done.report["files_right"], 1)

    def test_a_source_that_breaks_off_makes_nothing_right(self) -> None:
        os.truncate(self.path(1), SIZE // 2)
        done = self.run_script(
            "verify_write", "--dst", self.dst, "--node", "0", "--nfile", "2", *self.dataset,
            STAND_IN_FAILS_ON="node_0/process_1",
        )
        self.assert_ended(1, done)
        self.assertIn("planted failure", done.err)


class UsageTest(ScriptCase):
    """Wrong usage is refused with the option, the value and what is accepted; nothing is done."""

    def write(self, *arguments: str) -> support.Done:
        """A write that is right but for the arguments."""
        return self.run_script(
            "parallel_write", "--nprocess", "1", "--node", "0", "--dst", self.dst, *arguments
        )

    def test_values_out_of_range(self) -> None:
        self.assert_refused(self.write("--nprocess", "0"), "--nprocess", "'0'", "from 1 to 65536")
        self.assert_refused(self.write("--node", "-1"), "--node")
        self.assert_refused(self.write("--size", "10X"), "--size", "'10X'", "10GiB")
        self.assert_refused(self.write("--block-size", "0"), "--block-size", "'0'", "1G")

    def test_options_that_do_not_go_together(self) -> None:
        source = self.file("source", b"x")
        done = self.write("--src", source, "--direct", "--block-size", "1000")
        self.assert_refused(done, "--block-size 1000", "--direct", "multiple of 4096")
        for script in ("parallel_write", "verify_write"):
            done = self.run_script(
                script, "--dst", self.dst, "--node", "0", "--src", source, "--seed", "4",
                *(["--nfile", "1"] if script == "verify_write" else []),
            )
            self.assert_refused(done, "--src", "--seed")
        config = self.file("config.json", b"{}")
        done = self.write("--config", config, "--seed", "4")
        self.assert_refused(done, "--config", "--seed")
        done = self.run_script(
            "verify_write", "--dst", self.dst, "--node", "0", "--nfile", "1", "--status"
        )
        self.assert_refused(done, "--status", "not inside a seedfs mount")
        done = self.run_script("parallel_read", "--nprocess", "1", "--src", source, "--fsync")
        self.assert_refused(done, "--fsync", "--dst")

    def test_things_that_are_not_there(self) -> None:
        self.assert_refused(self.write("--dst", "/nonexistent"), "--dst /nonexistent")
        self.assert_refused(self.write("--src", "/nonexistent"), "--src /nonexistent")
        self.assert_refused(self.write("--config", "/nonexistent"), "--config /nonexistent")
        done = self.write("--size", "1K", "--seedfs", "/nonexistent")
        self.assert_refused(done, "--seedfs /nonexistent")

    def test_content_that_is_unknown(self) -> None:
        self.assert_refused(self.write(), "not inside a seedfs mount", "--src FILE")
        self.assert_refused(self.write("--seed", "4"), "--seed 4", "--size")

    def test_a_run_that_would_truncate_its_own_source(self) -> None:
        source = self.file("src/node_0/process_0", b"precious")
        folder = os.path.join(self.root, "src")
        for done in (
            self.run_script(
                "parallel_read", "--nprocess", "1", "--node", "0", "--src", folder, "--dst", folder
            ),
            self.write("--src", source, "--dst", folder),
        ):
            self.assert_refused(done, "would be read and written")
        self.assertEqual(self.bytes_of("src/node_0/process_0"), b"precious")

    def test_sizes_are_binary(self) -> None:
        for text, size in (("0", 0), ("4096", 4096), ("1k", 1024), ("10G", 10 << 30)):
            self.assertEqual(options.parse_size(text), size)
            self.assertEqual(options.parse_size(text + "iB" if text[-1].isalpha() else text), size)
        for text in ("", "-1", "1.5G", "G", "1GG", "0x10"):
            with self.assertRaises(argparse.ArgumentTypeError):
                options.parse_size(text)


class MountedTest(ScriptCase):
    """A directory with a .status is taken for a mount: its config says what is expected there."""

    def mount(self, **config: object) -> List[str]:
        """Makes --dst look like a mount; the arguments of a run in it."""
        self.file("dst/.status/config.json", json.dumps({"seed": "9", **config}).encode())
        return ["--dst", self.dst, "--node", "0", "--seedfs", STAND_IN]

    def status(self, process: int, verdict: str, ranges: List[dict]) -> None:
        """Makes the mount say this of a file."""
        wrong = sum(row["length"] for row in ranges)
        text = json.dumps({"verdict": verdict, "bytes": {"wrong": wrong}, "ranges": ranges})
        self.file(f"dst/.status/files/node_0/process_{process}.json", text.encode())

    def test_the_mounts_config_says_what_is_written(self) -> None:
        where = self.mount(size=SIZE, processes=2)
        self.assert_ended(0, self.run_script("parallel_write", "--nprocess", "2", *where))
        name = "node_0/process_1"
        self.assertEqual(self.bytes_of(f"dst/{name}"), stand_in_bytes("9", name, SIZE))
        done = self.run_script("verify_write", "--nfile", "2", *where)
        self.assert_ended(0, done)
        self.assertIn("--status tells whether the bytes arrived", done.err)

    def test_a_dataset_of_another_shape_is_refused_before_anything_starts(self) -> None:
        source = ["--src", self.file("source", b"x")]
        for config, arguments, advice in (
            ({"iterations": 2}, ["--nprocess", "2"], "--nprocess 2: the mount's dataset has 1"),
            ({"iterations": 2}, ["--iteration", "3"], "--iteration 3: the mount's dataset has 2"),
            ({}, ["--iteration-dirs"], "leave out --iteration-dirs"),
            ({}, ["--node", "1"], "--node 1: the mount's dataset has 1 nodes"),
            ({"files": 2}, [], "several files for each process"),
            ({"new_files": 5}, [], "several files for each process"),
            ({}, ["--dst", self.directory("dst/elsewhere")], "has no files there"),
            ({"iterations": 2}, ["--dst", self.directory("dst/iteration_00")], "no files there"),
            ({}, ["--dst", self.directory("dst/node_1")], "does not hold the files of node 0"),
        ):
            where = self.mount(size=SIZE, **config)
            for more in ([], source):
                done = self.run_script("parallel_write", *where, *arguments, *more)
                self.assert_ended(2, done)
                self.assertIn(advice, done.err)
        done = self.run_script("parallel_read", *source, "--dst", self.dst)
        self.assert_ended(2, done)
        self.assertIn("no files of the dataset", done.err)
        found = [name for _, _, names in os.walk(self.dst) for name in names]
        self.assertEqual(found, ["config.json"])

    def test_iterations_go_where_the_mount_has_them(self) -> None:
        source = self.file("source", b"anything")
        where = [*self.mount(size=SIZE, iterations=3), "--src", source, "--iteration", "3"]
        self.assert_ended(0, self.run_script("parallel_write", *where))
        for iteration in range(3):
            name = f"dst/iteration_{iteration}/node_0/process_0"
            self.assertEqual(self.bytes_of(name), b"anything")
        self.assertFalse(os.path.exists(os.path.join(self.dst, "node_0")))
        self.assert_ended(0, self.run_script("verify_write", "--nfile", "1", *where))

    def test_a_directory_inside_the_mount_says_which_files(self) -> None:
        layout = "d{{}}/{iteration}/a{node:03}-{process}"
        mount = self.mount(size=SIZE, iterations=3, nodes=20, processes=2, layout=layout)
        folder = self.directory("dst/d{}/2")
        source = self.file("source", b"x")
        where = [*mount, "--dst", folder, "--node", "12", "--src", source]
        done = self.run_script("parallel_write", "--nprocess", "2", *where)
        self.assert_ended(0, done)
        self.assertEqual(sorted(os.listdir(folder)), ["a012-0", "a012-1"])

    def test_only_verified_passes(self) -> None:
        where = ["--status", *self.mount(size=SIZE, processes=4)]
        self.status(0, "verified", [])
        self.assert_ended(0, self.run_script("verify_write", "--nfile", "1", *where))
        flipped = {"offset": 12345, "length": 1, "class": "flipped", "source": None}
        self.status(1, "mismatch", [flipped])
        for verdict in ("untouched", "incomplete"):
            self.status(2, verdict, [])
            done = self.run_script("verify_write", "--nfile", "4", *where)
            self.assert_ended(1, done)
            self.assertIn("1 flipped at offset 12345", done.err)
            self.assertIn(f"process_2: {verdict}", done.err)
            self.assertIn("process_3: no verdict: ", done.err)
            self.assertIn("1 of 4 files are right", done.out)

    def test_options_that_contradict_the_mounts_word(self) -> None:
        where = ["--status", *self.mount(size=SIZE)]
        done = self.run_script("verify_write", "--nfile", "1", *where, "--seed", "4")
        self.assert_ended(2, done)
        self.assertIn("--seed", done.err)


class EndTest(ScriptCase):
    """No process outlives the script, however it ends."""

    def end_by(self, *numbers: int, interrupts=signal.SIG_DFL) -> int:
        """Sends signals to a run whose sources hang; the exit code, once no process is left.

        Whoever starts the tests may ignore SIGINT, as cron does, and scripts inherit that; here
        they start with `interrupts`.
        """
        script = subprocess.Popen(
            command_of(
                "parallel_write", "--nprocess", "3", "--node", "0", "--dst", self.dst,
                "--size", "1K", "--seedfs", STAND_IN,
            ),
            env={**os.environ, "STAND_IN_HANGS": "yes"}, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, interrupts),
        )
        self.addCleanup(script.kill)
        # All three have opened their files, so they wait for bytes that never come.
        folder = os.path.join(self.dst, "node_0")
        wait_until(
            lambda: os.path.isdir(folder) and len(os.listdir(folder)) == 3, "the processes"
        )
        workers = children_of(script.pid)
        self.assertEqual(len(workers), 3)
        # They hang without writing, so no closed pipe ends them.
        commands = [pid for worker in workers for pid in children_of(worker)]
        self.assertEqual(len(commands), 3)
        self.addCleanup(end_all, workers + commands)
        for number in numbers:
            script.send_signal(number)
        code = script.wait(timeout=60)
        wait_until(
            lambda: not any(is_running(pid) for pid in workers + commands),
            "the end of the workers and their commands",
        )
        return code

    def test_interrupted(self) -> None:
        self.assertEqual(self.end_by(signal.SIGINT), 130)

    def test_interrupted_where_interrupts_were_ignored_from_the_start(self) -> None:
        # As after `nohup`, in cron and behind `&` in a script. Had the first signal ended it, the
        # code would be 130.
        code = self.end_by(signal.SIGINT, signal.SIGTERM, interrupts=signal.SIG_IGN)
        self.assertEqual(code, 143)

    def test_terminated(self) -> None:
        self.assertEqual(self.end_by(signal.SIGTERM), 143)

    def test_killed(self) -> None:
        self.assertEqual(self.end_by(signal.SIGKILL), -signal.SIGKILL)

    def test_a_process_that_is_killed_is_a_failed_one(self) -> None:
        class Suicide:
            """A task that an out-of-memory killer meets."""

            def prepare(self) -> None:
                """Nothing."""

            def run(self) -> None:
                """The end."""
                os.kill(os.getpid(), signal.SIGKILL)

            def check(self) -> None:
                """Never reached."""

        outcomes = crew.run_crew([Suicide(), Suicide()]).outcomes
        reasons = {outcome.error for outcome in outcomes}
        self.assertEqual(reasons, {"the process was ended by signal 9"})


class ReportTest(unittest.TestCase):
    """The figures, from runs whose times are known."""

    def test_failed_processes_count_in_no_figure(self) -> None:
        result = report.Report("script", 0, 3, 2, "source")
        good = streams.Copied(size_bytes=4_000_000_000, waiting_seconds=0.5)
        for failed in (False, True):
            outcomes = [
                crew.Outcome(good, begin=10.0, end=12.0),
                crew.Outcome(good, begin=10.0, end=14.0),
                crew.Outcome(good, begin=10.0, end=14.0),
            ]
            if failed:
                # It ended far later than the others, and had copied more.
                outcomes[2] = crew.Outcome(streams.Copied(9 << 30, 0.0), 10.0, 99.0, "planted")
            result.add(report.Iteration(["a", "b", "c"], crew.CrewRun(outcomes, start=10.0)))
        figures = result.figures()
        self.assertEqual(figures["bytes"], 5 * 4_000_000_000)
        spread = {"least": 2.0, "most": 4.0, "average": 16 / 5}
        self.assertEqual(figures["process_seconds"], spread)
        spread = {"least": 4.0, "most": 4.0, "average": 4.0}
        self.assertEqual(figures["iteration_seconds"], spread)
        self.assertEqual(figures["process_bytes_per_second"], 20e9 / 16)
        self.assertEqual(figures["node_bytes_per_second"], 20e9 / 8)
        self.assertEqual(figures["processes_failed"], 1)

    def test_a_run_without_any_success_has_no_figures(self) -> None:
        result = report.Report("script", None, 1, 1, "source")
        run = crew.CrewRun([crew.Outcome(error="planted")], start=1.0)
        result.add(report.Iteration(["a"], run))
        figures = result.figures()
        self.assertIsNone(figures["node_bytes_per_second"])
        self.assertIsNone(figures["process_seconds"])


def children_of(pid: int) -> List[int]:
    """The processes that a process has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def end_all(pids: List[int]) -> None:
    """Kills what a failed test has left running."""
    for pid in pids:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    unittest.main()
