# SPDX-License-Identifier: Apache-2.0
"""A client of the bus that sends what no tool sends: messages of any size."""
import os
import socket
import struct


def _align(data, to):
    return data + bytes(-len(data) % to)


def _string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


class RawBus:
    """Method calls with at most one string each, over a connection of its own."""

    def __init__(self, test, path, timeout=60):
        self._serial = 0
        self._answers = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        test.addCleanup(self._socket.close)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self._socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        if not self._socket.recv(1000).startswith(b"OK"):
            raise AssertionError("the bus does not let us in")
        self._socket.sendall(b"BEGIN\r\n")
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")

    def send(self, destination, path, interface, member, text=None):
        """Returns the serial number that answers refer to."""
        self._serial += 1
        body = b"" if text is None else _string(text)
        fields = [(1, b"o", path), (2, b"s", interface), (3, b"s", member), (6, b"s", destination)]
        header = b""
        for code, kind, value in fields:
            header = _align(header, 8) + struct.pack("<B", code) + b"\x01" + kind + b"\0"
            header = _align(header, 4) + _string(value)
        if text is not None:
            header = _align(header, 8) + struct.pack("<B", 8) + b"\x01g\0" + b"\x01s\0"
        start = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), self._serial, len(header))
        self._socket.sendall(_align(start + header, 8) + body)
        return self._serial

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise AssertionError("the bus hung up")
            data += piece
        return bytes(data)

    def answer(self, serial):
        """(error name or None, body) of the answer to that call; answers come in any order."""
        while serial not in self._answers:
            _, kind, _, _, length, _, fields = struct.unpack("<cBBBIII", self._exactly(16))
            header = self._exactly(fields + (-fields % 8))
            body = self._exactly(length)
            if kind not in (2, 3):
                continue
            error = None
            if kind == 3:
                at = header.index(b"\x04\x01s\0") + 4
                error = header[at + 4:at + 4 + struct.unpack_from("<I", header, at)[0]].decode()
            self._answers[struct.unpack_from("<I", header, header.index(b"\x05\x01u\0") + 4)[0]] = error, body
        return self._answers.pop(serial)

    def call(self, *call):
        return self.answer(self.send(*call))
