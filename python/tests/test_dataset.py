"""Options, paths, errors, and what travels to other processes."""

import itertools
import json
import multiprocessing
import pathlib
import pickle
import re

import pytest

import seedfs


def test_every_option_of_the_command_line_is_a_keyword(cli):
    text = cli("mount", "--help").stdout.decode()
    options = seedfs.Dataset(
        seed="s", nodes=2, processes=2, files=2, iterations=2, size="1M", grow=10, new_files=50,
        layout="i{iteration}/n{node}/p{process}/f{file:03}", content="random", compress=50,
        dedup=12.5, dedup_block=8192, dedup_scope="node", change=25, change_block="8K",
    ).options  # fmt: skip
    for name in options:
        if name != "schema":
            assert f"--{name.replace('_', '-')}" in text, name
    assert seedfs.Dataset(**options).options == options
    assert seedfs.Dataset(generation=1)["node_0/process_0"].coordinates == (1, 0, 0, 0)


def test_paths():
    ds = seedfs.Dataset(nodes=2, files=3, size=100)
    paths = list(ds)
    assert len(ds) == len(paths) == 6 and all(path in ds for path in paths)
    assert [ds.path_at(index) for index in range(6)] == paths
    with pytest.raises(IndexError):
        ds.path_at(6)
    for wrong in ["", "node_0", "nowhere", "node_0/process_0/file_3", "node_00/process_0/file_1"]:
        assert wrong not in ds
        with pytest.raises(KeyError):
            ds[wrong]
    assert ds["/" + paths[3]] == ds[paths[3]] != ds[paths[2]]
    assert hash(ds[paths[3]]) == hash(ds[paths[3]])
    assert ds.listdir() == [("node_0", None), ("node_1", None)]
    assert ds.listdir("node_1/process_0")[2] == ("file_2", 100)
    assert ds.is_dir("node_1") and ds.is_dir("") and not ds.is_dir(paths[0])
    with pytest.raises(FileNotFoundError):
        ds.listdir("nowhere")
    with pytest.raises(NotADirectoryError):
        ds.listdir(paths[0])


def test_a_dataset_of_any_size_costs_nothing():
    ds = seedfs.Dataset(nodes=65536, processes=65536, files=256, size="1M")
    assert len(ds) == 1 << 40
    assert len(list(itertools.islice(ds, 1000))) == 1000
    assert ds.path_at((1 << 40) - 1) in ds
    assert ds.total_bytes() == 1 << 60


def test_sizes_that_are_drawn():
    ds = seedfs.Dataset(files=100, size="4K..1M")
    sizes = [ds[path].size for path in ds]
    assert ds.total_bytes() == sum(sizes) and min(sizes) >= 4096 and len(set(sizes)) > 50


def test_what_cannot_be_is_told_at_once_by_its_name():
    with pytest.raises(ValueError) as refused:
        seedfs.Dataset(nodes=0, size="much", new_files=-1)
    text = str(refused.value)
    assert "nodes '0'" in text and "size 'much'" in text and "new_files '-1'" in text
    assert "--" not in text.replace("--size", "")
    with pytest.raises(TypeError, match="unknown field `nods`"):
        seedfs.Dataset(nods=3)
    for value in [[1], {}, b"1", True, object()]:
        with pytest.raises(TypeError, match="nodes: expected text or a number"):
            seedfs.Dataset(nodes=value)
    with pytest.raises(ValueError, match="content"):
        seedfs.Dataset(content="file:/nonexistent/template")
    for offset in (-1, (1 << 52) + 1, 1 << 100):
        with pytest.raises(ValueError, match="offset: expected"):
            seedfs.Dataset()["node_0/process_0"].read(offset)
    with pytest.raises(ValueError, match="threads"):
        seedfs.Dataset()["node_0/process_0"].read(0, 1, threads=0)
    for content in [{}, {"npz": 3}, {3: "npz:x:u1,9"}, {"npz": {}}]:
        with pytest.raises((TypeError, ValueError), match="content"):
            seedfs.Dataset(content=content)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_no_default(number, tmp_path):
    for name in ("seed", "files", "size", "compress", "grow"):
        with pytest.raises(ValueError, match=f"{name} '{number}': expected"):
            seedfs.Dataset(**{name: float(number)})
    as_json, as_toml = tmp_path / "config.json", tmp_path / "config.toml"
    as_json.write_text(json.dumps({"compress": float(number)}))
    as_toml.write_text(f"compress = {number}\n")
    for path in (as_json, as_toml):
        with pytest.raises(ValueError, match=f"compress '{number}'"):
            seedfs.Dataset.from_config(path)


