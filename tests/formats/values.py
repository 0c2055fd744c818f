"""What the values of a file of a format must be, from nothing but the seed and their places.

The model knows no format: where values stand, it is told by the libraries that read them.
"""

import crc32c
import numpy as np
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Content:
    """The plain content of one file."""

    def __init__(self, seed: str, file: tuple[int, int, int, int]):
        self.key = blake3(seed.encode(), derive_key_context="seedfs v1 content key").digest()[:16]
        generation, node, process, number = file
        self.file = generation << 112 | node << 96 | process << 80 | number << 48

    def at(self, offset: int, length: int) -> bytes:
        """The keystream of AES-128-CTR from the block that the offset is in."""
        skip = offset % 16
        counter = (self.file | offset // 16).to_bytes(16, "big")
        encryptor = Cipher(algorithms.AES(self.key), modes.CTR(counter)).encryptor()
        return encryptor.update(bytes(skip + length))[skip:]

    def array(self, dtype, offset: int, count: int) -> np.ndarray:
        """So many values, of which the first stands at an offset."""
        dtype = np.dtype(dtype)
        data = self.at(offset, count * dtype.itemsize)
        if dtype == bool:
            return np.frombuffer(data, "u1") % 2 == 1
        if dtype.kind != "f":
            return np.frombuffer(data, dtype.newbyteorder("<"))
        # As many high bits as the fraction has, over the power of two.
        bits = {2: 10, 4: 23, 8: 52}[dtype.itemsize]
        numbers = np.frombuffer(data, f"<u{dtype.itemsize}") >> (8 * dtype.itemsize - bits)
        return (numbers.astype("f8") / 2.0**bits).astype(dtype)

    def bits(self, offset: int, count: int) -> np.ndarray:
        """Truth values of which eight stand in a byte, the lowest bit first."""
        data = np.frombuffer(self.at(offset, (count + 7) // 8), "u1")
        return np.unpackbits(data, bitorder="little")[:count] == 1

    def digits(self, offset: int, length: int, first: bool = False) -> str:
        """Decimal digits; with `first` the first of them is not 0."""
        data = self.at(offset, length)
        text = [str(byte % 10) for byte in data]
        if first:
            text[0] = str(1 + data[0] % 9)
        return "".join(text)

    def letters(self, offset: int, length: int) -> str:
        """Small letters."""
        return "".join(chr(ord("a") + byte % 26) for byte in self.at(offset, length))


def same(found, expected, what: str) -> None:
    """Fails where two arrays differ in any value."""
    found = np.asarray(found)
    assert found.shape == expected.shape, f"{what}: {found.shape} values, not {expected.shape}"
    assert found.dtype == expected.dtype, f"{what}: {found.dtype}, not {expected.dtype}"
    wrong = np.flatnonzero(found.ravel() != expected.ravel())
    assert wrong.size == 0, f"{what}: {wrong.size} values differ, first number {wrong[0]}"


def masked(data: bytes) -> int:
    """The checksum that TFRecords have of bytes."""
    crc = crc32c.crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
