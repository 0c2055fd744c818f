"""Files of formats: framing around content. See docs/formats.md.

    python seedfs_formats.py SEED GENERATION NODE PROCESS FILE DESCRIPTION > file

Written to be read: a file is made from its first byte to its last, in memory.
"""

import struct
import sys
import zlib

from seedfs_reference import content

WIDTHS = {"bool": 1} | {kind + width: int(width) for kind in "ui" for width in "1248"} | {
    "f2": 2, "f4": 4, "f8": 8
}


def plain(data: bytes) -> bytes:
    return data


def unit_float(letter: str, one: int, kept: int):
    """Elements whose high bits are the fraction of a number from 1 to 2, of which 1 is taken off."""
    integer = {"e": "H", "f": "I", "d": "Q"}[letter]

    def make(data: bytes) -> bytes:
        count = len(data) // struct.calcsize(letter)
        numbers = struct.unpack(f"<{count}{integer}", data)
        shift = 8 * struct.calcsize(letter) - kept
        bits = struct.pack(f"<{count}{integer}", *(one | number >> shift for number in numbers))
        return struct.pack(f"<{count}{letter}", *(x - 1 for x in struct.unpack(f"<{count}{letter}", bits)))

    return make


def each(make):
    return lambda data: bytes(make(byte) for byte in data)


ELEMENTS = {"bool": each(lambda byte: byte & 1)} | {
    "f2": unit_float("e", 0x3C00, 10),
    "f4": unit_float("f", 0x3F800000, 23),
    "f8": unit_float("d", 0x3FF << 52, 52),
}
SMALL = each(lambda byte: byte & 0x7F)
DIGIT = each(lambda byte: ord("0") + byte % 10)
FIRST_DIGIT = each(lambda byte: ord("1") + byte % 9)
BIT = each(lambda byte: ord("0") + byte % 2)
LETTER = each(lambda byte: ord("a") + byte % 26)


class File:
    """A file that is being made."""

    def __init__(self, seed: str, coordinates: tuple[int, int, int, int]):
        self.seed, self.coordinates, self.data = seed, coordinates, bytearray()

    def framing(self, data: bytes) -> None:
        self.data += data

    def payload(self, length: int, make=plain) -> None:
        """The content of where the file is now."""
        self.data += make(content(self.seed, self.coordinates, len(self.data), length))

    def elements(self, dtype: str, count: int) -> None:
        self.payload(count * WIDTHS[dtype], ELEMENTS.get(dtype, plain))

    def align(self, to: int) -> None:
        self.data += bytes(-len(self.data) % to)


def axes(text: str) -> list[int]:
    return [int(axis) for axis in text.split("x")]


def product(numbers) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def items(text: str) -> list[tuple[str, str]]:
    return [tuple(item.split(":", 1)) for item in text.split("+")]


# --- npy and npz


def npy_header(dtype: str, shape: list[int]) -> bytes:
    descr = {"bool": "|b1"}.get(dtype) or ("|" if WIDTHS[dtype] == 1 else "<") + dtype
    text = str({"descr": descr, "fortran_order": False, "shape": tuple(shape)})
    text = text[:-1] + ", }" + " " * (21 - len(str(shape[0])))
    text += " " * (64 - (10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def npy(file: File, text: str) -> None:
    dtype, shape = text.split(",")
    file.framing(npy_header(dtype, axes(shape)))
    file.elements(dtype, product(axes(shape)))


# What the CRCs of an archive cover together, each array with at most 1024 bytes of a header.
NPZ_SUMMED_BYTES_MAX = 16 << 30


def npz_fits(text: str) -> bool:
    """Whether there is such an archive."""
    sizes = [array.split(",") for _, array in items(text)]
    return NPZ_SUMMED_BYTES_MAX >= sum(
        1024 + WIDTHS[dtype] * product(axes(shape)) for dtype, shape in sizes
    )


def npz(file: File, text: str) -> None:
    """Files below 4 GiB: larger ones have ZIP64 fields, which are not made here."""
    assert npz_fits(text), f"the arrays of {text} have more than 16 GiB together"
    members = []
    for name, array in items(text):
        name = name.encode() + b".npy"
        dtype, shape = array.split(",")
        start = len(file.data)
        data_start = start + 30 + len(name) + 6
        pad = -data_start % 64
        data_start += pad
        header = npy_header(dtype, axes(shape))
        # The file's head is put in when the sum over its data is known.
        file.framing(bytes(data_start - start))
        file.framing(header)
        file.elements(dtype, product(axes(shape)))
        size, crc = len(file.data) - data_start, zlib.crc32(file.data[data_start:])
        common = struct.pack("<HHHHHIII", 20, 0, 0, 0, 0x21, crc, size, size)
        extra = struct.pack("<HHH", 0xD935, 2 + pad, 64) + bytes(pad)
        local = b"PK\3\4" + common + struct.pack("<HH", len(name), len(extra)) + name + extra
        file.data[start:data_start] = local
        members.append((name, common, start))
    directory = len(file.data)
    for name, common, start in members:
        file.framing(b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + common)
        file.framing(struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0o100644 << 16, start) + name)
    length = len(file.data) - directory
    count = len(members)
    file.framing(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, length, directory, 0))


