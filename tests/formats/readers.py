"""Real readers of each format, and whether they find what the model says.

A reader is called with the path of a file and the model of its content. It opens the file as its
users do, whole and in slices, lets the library validate what it can, and compares all values.
"""

import csv
import filecmp
import json
import os
import tempfile
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from PIL import Image
from tfrecord.reader import tfrecord_loader

from values import Content, masked, same


def npy(path: str, content: Content) -> None:
    array = np.load(path)
    mapped = np.load(path, mmap_mode="r")
    expected = content.array(array.dtype, mapped.offset, array.size).reshape(array.shape)
    same(array, expected, "np.load")
    same(mapped[::3], expected[::3], "a slice of np.load(mmap_mode='r')")
    same(mapped[-1], expected[-1], "the last row")
    assert array.dtype.kind != "f" or (array.min() >= 0 and array.max() < 1)


def npz(path: str, content: Content) -> None:
    with zipfile.ZipFile(path) as archive, open(path, "rb") as raw:
        assert archive.testzip() is None, "testzip finds a bad member"
        for member in archive.infolist():
            raw.seek(member.header_offset + 26)
            name, extra = (int.from_bytes(raw.read(2), "little") for _ in range(2))
            start = member.header_offset + 30 + name + extra
            raw.seek(start + 8)
            data = start + 10 + int.from_bytes(raw.read(2), "little")
            assert data % 64 == 0, "an array that is not aligned"
            array = np.load(path)[member.filename.removesuffix(".npy")]
            expected = content.array(array.dtype, data, array.size).reshape(array.shape)
            same(array, expected, member.filename)


def tfrecord(path: str, content: Content) -> None:
    with open(path, "rb") as raw:
        size = 16 + int.from_bytes(raw.read(8), "little")
        raw.seek(0)
        first = raw.read(size)
    check_sums(path, size)
    count = 0
    for record in tfrecord_loader(path, None, {"image": "byte", "label": "int"}):
        image = bytes(record["image"])
        if count == 0:
            place = first.index(image)
        start = count * size
        assert image == content.at(start + place, len(image)), f"the image of record {count}"
        label = content.at(start + size - 5, 1)[0] % 128
        same(record["label"], np.array([label], record["label"].dtype), f"the label of {count}")
        count += 1
    assert count > 0


def tfrecord_index(path: str, _: Content) -> None:
    """The index is what the package's own tool makes of the records, and its reader takes it."""
    from tfrecord.tools.tfrecord2idx import create_index

    records = path.removesuffix("idx") + "tfrecord"
    with tempfile.TemporaryDirectory() as work:
        made = os.path.join(work, "made")
        create_index(records, made)
        assert filecmp.cmp(made, path, shallow=False), "tfrecord2idx makes another index"
    fields = {"image": "byte", "label": "int"}
    whole = [bytes(record["image"]) for record in tfrecord_loader(records, None, fields)]
    # Each of several readers takes its share of the records, as the index says where they begin.
    shards = min(3, len(whole))
    found = []
    for shard in range(shards):
        loader = tfrecord_loader(records, path, fields, shard=(shard, shards))
        found += [bytes(record["image"]) for record in loader]
    assert found == whole, "with the index there are other records"


def check_sums(path: str, size: int) -> None:
    """The package does not look at the sums that it reads; here they are made again."""
    with open(path, "rb") as raw:
        while record := raw.read(size):
            assert len(record) == size, "a record is cut short"
            assert int.from_bytes(record[8:12], "little") == masked(record[:8]), "sum of the length"
            assert int.from_bytes(record[-4:], "little") == masked(record[12:-4]), "sum of the data"


def hdf5(path: str, content: Content) -> None:
    with h5py.File(path) as file:
        data = file["data"]
        expected = content.array(data.dtype, data.id.get_offset(), data.size).reshape(data.shape)
        same(data[...], expected, "the dataset")
        same(data[1::2], expected[1::2], "a slice")


def column(content: Content, kind: pa.DataType, offset: int, rows: int) -> np.ndarray:
    """The values of a column from an offset on."""
    if pa.types.is_boolean(kind):
        return content.bits(offset, rows)
    return content.array(kind.to_pandas_dtype(), offset, rows)


