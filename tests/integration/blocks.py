# SPDX-License-Identifier: Apache-2.0
"""Tells what a target holds, by the documented form of blocks alone."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "verify"))
import format1  # noqa: E402


class Blocks:
    """Of one job's random data with that seed, in blocks of that size."""

    def __init__(self, seed, block):
        self.seed, self.block = seed, block
        self.origin = None

    def learn(self, header):
        """All of it is of one origin."""
        if self.origin is None and header and header["seed"] == self.seed:
            self.origin = format1.Origin(bytes.fromhex(header["run_id"]), header["device"], header["seed"])

    def tell(self, data, offset):
        header = format1.parse_header(data)
        self.learn(header)
        if not any(data):
            return False
        if header is None or self.origin is None:
            return "no header of it"
        whole = format1.block(self.origin, offset, -(-len(data) // 512) * 512, header["pass"], header["interval"])
        return data == whole[:len(data)] or f"{header}, not all of it its own"

    def check(self, path, size):
        """{offset: True if it holds its own data, False if it is all zero, else a description}."""
        result = {}
        with open(path, "rb") as file:
            for offset in range(0, size, self.block):
                file.seek(offset)
                result[offset] = self.tell(file.read(min(self.block, size - offset)), offset)
        return result
