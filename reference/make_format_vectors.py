"""Prints the test vectors of one format: tests/vectors/formats/FORMAT.json.

    python make_format_vectors.py FORMAT

They are frozen with the format. `reference/check` proves that this still makes them.
"""

import json
import sys

from blake3 import blake3

from seedfs_formats import whole

TABLES = ["a:u4,1", "a:f4,1000,7", "a:f4+b:i8+c:bool+d:f2+e:f8,100,33", "a:f8+b:bool,129,64"]
LINES = ["a:bit,1", "id:int9+x:float6+name:text12+ok:bit,30", "n:int1+m:int18+t:text1,77"]
FILES = {
    "npy": ["u1,1", "bool,1000", "i1,3x5x7", "u2,1x1", "i2,99x3", "f2,1001", "f4,1", "f4,17x31",
            "u4,10x1x1x1x3", "f8,999x2", "i8,512", "i4,1x2x3x4x5x6", "u8,100"],
    "npz": ["x:u1,1", "x:f4,17x31+y:i8,3", "a:f2,5+b:bool,7+c:f8,1x3x5+d:u1,20000", "long_name_of_it:i2,9"],
    "tfrecord": ["1,1", "127,20", "128,5", "5000,3", "20000,2"],
    "tfrecord-index": ["1,1", "1,2", "127,20", "128,5", "20000,2", "3,200", "40,1500"],
    "hdf5": ["u1,1", "bool,77", "f2,3x5x7", "f4,1x1x1x1x1x1x1x2", "f8,333", "i8,10x10", "i1,3", "u2,4",
             "i2,5", "u4,6", "i4,7", "u8,8"],
    "arrow": TABLES + ["a:u1+b:i1+c:u2+d:i2+e:u4+f:i4+g:u8+h:i8+i:f2+j:f4+k:f8+l:bool,50,20"],
    "parquet": TABLES + ["e:u4+f:i4+g:u8+h:i8+i:f2+j:f4+k:f8+l:bool,50,20"],
    "jsonl": LINES,
    "csv": LINES,
    "bmp": ["1x1", "2x7", "4x5", "101x37", "64x8"],
    "png": ["1x1", "2x7", "5x4100", "101x37", "3000x15", "21844x2"],
}
COORDINATES = [(0, 0, 0, 0), (2, 1, 1, 3)]


def vectors(word: str):
    for text in FILES[word]:
        for coordinates in COORDINATES:
            data = whole("42", coordinates, f"{word}:{text}")
            yield {
                "content": f"{word}:{text}", "file": coordinates, "size": len(data),
                "first": data[:64].hex(), "last": data[-64:].hex(), "blake3": blake3(data).hexdigest(),
            }


def main():
    word = sys.argv[1]
    print(f'{{\n"format": "seedfs files of the format {word}, version 1", "seed": "42",')
    rows = ",\n".join(json.dumps(row) for row in vectors(word))
    print(f'"vectors": [\n{rows}\n]\n}}')


if __name__ == "__main__":
    main()