# --- tfrecord


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8 & 0xFFFFFFFF)


def varint(number: int) -> bytes:
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def tfrecord(file: File, text: str) -> None:
    size, count = map(int, text.split(","))

    def nested(tag: int, after: int, inside: bytes = b"") -> bytes:
        """The head of a field, where `inside` and `after` more bytes are in it."""
        return bytes([tag]) + varint(len(inside) + after) + inside

    image = nested(0x0A, 0, b"image") + nested(0x12, size, nested(0x0A, size, nested(0x0A, size)))
    image = nested(0x0A, size, image)
    label = nested(0x0A, 0, b"label") + nested(0x12, 1, nested(0x1A, 1, nested(0x0A, 1)))
    label = nested(0x0A, 1, label)
    example = nested(0x0A, size + len(label) + 1, image)
    length = struct.pack("<Q", len(example) + size + len(label) + 1)
    for _ in range(count):
        file.framing(length + masked(length))
        start = len(file.data)
        file.framing(example)
        file.payload(size)
        file.framing(label)
        file.payload(1, SMALL)
        file.framing(masked(file.data[start:]))


def tfrecord_index(file: File, text: str) -> None:
    """What tfrecord2idx writes when it reads the records."""
    records = File(file.seed, file.coordinates)
    tfrecord(records, text)
    start = 0
    while start < len(records.data):
        (message,) = struct.unpack_from("<Q", records.data, start)
        length = 8 + 4 + message + 4
        file.framing(f"{start} {length}\n".encode())
        start += length


# --- hdf5


def lookup3(data: bytes) -> int:
    """Bob Jenkins' hashlittle, from 0."""
    m32 = 0xFFFFFFFF
    rot = lambda x, k: (x << k | x >> 32 - k) & m32
    a = b = c = 0xDEADBEEF + len(data) & m32
    at = 0
    while len(data) - at > 12:
        x, y, z = struct.unpack("<3I", data[at : at + 12])
        a, b, c = a + x & m32, b + y & m32, c + z & m32
        a = a - c & m32 ^ rot(c, 4); c = c + b & m32
        b = b - a & m32 ^ rot(a, 6); a = a + c & m32
        c = c - b & m32 ^ rot(b, 8); b = b + a & m32
        a = a - c & m32 ^ rot(c, 16); c = c + b & m32
        b = b - a & m32 ^ rot(a, 19); a = a + c & m32
        c = c - b & m32 ^ rot(b, 4); b = b + a & m32
        at += 12
    x, y, z = struct.unpack("<3I", data[at:].ljust(12, b"\0"))
    a, b, c = a + x & m32, b + y & m32, c + z & m32
    c = (c ^ b) - rot(b, 14) & m32
    a = (a ^ c) - rot(c, 11) & m32
    b = (b ^ a) - rot(a, 25) & m32
    c = (c ^ b) - rot(b, 16) & m32
    a = (a ^ c) - rot(c, 4) & m32
    b = (b ^ a) - rot(a, 14) & m32
    return (c ^ b) - rot(b, 24) & m32


