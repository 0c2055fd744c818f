"""The bytes are those of the format, wherever they are made."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import seedfs

OPTIONS = ["--seed", "42", "--nodes", "2", "--processes", "2", "--size", (3 << 20) + 17]
VECTORS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "vectors"


def test_openssl_makes_the_same(ds, file):
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    made = subprocess.run(
        ["openssl", "enc", "-aes-128-ctr", "-K", ds.key.hex(), "-iv", file.address.hex()],
        input=bytes(file.size),
        capture_output=True,
        check=True,
    ).stdout
    assert made == file.read()


def test_the_command_line_makes_the_same(cli, file):
    assert cli("cat", *OPTIONS, file.path).stdout == file.read()
    shaped = ["--compress", 50, "--dedup", 25, "--iterations", 2, "--change", 10]
    ds = seedfs.Dataset(
        seed="42", nodes=2, processes=2, size=(3 << 20) + 17, compress=50, dedup=25,
        iterations=2, change=10,
    )  # fmt: skip
    path = "iteration_1/node_1/process_0"
    assert cli("cat", *OPTIONS, *shaped, path).stdout == ds[path].read()


def test_a_mount_shows_the_same(cli, ds, tmp_path):
    if not os.path.exists("/dev/fuse") or os.geteuid() != 0:
        pytest.skip("no mounting here")
    done = cli("mount", *OPTIONS, tmp_path)
    assert done.returncode == 0, done.stderr
    try:
        for path in ds:
            assert (tmp_path / path).read_bytes() == ds[path].read()
        config = tmp_path / ".status" / "config.json"
        assert seedfs.Dataset.from_config(config) == ds
        # The verdict is the mount's, on the same wrong bytes.
        wrong = bytearray(ds["node_1/process_0"].read())
        wrong[1000] ^= 1
        wrong[1 << 20 : 2 << 20] = ds["node_0/process_1"].read(4096, 1 << 20)
        wrong[(2 << 20) + 8192 : (2 << 20) + 16384] = bytes(8192)
        (tmp_path / "node_1/process_0").write_bytes(wrong)
        text = (tmp_path / ".status/files/node_1/process_0.json").read_text()
        theirs, ours = json.loads(text), ds["node_1/process_0"].verify(wrong)
        assert ours["ranges"] == theirs["ranges"] and len(ours.ranges) == 3
        assert ours["bytes"] == theirs["bytes"] and ours.verdict == theirs["verdict"] == "mismatch"
    finally:
        for _ in range(50):
            if cli("umount", tmp_path).returncode == 0:
                break
            time.sleep(0.1)


def test_any_range_is_a_part_of_the_whole(file):
    whole = file.read()
    assert len(whole) == file.size == len(file)
    for offset, length in [(0, 0), (0, 1), (5, 1000), (file.size - 3, 100), (1 << 20, None)]:
        end = file.size if length is None else offset + length
        assert file.read(offset, length) == whole[offset:end]
    assert file.read(file.size) == file.read(1 << 52, 5) == b""
    assert file.read(7, 1 << 20, threads=1) == file.read(7, 1 << 20, threads=2)


def test_open_is_a_file_that_seeks(file):
    raw = file.open()
    assert isinstance(raw, io.RawIOBase) and raw.readable() and raw.seekable()
    assert not raw.writable() and raw.name == file.path
    whole = file.read()
    assert raw.read(10) == whole[:10] and raw.tell() == 10
    assert raw.seek(-5, io.SEEK_CUR) == 5 and raw.read(3) == whole[5:8]
    assert raw.seek(-4, io.SEEK_END) == file.size - 4
    assert raw.readall() == whole[-4:] and raw.read(1) == b""
    assert raw.seek(file.size + 10) and raw.readall() == b"" and raw.read(5) == b""
    with io.BufferedReader(file.open()) as buffered:
        assert buffered.read(100) == whole[:100] and buffered.peek(1)[:1] == whole[100:101]
    with pytest.raises(ValueError, match="expected 0 or more"):
        raw.seek(-1)
    with pytest.raises(ValueError, match="whence 7"):
        raw.seek(0, 7)
    raw.close()
    with pytest.raises(ValueError, match="closed"):
        raw.read(1)
    with pytest.raises(io.UnsupportedOperation):
        file.open().write(b"x")


def test_vectors_of_the_reference():
    """The bytes that are made by a program that shares nothing with ours."""
    path = VECTORS / "content_v1.json"
    if not path.exists():
        pytest.skip("no vectors beside this test")
    count = 0
    for vector in json.loads(path.read_text())["vectors"]:
        generation, node, process, number = vector["file"]
        seed, end = vector["seed"], vector["offset"] + vector["length"]
        # Some are of no dataset: seeds that cannot be typed, and what lies past the longest file.
        if not 0 < len(seed.strip()) <= 1000 or end > 1 << 52 or (process and number):
            continue
        if "bytes" not in vector:
            continue
        ds = seedfs.Dataset(
            seed=seed, size=1 << 52, nodes=node + 1, processes=1 if number else process + 1,
            files=number + 1, generation=generation, layout="{node}/{process}/{file}",
        )  # fmt: skip
        data = ds[f"{node}/{process}/{number}"].read(vector["offset"], vector["length"])
        assert data.hex() == vector["bytes"], vector
        count += 1
    assert count > 100


def test_digests_are_the_manifest_s(file):
    blake3 = pytest.importorskip("blake3")
    assert file.blake3() == blake3.blake3(file.read()).hexdigest()
