# SPDX-License-Identifier: Apache-2.0
"""An independent reader of what the daemon wrote: knows the documented form of a block, shares no code with it."""
import struct

MASK = (1 << 64) - 1
POOL_PAGES = 64
PAGE = 4096


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


def pool(seed, size):
    """`size` bytes of xoshiro256**, seeded through SplitMix64."""
    state = []
    for _ in range(4):
        seed = mix64(seed)
        state.append(seed)
    words = []
    for _ in range(size // 8):
        words.append((rotl((state[1] * 5) & MASK, 7) * 9) & MASK)
        t = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = rotl(state[3], 45)
    return struct.pack(f"<{len(words)}Q", *words)


class Blocks:
    """Tells for each block of a stamped target what it holds."""

    def __init__(self, seed, block):
        self.seed, self.block = seed, block
        self.pool = pool(seed, block + POOL_PAGES * PAGE)

    def expected(self, offset, length=None):
        start = mix64(self.seed ^ offset) % POOL_PAGES * PAGE
        data = self.pool[start : start + (length or self.block)]
        return struct.pack("<QQ", offset, self.seed) + data[16:]

    def check(self, path, size):
        """{offset: True if it holds its own data, False if it is all zero, else a description}."""
        result = {}
        with open(path, "rb") as file:
            for offset in range(0, size, self.block):
                file.seek(offset)
                data = file.read(min(self.block, size - offset))
                if data == self.expected(offset, len(data)):
                    result[offset] = True
                elif not any(data):
                    result[offset] = False
                else:
                    result[offset] = f"stamp {struct.unpack('<QQ', data[:16])}, not all of it its own"
        return result