def test_configurations(tmp_path):
    ds = seedfs.Dataset(seed="7", nodes=3, size="64K", compress=50)
    as_json, as_toml = tmp_path / "config.json", tmp_path / "config.toml"
    as_json.write_text(json.dumps(ds.options))
    as_toml.write_text('seed = 7\nnodes = 3\nsize = "64K"\ncompress = 50\n')
    assert seedfs.Dataset.from_config(as_json) == seedfs.Dataset.from_config(as_toml) == ds
    assert seedfs.Dataset.from_config(as_toml, nodes=5) == seedfs.Dataset(
        seed="7", nodes=5, size="64K", compress=50
    )
    refused = {"[1]": "options of a dataset", "{": "JSON", "x" * (2 << 20): "1 MiB"}
    for text, reason in refused.items():
        as_json.write_text(text)
        with pytest.raises(ValueError, match=reason):
            seedfs.Dataset.from_config(as_json)
    with pytest.raises(FileNotFoundError):
        seedfs.Dataset.from_config(tmp_path / "nowhere")


def judge(file_and_data):
    """In a worker."""
    file, data = file_and_data
    return file.verify(data).verdict, file.read(0, 5 << 20)[-3:]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_get_datasets_and_files(method):
    ds = seedfs.Dataset(seed="42", nodes=4, size="5M")
    files = [ds[path] for path in ds]
    # Before a fork, threads fill here: the child has none of them.
    work = [(file, file.read()) for file in files]
    assert pickle.loads(pickle.dumps(ds)) == ds
    assert pickle.loads(pickle.dumps(files[2])) == files[2]
    with multiprocessing.get_context(method).Pool(2) as pool:
        done = pool.map_async(judge, work).get(timeout=60)
    assert done == [("verified", data[-3:]) for _, data in work]


def test_templates_travel_by_their_path_and_hash(tmp_path):
    template = tmp_path / "template"
    template.write_bytes(b"one line\n" * 1000)
    ds = seedfs.Dataset(content=f"file:{template}", size=5000)
    copy = pickle.loads(pickle.dumps(ds))
    assert copy == ds and copy["node_0/process_0"].read() == ds["node_0/process_0"].read()
    template.write_bytes(b"another\n" * 1000)
    with pytest.raises(ValueError, match="content"):
        pickle.loads(pickle.dumps(ds))


def test_help_reads_well():
    for thing in (seedfs.Dataset, seedfs.File, seedfs.Judge, seedfs.Verdict):
        assert thing.__doc__ and thing.__module__.startswith("seedfs")
        for name in vars(thing):
            member = getattr(thing, name)
            if not name.startswith("_") and callable(member):
                assert member.__doc__, f"{thing.__name__}.{name}"
    assert repr(seedfs.Dataset(seed="a")).startswith("seedfs.Dataset(")
    assert eval(repr(seedfs.Dataset(seed="a", size="4K..8K"))) == seedfs.Dataset(
        seed="a", size="4K..8K"
    )


def test_the_stubs_name_every_option():
    with pytest.raises(TypeError) as refused:
        seedfs.Dataset(none_such=1)
    names = re.findall("`([a-z_]+)`", str(refused.value).split("expected one of")[1])
    stub = (pathlib.Path(seedfs.__file__).parent / "_seedfs.pyi").read_text()
    of_dataset = stub.split("class Dataset")[1].split("def from_config")[0]
    assert len(names) > 15
    for name in names:
        assert f"        {name}: " in of_dataset, name


def test_contents_by_their_extensions():
    contents = {"npz": "npz:x:u1,9", "json": "jsonl:id:int9,3"}
    ds = seedfs.Dataset(content=contents, files=2, layout="{file:03}.{ext}")
    assert list(ds) == ["000.json", "000.npz", "001.json", "001.npz"]
    assert ds.options["content"] == contents
    assert seedfs.Dataset(**ds.options) == ds == pickle.loads(pickle.dumps(ds))
    assert [json.loads(line).keys() for line in ds["001.json"].read().splitlines()] == [{"id"}] * 3
    assert ds["001.npz"].read(0, 4) == b"PK\3\4" and len(ds["001.npz"].read()) == ds["001.npz"].size
    with pytest.raises(ValueError, match="npz=npz:x:u1,0"):
        seedfs.Dataset(content={"npz": "npz:x:u1,0"})
    with pytest.raises(TypeError):
        seedfs.Dataset(content={"npz": 3})