def hdf5(file: File, text: str) -> None:
    dtype, shape = text.split(",")
    shape = axes(shape)
    width, undefined = WIDTHS[dtype], 2**64 - 1
    size = product(shape) * width

    def summed(data: bytes) -> bytes:
        return data + struct.pack("<I", lookup3(data))

    def header(*messages: tuple[int, bytes]) -> bytes:
        body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
        return summed(b"OHDR\2\1" + struct.pack("<H", len(body)) + body)

    def integer(signed: bool, width: int) -> bytes:
        return struct.pack("<4BIHH", 0x10, 8 * signed, 0, 0, width, 0, 8 * width)

    def group(target: int) -> bytes:
        link = b"\1\0\4data" + struct.pack("<Q", target)
        info = bytes(2) + struct.pack("<QQ", undefined, undefined)
        return header((2, info), (10, bytes(2)), (6, link))

    if dtype == "bool":
        names = b"FALSE".ljust(8, b"\0") + b"TRUE".ljust(8, b"\0")
        datatype = struct.pack("<BHBI", 0x18, 2, 0, 1) + integer(True, 1) + names + b"\0\1"
    elif dtype[0] == "f":
        exponent, fraction = {"f2": (5, 10), "f4": (8, 23), "f8": (11, 52)}[dtype]
        datatype = struct.pack("<4BIHH", 0x11, 0x20, 8 * width - 1, 0, width, 0, 8 * width)
        datatype += struct.pack("<4BI", fraction, exponent, 0, fraction, 2 ** (exponent - 1) - 1)
    else:
        datatype = integer(dtype[0] == "i", width)
    dataspace = struct.pack(f"<4B{len(shape)}Q", 2, len(shape), 0, 1, *shape)
    dataset = header(
        (1, dataspace), (3, datatype), (5, b"\3\x0a"), (8, struct.pack("<BBQQ", 3, 1, 512, size))
    )
    root = 48
    superblock = b"\x89HDF\r\n\x1a\n\2\x08\x08\0" + struct.pack("<4Q", 0, undefined, 512 + size, root)
    file.framing(summed(superblock) + group(root + len(group(0))) + dataset)
    file.align(512)
    file.elements(dtype, product(shape))


# --- arrow


class Flat:
    """A table of Flatbuffers: (number, kind, value) for each field, in their order."""

    def __init__(self, *fields):
        self.fields = fields

    def buffer(self) -> bytes:
        data = bytearray(4)
        struct.pack_into("<I", data, 0, self.write(data))
        return bytes(data) + bytes(-len(data) % 8)

    def write(self, data: bytearray) -> int:
        slots = max((number + 1 for number, *_ in self.fields), default=0)
        list_size = 4 + 2 * slots
        data += bytes(-(len(data) + list_size) % 8)
        start = len(data)
        data += bytes(list_size)
        table = len(data)
        data += struct.pack("<i", table - start)
        later = []
        for number, kind, value in self.fields:
            code = {"u8": "B", "i16": "h", "u32": "I", "i64": "q"}.get(kind, "I")
            data += bytes(-len(data) % struct.calcsize(code))
            struct.pack_into("<H", data, start + 4 + 2 * number, len(data) - table)
            if kind in ("u8", "i16", "u32", "i64"):
                data += struct.pack("<" + code, value)
            else:
                later.append((len(data), kind, value))
                data += bytes(4)
        struct.pack_into("<HH", data, start, list_size, len(data) - table)
        for place, kind, value in later:
            struct.pack_into("<I", data, place, self.write_value(data, kind, value) - place)
        return table

    @staticmethod
    def write_value(data: bytearray, kind: str, value) -> int:
        if kind == "table":
            return value.write(data)
        align = 8 if kind == "structs" else 4
        data += bytes(-(len(data) + 4) % align)
        place = len(data)
        data += struct.pack("<I", len(value))
        if kind == "text":
            data += value.encode() + b"\0"
        elif kind == "structs":
            data += b"".join(value)
        else:
            first = len(data)
            data += bytes(4 * len(value))
            for index, table in enumerate(value):
                slot = first + 4 * index
                struct.pack_into("<I", data, slot, table.write(data) - slot)
        return place


