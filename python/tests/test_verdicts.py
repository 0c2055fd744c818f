"""What is wrong is told as the mount and the command line tell it."""

import json
import os
import signal
import threading
import time

import pytest

import seedfs


def write_tree(ds, directory):
    for path in ds:
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(ds[path].read())


def test_each_class_of_wrong(ds, file):
    data = bytearray(file.read())
    data[100] ^= 4
    data[4096 : 4096 + 5000] = ds["node_0/process_1"].read(1 << 20, 5000)
    data[1 << 20 : (1 << 20) + 8192] = bytes(8192)
    data[2 << 20 : (2 << 20) + 300] = os.urandom(300)
    verdict = file.verify(data)
    assert not verdict and verdict.verdict == "mismatch"
    classes = [wrong["class"] for wrong in verdict.ranges]
    assert classes == ["flipped", "misplaced", "zeroed", "foreign"]
    source = verdict.ranges[1]["source"]
    assert (source["path"], source["node"], source["process"]) == ("node_0/process_1", 0, 1)
    start = verdict.ranges[1]["offset"]
    assert source["offset"] - (1 << 20) == start - 4096
    wrong = verdict["bytes"]["wrong"]
    assert 1 + 5000 + 8192 + 300 - 60 < wrong <= 1 + 5000 + 8192 + 300
    assert verdict["bytes"]["matched"] + wrong == file.size
    assert dict(verdict) == verdict.document and len(verdict) == len(verdict.document)
    assert "process_0" in repr(verdict) and "mismatch" in repr(verdict)


def test_a_file_that_is_cut_is_not_verified_and_a_part_is(file):
    data = file.read()
    assert file.verify(data).verdict == "verified"
    cut = file.verify(data[:-1])
    assert cut.verdict == "incomplete" and not cut and cut["bytes"]["missing"] == 1
    assert file.verify(b"").verdict == "incomplete"
    assert file.verify(data[:-1], 0).verdict == file.verify(data[5:9], 5).verdict == "verified"
    long = file.verify(data + b"x")
    assert long.verdict == "mismatch" and long["bytes"]["extra"] == 1
    assert file.verify(b"past the end", file.size + 5)["bytes"]["extra"] == 12


def test_stale_content_is_told_from_misplaced():
    ds = seedfs.Dataset(iterations=2, size="1M")
    new = ds["iteration_1/node_0/process_0"]
    old = ds["iteration_0/node_0/process_0"]
    assert new.verify(old.read()).ranges[0]["class"] == "stale"


def test_a_stream_is_judged_as_it_comes(file):
    data = bytearray(file.read())
    data[123456:130000] = os.urandom(130000 - 123456)
    judge = file.judge()
    for start in range(0, len(data), 700_001):
        judge.write(data[start : start + 700_001])
    piecewise = judge.finish()
    assert piecewise["ranges"] == file.verify(data)["ranges"]
    assert piecewise["bytes"] == file.verify(data)["bytes"]
    for call in (judge.finish, lambda: judge.write(b"more")):
        with pytest.raises(ValueError, match="has given its verdict"):
            call()
    assert file.judge().finish().verdict == "incomplete"


def test_locate(ds, file, cli, tmp_path):
    noise = os.urandom(1000)
    mixed = noise + file.read(4321, 10_000) + noise + ds["node_0/process_0"].read(0, 500)
    found = ds.locate(mixed)
    assert [(run["offset"], run["length"]) for run in found] == [(1000, 10_000), (12_000, 500)]
    assert found[0]["source"]["path"] == file.path and found[0]["source"]["offset"] == 4321
    (tmp_path / "mixed").write_bytes(mixed)
    options = ["--seed", "42", "--nodes", 2, "--processes", 2, "--size", (3 << 20) + 17]
    told = json.loads(cli("locate", "--json", *options, tmp_path / "mixed").stdout)["ranges"]
    assert [run for run in told if run["source"]] == found
    assert ds.locate(noise) == ds.locate(b"") == []


def test_a_tree(ds, cli, tmp_path):
    write_tree(ds, tmp_path)
    good = ds.verify_tree(tmp_path)
    assert good and good["files"]["verified"] == 4 and good["complete"]
    damaged = tmp_path / "node_1/process_0"
    data = bytearray(damaged.read_bytes())
    data[1000:6000] = bytes(5000)
    damaged.write_bytes(data)
    (tmp_path / "node_0/process_1").unlink()
    (tmp_path / "stranger").write_bytes(b"x")
    bad = ds.verify_tree(str(tmp_path), threads=2)
    assert not bad and bad.verdict == "mismatch" and bad["unexpected"] == ["stranger"]
    assert [problem["path"] for problem in bad["problems"]] == ["node_0/process_1", damaged_path()]
    assert bad.ranges[0]["path"] == damaged_path() and bad.ranges[0]["class"] == "zeroed"
    options = ["--seed", "42", "--nodes", 2, "--processes", 2, "--size", (3 << 20) + 17]
    told = json.loads(cli("verify", "--json", "-q", *options, tmp_path).stdout)
    for name in ("files", "bytes", "mismatches", "problems", "unexpected", "verdict"):
        assert told[name] == bad[name], name
    share = ds.verify_tree(tmp_path, node=1)
    assert share["files"]["total"] == 2 and share["node_id"] == 1


def damaged_path():
    return "node_1/process_0"


def test_a_tree_with_bad_options(ds, tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        ds.verify_tree(tmp_path / "nowhere")
    assert refused.value.filename == str(tmp_path / "nowhere")
    wrong = [{"node": 2}, {"threads": 0}, {"sample": 0.0}, {"sample": 101.0}, {"stop_after": 0}]
    for options in wrong:
        with pytest.raises(ValueError, match=next(iter(options))):
            ds.verify_tree(tmp_path, **options)
    assert ds.verify_tree(tmp_path).verdict == "untouched"


def test_ctrl_c_ends_a_verification(tmp_path):
    ds = seedfs.Dataset(files=200_000, size=1)
    started = time.monotonic()
    main = threading.main_thread().ident
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    # A shell starts what runs in the background with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            while time.monotonic() - started < 30:
                ds.verify_tree(tmp_path)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 20
