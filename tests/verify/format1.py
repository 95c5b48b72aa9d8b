# SPDX-License-Identifier: Apache-2.0
"""Blocks as docs/VERIFY.md describes them, format 1: made and read here from that page alone, so that what the daemon
writes and what it finds is held against something that shares nothing with it."""
import struct

MASK = (1 << 64) - 1
SECTOR, POOL_BYTES, HEADER_BYTES = 512, 16384, 64
MAGIC = b"SPLICED\x01"
RANDOM, PATTERN, ZERO = 1, 2, 3
GOLDEN = 0x9E3779B97F4A7C15


def mix64(value):
    value = (value + GOLDEN) & MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def _unshift(value, bits):
    out = value
    for _ in range(64 // bits):
        out = value ^ (out >> bits)
    return out


def unmix64(value):
    value = _unshift(value, 31) * pow(0x94D049BB133111EB, -1, 1 << 64) & MASK
    value = _unshift(value, 27) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & MASK
    return (_unshift(value, 30) - GOLDEN) & MASK


def rotl(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def hash_bytes(data):
    """What a device's identity is hashed with."""
    value = 0
    for at in range(0, len(data), 8):
        value = mix64(value ^ int.from_bytes(data[at:at + 8].ljust(8, b"\0"), "little"))
    return mix64(value ^ len(data))


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


POOL = [mix64((i * GOLDEN + 0x53504C49434544) & MASK) for i in range(POOL_BYTES // 8)]


class Origin:
    """Whose data it is."""

    def __init__(self, run, device, seed):
        self.run, self.device, self.seed = run, device, seed  # 16 bytes; two numbers
        first, second = struct.unpack("<QQ", run)
        self.job = mix64(mix64(mix64(first) ^ second) ^ seed)


def words(origin, offset, number, generation=0):
    u = mix64(number << 32 | generation)
    w0 = (offset + u + mix64(origin.job ^ rotl(origin.device, 32))) & MASK
    w0 = mix64(w0)
    return w0, u ^ rotl(w0, 32), origin.job ^ rotl(w0, 16), origin.device ^ rotl(w0, 48)


def sector(origin, offset, number, generation=0, compress=0):
    tag = words(origin, offset, number, generation)
    first = offset % POOL_BYTES // 8
    plain = 64 - 64 * compress // 100
    return struct.pack("<64Q", *((POOL[first + i] if i < plain else 0) ^ tag[i % 4] for i in range(64)))


def header(origin, offset, number, interval, payload=RANDOM, compress=0, generation=0):
    data = MAGIC + origin.run + struct.pack("<QQIIQBBBB", origin.device, offset, number, generation, origin.seed,
                                            interval.bit_length() - 1, payload, compress, 0)
    return data + struct.pack("<I", crc32c(data))


def block(origin, offset, length, number, interval=4096, payload=RANDOM, pattern=b"\0", compress=0, headers=True):
    """What lies at `offset` after the pass of that number, `offset` and `length` multiples of 512."""
    if payload == RANDOM:
        out = bytearray(b"".join(sector(origin, at, number, 0, compress) for at in range(offset, offset + length, SECTOR)))
    else:
        start = offset % len(pattern)
        out = bytearray((pattern * (length // len(pattern) + 2))[start:start + length])
    if headers:
        for at in range(-offset % interval, length, interval):
            out[at:at + HEADER_BYTES] = header(origin, offset + at, number, interval, payload, compress)
    return bytes(out)


def parse_header(data):
    """The header that 64 bytes are, or None."""
    if data[:8] != MAGIC or struct.unpack_from("<I", data, 60)[0] != crc32c(data[:60]):
        return None
    device, offset, number, generation, seed, log2, payload, compress, _ = struct.unpack_from("<QQIIQBBBB", data, 24)
    return {"run_id": data[8:24].hex(), "device": device, "offset": offset, "pass": number, "generation": generation,
            "seed": seed, "interval": 1 << log2, "payload": payload, "compress": compress}


def parse_tag(data, offset):
    """What a sector of 512 bytes tells of itself, read at `offset`; None when no 64 bytes of it are a tag. Knows neither
    seed nor job."""
    found = struct.unpack("<64Q", data)
    for slot in [offset % POOL_BYTES // SECTOR] + list(range(POOL_BYTES // SECTOR)):
        pool = POOL[slot * 64:slot * 64 + 64]
        for at in range(0, 56):
            masks = [found[at + i] ^ pool[at + i] for i in range(8)]
            if masks[:4] != masks[4:]:
                continue
            w0, w1, w2, w3 = (masks[(i - at) % 4] for i in range(4))
            u, job, device = w1 ^ rotl(w0, 32), w2 ^ rotl(w0, 16), w3 ^ rotl(w0, 48)
            place = (unmix64(w0) - u - mix64(job ^ rotl(device, 32))) & MASK
            if place % SECTOR or place % POOL_BYTES // SECTOR != slot:
                continue
            return {"offset": place, "pass": unmix64(u) >> 32, "generation": unmix64(u) & 0xFFFFFFFF, "job": job,
                    "device": device}
    return None


def describe(data, offset):
    """What a sector read at `offset` is, in words."""
    header, tag = parse_header(data[:HEADER_BYTES]), parse_tag(data, offset)
    lines = []
    if header:
        lines.append("header " + ", ".join(f"{key} {value:016x}" if key == "device" else f"{key} {value}"
                                           for key, value in header.items()))
    if tag:
        moved = "" if tag["offset"] == offset else f" (not where it belongs: {offset - tag['offset']:+d} bytes)"
        lines.append(f"tag offset {tag['offset']}{moved}, pass {tag['pass']}, job {tag['job']:016x}, device {tag['device']:016x}")
    return "; ".join(lines) or ("zeros" if not any(data) else "nothing of ours")


def main(arguments):
    path, offset = arguments[0], int(arguments[1], 0)
    length = int(arguments[2], 0) if len(arguments) > 2 else 4096
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(length)
    for at in range(0, len(data) - SECTOR + 1, SECTOR):
        print(f"{offset + at}: {describe(data[at:at + SECTOR], offset + at)}")


if __name__ == "__main__":
    import sys

    if len(sys.argv) not in (3, 4):
        sys.exit(f"usage: {sys.argv[0]} FILE OFFSET [LENGTH]")
    main(sys.argv[1:])