def arrow(path: str, content: Content) -> None:
    with open(path, "rb") as raw:
        whole = pa.py_buffer(raw.read())
    reader = pa.ipc.open_file(whole)
    reader.read_all().validate(full=True)
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        batch.validate(full=True)
        for values in batch.columns:
            offset = values.buffers()[1].address - whole.address
            expected = column(content, values.type, offset, len(values))
            same(values.to_numpy(zero_copy_only=False), expected, f"batch {number}")
    # The last batch alone, mapped into memory.
    with pa.memory_map(path) as source, pa.ipc.open_file(source) as mapped:
        last = mapped.num_record_batches - 1
        assert mapped.get_batch(last).equals(reader.get_batch(last))
        rows = mapped.read_all().num_rows
    with pa.ipc.open_stream(whole.slice(8)) as stream:
        assert stream.read_all().num_rows == rows


def parquet(path: str, content: Content) -> None:
    with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        file.read().validate(full=True)
        schema, metadata = file.schema_arrow, file.metadata
        for group in range(file.num_row_groups):
            rows = metadata.row_group(group).num_rows
            table = file.read_row_group(group)
            for index, field in enumerate(schema):
                chunk = metadata.row_group(group).column(index)
                bits = pa.types.is_boolean(field.type)
                size = (rows + 7) // 8 if bits else rows * field.type.bit_width // 8
                # One page: what the column has more is its head.
                offset = chunk.data_page_offset + chunk.total_compressed_size - size
                expected = column(content, field.type, offset, rows)
                same(table[index].to_numpy(), expected, f"{field.name} of group {group}")
    with open(path, "rb") as raw:
        last = pa.parquet.read_table(raw, columns=[schema.names[-1]])
    assert last.num_rows == metadata.num_rows


def expected_text(content: Content, start: int, value: str) -> str:
    """What a value that stands at an offset must be, by its looks."""
    if value.startswith("0.") and value[2:].isdigit():
        return "0." + content.digits(start + 2, len(value) - 2)
    if value in ("0", "1"):
        return str(content.at(start, 1)[0] % 2)
    if value.isdigit():
        return content.digits(start, len(value), first=True)
    return content.letters(start, len(value))


def jsonl(path: str, content: Content) -> None:
    offset = 0
    with open(path, encoding="ascii") as file:
        for line in file:
            row = json.loads(line)
            for name, value in row.items():
                start = line.index(f'"{name}": ') + len(name) + 4
                text = line[start:].split(",")[0].rstrip("}\n")
                quote = text.startswith('"')
                text = text.strip('"')
                assert text == expected_text(content, offset + start + quote, text), name
                number = float if "." in text else int
                assert value == (text if quote else number(text)), f"{name}: {value}"
            offset += len(line)
    assert offset > 0


def csv_lines(path: str, content: Content) -> None:
    with open(path, encoding="ascii", newline="") as file:
        lines = file.readlines()
    rows = list(csv.DictReader(lines))
    assert len(rows) == len(lines) - 1
    offset = len(lines[0])
    for line, row in zip(lines[1:], rows):
        start = offset
        for value in row.values():
            assert value == expected_text(content, start, value)
            start += len(value) + 1
        offset += len(line)
        assert start == offset


def bmp(path: str, content: Content) -> None:
    with open(path, "rb") as raw:
        head = raw.read(14)
    start = int.from_bytes(head[10:14], "little")
    with Image.open(path) as image:
        width, height = image.size
        pixels = np.asarray(image.convert("RGB"))
    stride = (3 * width + 3) // 4 * 4
    for row in range(height):
        expected = np.frombuffer(content.at(start + (height - 1 - row) * stride, 3 * width), "u1")
        same(pixels[row], expected.reshape(width, 3)[:, ::-1], f"row {row}")


def png(path: str, content: Content) -> None:
    with Image.open(path) as image:
        # Looks at the sums of all chunks.
        image.verify()
    with Image.open(path) as image:
        image.load()
        width, height = image.size
        pixels = np.asarray(image)
    row = 0
    with open(path, "rb") as raw:
        raw.seek(8)
        while row < height:
            size, kind = int.from_bytes(raw.read(4), "big"), raw.read(4)
            start = raw.tell()
            count = (size - 5) // (3 * width + 1) if kind == b"IDAT" else 0
            for index in range(count):
                place = start + 5 + index * (3 * width + 1) + 1
                expected = np.frombuffer(content.at(place, 3 * width), "u1").reshape(width, 3)
                same(pixels[row], expected, f"row {row}")
                row += 1
            raw.seek(start + size + 4)


READERS = {
    "npy": npy, "npz": npz, "tfrecord": tfrecord, "tfrecord-index": tfrecord_index, "hdf5": hdf5,
    "arrow": arrow, "parquet": parquet, "jsonl": jsonl, "csv": csv_lines, "bmp": bmp, "png": png,
}
