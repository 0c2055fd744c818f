"""fsspec, and those who read through it."""

import errno
import pickle

import pytest

import seedfs

fsspec = pytest.importorskip("fsspec")

OPTIONS = {"seed": "42", "nodes": 2, "files": 3, "size": 100_003}
PATH = "node_1/process_0/file_2"


@pytest.fixture
def fs():
    return fsspec.filesystem("seedfs", **OPTIONS)


@pytest.fixture
def ds():
    return seedfs.Dataset(**OPTIONS)


def test_it_is_registered_and_travels(fs):
    assert type(fs).__name__ == "SeedFileSystem" and fs.protocol == "seedfs"
    assert pickle.loads(pickle.dumps(fs)).dataset == fs.dataset
    assert fsspec.filesystem("seedfs", **OPTIONS) is fs
    assert fsspec.filesystem("seedfs", dataset=fs.dataset).dataset == fs.dataset
    with pytest.raises(TypeError):
        fsspec.filesystem("seedfs", dataset=fs.dataset, seed="1")
    with pytest.raises(TypeError):
        fsspec.filesystem("seedfs", nods=1)


def test_reading(fs, ds):
    whole = ds[PATH].read()
    with fs.open(f"seedfs://{PATH}", "rb") as file:
        assert file.read(10) == whole[:10] and file.seek(500) == 500
        assert file.read() == whole[500:]
    with fsspec.open(f"seedfs://{PATH}", **OPTIONS) as file:
        assert file.read() == whole
    assert fs.cat(PATH) == fs.cat_file(PATH) == fs.read_bytes(PATH) == whole
    assert fs.cat_file(PATH, -5) == whole[-5:] and fs.cat_file(PATH, 9, 5) == b""
    other = "node_0/process_0/file_0"
    ranges = fs.cat_ranges([PATH, PATH, other], [0, 99_000, 7], [5, 200_000, 9])
    assert ranges == [whole[:5], whole[99_000:], ds[other].read(7, 2)]
    assert fs.head(PATH, 3) == whole[:3] and fs.tail(PATH, 3) == whole[-3:]


def test_listing(fs, ds):
    assert fs.ls("", detail=False) == ["node_0", "node_1"]
    assert fs.ls("seedfs://node_1/process_0")[2] == fs.info(PATH) == {
        "name": PATH, "size": 100_003, "type": "file",
    }  # fmt: skip
    assert fs.info("node_1")["type"] == fs.info("")["type"] == "directory"
    assert sorted(fs.find("")) == sorted(ds) == sorted(fs.glob("**/file_*"))
    assert fs.isdir("node_1") and fs.isfile(PATH) and not fs.exists("node_2")
    assert fs.du("node_0") == 3 * 100_003 and fs.size(PATH) == 100_003
    for call in (fs.ls, fs.info, fs.cat_file, fs.open):
        with pytest.raises(FileNotFoundError):
            call("nowhere")
    with pytest.raises(IsADirectoryError):
        fs.cat_file("node_1")


def test_writing_judges_and_keeps_nothing(fs, ds, tmp_path):
    whole = ds[PATH].read()
    with fs.open(PATH, "wb") as file:
        for start in range(0, len(whole), 30_000):
            file.write(whole[start : start + 30_000])
    assert file.verdict and fs.verdict(f"seedfs://{PATH}").verdict == "verified"
    fs.pipe_file(PATH, whole[:50_000] + bytes(len(whole) - 50_000))
    verdict = fs.verdict(PATH)
    assert [wrong["class"] for wrong in verdict.ranges] == ["zeroed"]
    assert abs(verdict.ranges[0]["offset"] - 50_000) < 4
    fs.pipe_file(PATH, whole[:-1])
    assert fs.verdict(PATH).verdict == "incomplete"
    assert fs.cat(PATH) == whole
    (tmp_path / "copy").write_bytes(whole)
    fs.put(str(tmp_path / "copy"), PATH)
    assert fs.verdict(PATH)
    with pytest.raises(FileNotFoundError):
        fs.pipe_file("nowhere", b"x")
    for mode in ("ab", "r+b", "xb"):
        with pytest.raises((ValueError, NotImplementedError)):
            fs.open(PATH, mode)
    with pytest.raises(KeyError):
        fs.verdict("node_0/process_0/file_0")


def test_wrong_bytes_can_be_refused():
    fs = fsspec.filesystem("seedfs", on_mismatch="reject", **OPTIONS)
    with pytest.raises(OSError) as refused:
        fs.pipe_file(PATH, b"wrong")
    assert refused.value.errno == errno.EIO
    fs.pipe_file(PATH, fs.cat(PATH))


def test_pandas_reads_it(tmp_path):
    pandas = pytest.importorskip("pandas")
    template = tmp_path / "template.csv"
    template.write_text("name,number\n" + "".join(f"row{n},{n}\n" for n in range(500)))
    options = {"content": f"file:{template}", "size": template.stat().st_size}
    path = "seedfs://node_0/process_0"
    table = pandas.read_csv(path, storage_options=options)
    assert table.equals(pandas.read_csv(template))


def test_pyarrow_reads_it(ds, fs, tmp_path):
    pa = pytest.importorskip("pyarrow")
    pafs = pytest.importorskip("pyarrow.fs")
    arrow = pafs.PyFileSystem(pafs.FSSpecHandler(fs))
    with arrow.open_input_file(PATH) as file:
        assert file.size() == 100_003 and file.read_at(10, 5000) == ds[PATH].read(5000, 10)
    found = arrow.get_file_info(pafs.FileSelector("node_1", recursive=True))
    assert sum(info.is_file for info in found) == 3
    import pyarrow.parquet as parquet

    template = tmp_path / "template.parquet"
    parquet.write_table(pa.table({"n": list(range(1000))}), template)
    made = fsspec.filesystem(
        "seedfs", content=f"file:{template}", size=template.stat().st_size
    )
    read = parquet.read_table("node_0/process_0", filesystem=made)
    assert read["n"].to_pylist() == list(range(1000))


def test_dask_reads_it(ds):
    bytes_of = pytest.importorskip("dask.bytes")
    import dask

    _, blocks = bytes_of.read_bytes(
        "seedfs://node_1/process_0/file_*", blocksize=40_000, sample=False, **OPTIONS
    )
    parts = dask.compute(blocks, scheduler="threads")[0]
    assert b"".join(parts[2]) == ds[PATH].read() and len(parts) == 3