def table(text: str) -> tuple[list[tuple[str, str]], list[int]]:
    """The columns, and the rows of each group."""
    columns, rows, *group = text.split(",")
    rows, group = int(rows), int(group[0]) if group else 65536
    groups = [group] * (rows // group) + [rows % group] * (rows % group > 0)
    return items(columns), groups


def column_bytes(dtype: str, rows: int) -> int:
    """Truth values are bits."""
    return (rows + 7) // 8 if dtype == "bool" else rows * WIDTHS[dtype]


def column(file: File, dtype: str, rows: int) -> None:
    make = plain if dtype == "bool" else ELEMENTS.get(dtype, plain)
    file.payload(column_bytes(dtype, rows), make)


def arrow(file: File, text: str) -> None:
    columns, groups = table(text)

    def logical(dtype: str) -> tuple[int, Flat]:
        if dtype == "bool":
            return 6, Flat()
        if dtype[0] == "f":
            return 3, Flat((0, "i16", {"f2": 0, "f4": 1, "f8": 2}[dtype]))
        return 2, Flat((0, "u32", 8 * WIDTHS[dtype]), (1, "u8", dtype[0] == "i"))

    def schema() -> Flat:
        fields = []
        for name, dtype in columns:
            number, more = logical(dtype)
            fields.append(Flat((0, "text", name), (2, "u8", number), (3, "table", more), (5, "tables", [])))
        return Flat((1, "tables", fields))

    def message(kind: int, header: Flat, body: int) -> None:
        data = Flat((0, "i16", 4), (1, "u8", kind), (2, "table", header), (3, "i64", body)).buffer()
        data += bytes(-(len(file.data) + 8 + len(data)) % 64)
        file.framing(b"\xff\xff\xff\xff" + struct.pack("<I", len(data)) + data)

    file.framing(b"ARROW1\0\0")
    message(1, schema(), 0)
    blocks = []
    for rows in groups:
        nodes = [struct.pack("<QQ", rows, 0)] * len(columns)
        buffers, offset = [], 0
        for _, dtype in columns:
            size = column_bytes(dtype, rows)
            buffers += [struct.pack("<QQ", offset, 0), struct.pack("<QQ", offset, size)]
            offset += (size + 63) // 64 * 64
        start = len(file.data)
        message(3, Flat((0, "i64", rows), (1, "structs", nodes), (2, "structs", buffers)), offset)
        head = len(file.data) - start
        for _, dtype in columns:
            column(file, dtype, rows)
            file.align(64)
        blocks.append(struct.pack("<QQQ", start, head, len(file.data) - start - head))
    footer = Flat((0, "i16", 4), (1, "table", schema()), (2, "structs", []), (3, "structs", blocks))
    data = footer.buffer()
    file.framing(b"\xff\xff\xff\xff" + bytes(4) + data + struct.pack("<I", len(data)) + b"ARROW1")


# --- parquet


def compact(*fields: tuple[int, str, object]) -> bytes:
    """A structure in Thrift's compact protocol: (number, kind, value) for each field."""
    codes = {"i32": 5, "i64": 6, "binary": 8, "list": 9, "struct": 12}
    data, last = b"", 0
    for number, kind, value in fields:
        data += bytes([number - last << 4 | codes[kind]])
        last = number
        if kind in ("i32", "i64"):
            data += varint(2 * value)
        elif kind == "binary":
            data += varint(len(value)) + value
        elif kind == "struct":
            data += value
        else:
            code, values = value
            count = len(values)
            data += bytes([count << 4 | code]) if count < 15 else bytes([0xF0 | code]) + varint(count)
            data += b"".join(values)
    return data + b"\0"


def parquet(file: File, text: str) -> None:
    columns, groups = table(text)
    physical = {"bool": 0, "u4": 1, "i4": 1, "u8": 2, "i8": 2, "f4": 4, "f8": 5, "f2": 7}
    more = {
        "u4": [(6, "i32", 13)], "u8": [(6, "i32", 14)],
        "f2": [(10, "struct", compact((15, "struct", compact())))],
    }
    schema = [compact((4, "binary", b"schema"), (5, "i32", len(columns)))]
    for name, dtype in columns:
        length = [(2, "i32", 2)] if dtype == "f2" else []
        schema.append(compact(
            (1, "i32", physical[dtype]), *length, (3, "i32", 0), (4, "binary", name.encode()),
            *more.get(dtype, []),
        ))
    file.framing(b"PAR1")
    row_groups = []
    for rows in groups:
        chunks, start = [], len(file.data)
        for name, dtype in columns:
            offset, size = len(file.data), column_bytes(dtype, rows)
            page = compact((1, "i32", rows), (2, "i32", 0), (3, "i32", 3), (4, "i32", 3))
            file.framing(compact((1, "i32", 0), (2, "i32", size), (3, "i32", size), (5, "struct", page)))
            column(file, dtype, rows)
            length = len(file.data) - offset
            name = varint(len(name)) + name.encode()
            metadata = compact(
                (1, "i32", physical[dtype]), (2, "list", (5, [varint(0)])), (3, "list", (8, [name])),
                (4, "i32", 0), (5, "i64", rows), (6, "i64", length), (7, "i64", length), (9, "i64", offset),
            )
            chunks.append(compact((2, "i64", offset), (3, "struct", metadata)))
        size = len(file.data) - start
        row_groups.append(compact((1, "list", (12, chunks)), (2, "i64", size), (3, "i64", rows)))
    metadata = compact(
        (1, "i32", 2), (2, "list", (12, schema)), (3, "i64", sum(groups)),
        (4, "list", (12, row_groups)), (6, "binary", b"seedfs"),
    )
    file.framing(metadata + struct.pack("<I", len(metadata)) + b"PAR1")


# --- lines of text


def value(file: File, kind: str, quote: bytes) -> None:
    word, width = kind.rstrip("0123456789"), int(kind.lstrip("abcdefghijklmnopqrstuvwxyz") or 1)
    if word == "int":
        file.payload(1, FIRST_DIGIT)
        file.payload(width - 1, DIGIT)
    elif word == "float":
        file.framing(b"0.")
        file.payload(width, DIGIT)
    elif word == "bit":
        file.payload(1, BIT)
    else:
        file.framing(quote)
        file.payload(width, LETTER)
        file.framing(quote)


def jsonl(file: File, text: str) -> None:
    columns, rows = text.split(",")
    for _ in range(int(rows)):
        for index, (name, kind) in enumerate(items(columns)):
            file.framing((", " if index else "{").encode() + f'"{name}": '.encode())
            value(file, kind, b'"')
        file.framing(b"}\n")


def csv(file: File, text: str) -> None:
    columns, rows = text.split(",")
    file.framing(",".join(name for name, _ in items(columns)).encode() + b"\n")
    for _ in range(int(rows)):
        for index, (_, kind) in enumerate(items(columns)):
            file.framing(b"," if index else b"")
            value(file, kind, b"")
        file.framing(b"\n")


# --- images


def bmp(file: File, text: str) -> None:
    width, height = axes(text)
    row = (3 * width + 3) // 4 * 4
    file.framing(b"BM" + struct.pack("<IIIIII", 54 + row * height, 0, 54, 40, width, height))
    file.framing(struct.pack("<HHIIIIII", 1, 24, 0, row * height, 2835, 2835, 0, 0))
    for _ in range(height):
        file.payload(3 * width)
        file.framing(bytes(row - 3 * width))


def png(file: File, text: str) -> None:
    width, height = axes(text)
    raw = b""

    def chunk(length: int, kind: bytes, make) -> None:
        file.framing(struct.pack(">I", length))
        start = len(file.data)
        file.framing(kind)
        make()
        assert len(file.data) - start == 4 + length
        file.framing(struct.pack(">I", zlib.crc32(file.data[start:])))

    def rows(count: int) -> None:
        nonlocal raw
        length = count * (1 + 3 * width)
        file.framing(struct.pack("<BHH", 0, length, 0xFFFF - length))
        start = len(file.data)
        for _ in range(count):
            file.framing(b"\0")
            file.payload(3 * width)
        raw += file.data[start:]

    file.framing(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk(13, b"IHDR", lambda: file.framing(header))
    chunk(2, b"IDAT", lambda: file.framing(b"\x78\x01"))
    together = 65535 // (1 + 3 * width)
    for first in range(0, height, together):
        count = min(together, height - first)
        chunk(5 + count * (1 + 3 * width), b"IDAT", lambda: rows(count))
    chunk(9, b"IDAT", lambda: file.framing(b"\1\0\0\xff\xff" + struct.pack(">I", zlib.adler32(raw))))
    chunk(0, b"IEND", lambda: None)


FORMATS = {
    "npy": npy, "npz": npz, "tfrecord": tfrecord, "tfrecord-index": tfrecord_index, "hdf5": hdf5,
    "arrow": arrow, "parquet": parquet, "jsonl": jsonl, "csv": csv, "bmp": bmp, "png": png,
}


def whole(seed: str, coordinates: tuple[int, int, int, int], description: str) -> bytes:
    """The file that a description gives at these coordinates (generation, node, process, file)."""
    file = File(seed, coordinates)
    word, text = description.split(":", 1)
    FORMATS[word](file, text)
    return bytes(file.data)


if __name__ == "__main__":
    seed, *numbers, description = sys.argv[1:]
    sys.stdout.buffer.write(whole(seed, tuple(map(int, numbers)), description))
