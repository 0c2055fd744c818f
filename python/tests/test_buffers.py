"""Every kind of memory is filled where it is, or refused."""

import array
import ctypes
import mmap

import numpy as np
import pytest
from conftest import Tensor


def kinds(length):
    """Buffers of so many bytes, and how to look at them afterwards."""
    owner = bytearray(length + 32)
    yield bytearray(length), bytes
    yield memoryview(owner)[16 : 16 + length], bytes
    yield mmap.mmap(-1, length), bytes
    yield array.array("d", bytes(length)), bytes
    yield (ctypes.c_char * length)(), bytes
    for kind in (np.uint8, np.int16, np.float32, np.float64, np.complex128):
        yield np.zeros(length // np.dtype(kind).itemsize, dtype=kind), lambda of: of.tobytes()
    yield np.zeros((4, length // 16, 4), dtype=np.int8), lambda of: of.tobytes()
    yield np.zeros((2, length), dtype=np.uint8)[1], lambda of: of.tobytes()
    yield Tensor(np.zeros((length // 32, 8), dtype=np.float32)), lambda of: of.of.tobytes()
    yield Tensor(np.zeros((2, length), dtype=np.uint8)[1]), lambda of: of.of.tobytes()


@pytest.mark.parametrize("length", [4096, 2_500_000 // 16 * 16])
def test_each_kind_is_filled_in_place_and_judged(file, length):
    whole = file.read(33, length)
    count = 0
    for buffer, look in kinds(length):
        assert file.readinto(buffer, 33) == length, type(buffer)
        assert look(buffer) == whole, type(buffer)
        assert file.verify(buffer, 33), type(buffer)
        count += 1
    assert count == 14


def test_a_tensor_of_torch(file):
    torch = pytest.importorskip("torch")
    for tensor in [torch.zeros(1000), torch.zeros((10, 7), dtype=torch.int16)]:
        length = tensor.numel() * tensor.element_size()
        assert file.readinto(tensor, 5) == length
        assert tensor.numpy().tobytes() == file.read(5, length)
    with pytest.raises(BufferError):
        file.readinto(torch.zeros((4, 4)).T)
    with pytest.raises(BufferError):
        file.readinto(torch.zeros(4, requires_grad=True))


def test_nothing_past_the_end_of_the_file_is_touched(file):
    buffer = bytearray(b"\xaa" * 100)
    assert file.readinto(buffer, file.size - 60) == 60
    assert buffer[:60] == file.read(file.size - 60) and buffer[60:] == b"\xaa" * 40
    assert file.readinto(buffer, file.size) == file.readinto(buffer, 1 << 52) == 0
    assert file.readinto(bytearray(), 5) == 0


def test_what_cannot_be_filled_is_refused_and_stays_as_it_was(file):
    frozen = np.zeros(100, dtype=np.uint8)
    frozen.flags.writeable = False
    for buffer in [b"abc", memoryview(b"abc"), frozen, memoryview(bytearray(9)).toreadonly()]:
        with pytest.raises(BufferError, match="read-only"):
            file.readinto(buffer)
    assert not frozen.any()
    grid = np.zeros((10, 10), dtype=np.uint8)
    strided = [grid[:, ::2], grid.T, grid[::-1], memoryview(bytearray(10))[::2]]
    strided += [Tensor(grid[:, ::2]), Tensor(grid[:, 1:3])]
    for buffer in strided:
        with pytest.raises(BufferError, match="contiguous"):
            file.readinto(buffer)
        with pytest.raises(BufferError, match="contiguous"):
            file.verify(buffer)
    assert not grid.any()
    for thing in ["text", 5, None, [1, 2], object()]:
        with pytest.raises(TypeError, match="bytes-like"):
            file.readinto(thing)
        with pytest.raises(TypeError, match="bytes-like"):
            file.verify(thing)


def read_only_arrays(directory):
    """Arrays that may be looked at and not changed."""
    frozen = np.zeros(100, dtype=np.float32)
    frozen.flags.writeable = False
    yield frozen
    yield np.frombuffer(bytes(400), dtype=np.float32)
    np.save(directory / "zeros.npy", np.zeros(100, dtype=np.float32))
    yield np.load(directory / "zeros.npy", mmap_mode="r")
    yield np.broadcast_to(np.zeros(100, dtype=np.uint8), (1, 100))


def test_what_is_read_only_is_not_filled_and_can_be_judged(file, tmp_path):
    for array in read_only_arrays(tmp_path):
        for lent in (array, Tensor(array)):
            with pytest.raises(BufferError, match="read-only"):
                file.readinto(lent)
            assert not array.any()
            assert file.verify(lent, 0).verdict == "mismatch"
    data = np.frombuffer(file.read(7, 400), dtype=np.uint8)
    assert file.verify(data, 7) and file.verify(Tensor(data), 7)


def test_a_tensor_of_a_library_that_knows_only_the_first_dlpack(file):
    class Old(Tensor):
        def __dlpack__(self):
            return self.of.__dlpack__()

    array = np.zeros(400, dtype=np.uint8)
    assert file.readinto(Old(array), 9) == 400 and array.tobytes() == file.read(9, 400)
    assert file.verify(Old(array), 9)
    # Such a tensor cannot say that it is read-only, so NumPy does not lend it.
    array.flags.writeable = False
    with pytest.raises(BufferError):
        file.readinto(Old(array))


def test_a_copy_is_not_filled(file):
    """What were written into it would be lost."""

    class Copied(Tensor):
        def __dlpack__(self, **options):
            return self.of.__dlpack__(**options | {"copy": True})

    array = np.zeros(400, dtype=np.uint8)
    with pytest.raises(BufferError, match="copy"):
        file.readinto(Copied(array))
    assert not array.any()
    file.readinto(array, 3)
    assert file.verify(Copied(array), 3)


def test_a_tensor_elsewhere_is_refused(file):
    class OnDevice(Tensor):
        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(BufferError, match="main memory"):
        file.readinto(OnDevice(np.zeros(4, dtype=np.uint8)))


def test_a_buffer_is_given_back(file):
    buffer = bytearray(1000)
    file.readinto(buffer)
    file.verify(buffer)
    buffer.extend(b"more")  # refused as long as somebody holds it
    tensor = Tensor(np.zeros(1000, dtype=np.uint8))
    file.readinto(tensor)
    with pytest.raises((BufferError, TypeError)):
        file.readinto("x")
