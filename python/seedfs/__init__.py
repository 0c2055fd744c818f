"""The files of a seed as bytes, without a mount, and the judge of what became of them.

>>> import seedfs
>>> ds = seedfs.Dataset(seed="42", nodes=4, processes=8, size="1G")
>>> file = ds["node_2/process_1"]

Fill your own memory, at any offset:

>>> buffer = bytearray(1 << 20)
>>> file.readinto(buffer, 4096)
1048576

Hand bytes back and read the verdict:

>>> buffer[100] ^= 1
>>> verdict = file.verify(buffer, 4096)
>>> verdict.verdict, verdict.ranges[0]["offset"], verdict.ranges[0]["class"]
('mismatch', 4196, 'flipped')

Ask whose bytes these are:

>>> ds.locate(buffer[-1000:])[0]["source"]["path"]
'node_2/process_1'

Judge a directory, as ``seedfs verify`` does: ``ds.verify_tree("/scratch/test")``.

``seedfs.dgen`` has the calls of dgen-py. ``seedfs.fs`` is a filesystem for fsspec: pandas, PyArrow
and Dask open ``seedfs://`` paths.
"""

from ._raw import RawFile
from ._seedfs import Dataset, File, Judge, __version__
from ._verdict import Verdict

__all__ = ["Dataset", "File", "Judge", "RawFile", "Verdict", "__version__"]
