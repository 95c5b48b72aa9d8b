# SPDX-License-Identifier: Apache-2.0
"""Damages of every kind, put by hand into blocks that format1.py makes, each with what is to be told of it."""
import dataclasses
import random

import format1 as blocks

SECTOR = 512
WORST_FIRST = ["foreign", "misdirected", "torn", "ahead", "stale", "zeroed", "ones", "garbage", "bitflip"]


@dataclasses.dataclass
class Case:
    name: str
    origin: blocks.Origin
    offset: int
    number: int  # of the pass
    interval: int
    compress: int
    before: int  # the pass before, as far as the judge is to know; 0: it does not
    data: bytearray
    clean: bytes
    kinds: dict = dataclasses.field(default_factory=dict)  # of each interval by its offset: those that may be told
    shift: int = 0
    foreign: tuple = None  # other device, other job

    def intervals(self):
        end = self.offset + len(self.clean)
        at = self.offset
        while at < end:
            following = min((at // self.interval + 1) * self.interval, end)
            yield at, following - at
            at = following

    def wrong(self):
        """(offset, length, first byte, last byte, bits) of each interval that differs."""
        for at, length in self.intervals():
            begin = at - self.offset
            clean, data = self.clean[begin:begin + length], self.data[begin:begin + length]
            if clean == data:
                continue
            differing = [i for i in range(length) if clean[i] != data[i]]
            bits = sum(bin(clean[i] ^ data[i]).count("1") for i in differing)
            yield at, length, differing[0], differing[-1], bits


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def origin(self):
        return blocks.Origin(self.random.randbytes(16), self.random.getrandbits(64), self.random.getrandbits(64))

    def case(self, name):
        rng = self.random
        interval = rng.choice([512, 1024, 4096, 4096, 4096, 16384])
        count = rng.choice([1, 1, 2, 3])
        offset = rng.randrange(1 << 32) * interval
        number = rng.randrange(2, 50)
        compress = rng.choice([0, 0, 0, 25, 50])
        origin = self.origin()
        clean = blocks.block(origin, offset, count * interval, number, interval, compress=compress)
        before = rng.choice([0, rng.randrange(1, number)])
        return Case(name, origin, offset, number, interval, compress, before, bytearray(clean), clean)

    def other(self, case, origin=None, offset=None, number=None):
        """The data that another origin, place or pass would have put there."""
        return blocks.block(origin or case.origin, case.offset if offset is None else offset, len(case.clean),
                            number or case.number, case.interval, compress=case.compress)

    def expect(self, case, *kinds, at=None):
        for offset, *_ in case.wrong():
            if at is None or offset in at:
                case.kinds[offset] = set(kinds)

    def flip(self, case, count, first=0, last=None):
        last = len(case.data) if last is None else last
        places = self.random.sample(range(first * 8, last * 8), count)
        for place in places:
            case.data[place // 8] ^= 1 << place % 8

    # What is wrong with all of it.

    def clean(self):
        return self.case("clean")

    def nothing(self):
        """A damage that changes no byte."""
        case = self.case("nothing")
        at = self.random.randrange(len(case.data))
        case.data[at] = case.clean[at]
        return case

    def stale(self):
        case = self.case("stale")
        old = case.before or self.random.randrange(1, case.number)
        case.data[:] = self.other(case, number=old)
        self.expect(case, "stale")
        return case

    def ahead(self):
        case = self.case("ahead")
        case.data[:] = self.other(case, number=case.number + self.random.randrange(1, 9))
        self.expect(case, "ahead")
        return case

    def foreign(self, name, **changes):
        case = self.case(name)
        own = case.origin
        parts = {"run": own.run, "device": own.device, "seed": own.seed} | changes
        bit = 1 << self.random.randrange(64)
        if name == "foreign job":
            run = int.from_bytes(own.run, "little") ^ 1 << self.random.randrange(128)
            parts["run"] = run.to_bytes(16, "little")
        elif name == "foreign device":
            parts["device"] ^= bit
        else:
            parts["seed"] ^= bit
        case.data[:] = self.other(case, origin=blocks.Origin(**parts))
        case.foreign = (name == "foreign device", name != "foreign device")
        self.expect(case, "foreign")
        return case

    def foreign_job(self):
        return self.foreign("foreign job")

    def foreign_device(self):
        return self.foreign("foreign device")

    def foreign_seed(self):
        return self.foreign("foreign seed")

    def misdirected(self, name, distance):
        case = self.case(name)
        case.data[:] = self.other(case, offset=case.offset + distance * case.interval)
        self.expect(case, "misdirected")
        return case

    def misdirected_near(self):
        return self.misdirected("misdirected near", self.random.choice([1, 2, 3]))

    def misdirected_far(self):
        return self.misdirected("misdirected far", self.random.randrange(1, 1 << 20) << 8)

    # Of some of its sectors.

    def sectors_of(self, case):
        return len(case.data) // SECTOR

    def put_sector(self, case, index, data):
        case.data[index * SECTOR:(index + 1) * SECTOR] = data

    def exchanged(self):
        case = self.case("two sectors exchanged")
        count = self.sectors_of(case)
        if count < 2:
            return self.elsewhere()
        a, b = self.random.sample(range(count), 2)
        one, other = (bytes(case.data[i * SECTOR:(i + 1) * SECTOR]) for i in (a, b))
        self.put_sector(case, a, other)
        self.put_sector(case, b, one)
        self.expect(case, "misdirected")
        return case

    def elsewhere(self):
        case = self.case("a sector of elsewhere")
        index = self.random.randrange(self.sectors_of(case))
        offset = case.offset + self.random.randrange(1, 1 << 20) * case.interval
        self.put_sector(case, index, self.other(case, offset=offset)[index * SECTOR:(index + 1) * SECTOR])
        self.expect(case, "misdirected")
        return case

    def torn_at_sector(self):
        """The first, or the last, sectors of an interval are those of an older pass."""
        case = self.case("torn at a sector")
        if case.interval == SECTOR:
            return self.torn_inside()
        old = self.other(case, number=case.before or self.random.randrange(1, case.number))
        cut = self.random.randrange(1, case.interval // SECTOR) * SECTOR
        if self.random.random() < 0.5:
            case.data[:cut] = old[:cut]
        else:
            case.data[cut:case.interval] = old[cut:case.interval]
        self.expect(case, "torn")
        return case

    def torn_inside(self, name="torn inside a sector"):
        case = self.case(name)
        known = case.before != 0
        old = self.other(case, number=case.before or self.random.randrange(1, case.number))
        index = self.random.randrange(self.sectors_of(case))
        cut = self.random.randrange(1, SECTOR // 16) * 16
        begin = index * SECTOR
        if self.random.random() < 0.5:
            case.data[begin:begin + cut] = old[begin:begin + cut]
            left = cut
        else:
            case.data[begin + cut:begin + SECTOR] = old[begin + cut:begin + SECTOR]
            left = SECTOR - cut
        kinds = ["torn"]
        whole = range(begin, begin + SECTOR)
        if sum(case.data[i] != case.clean[i] for i in whole) < 8:  # of a header, where two passes differ little
            kinds = ["bitflip"]
        if case.data[begin:begin + SECTOR] == old[begin:begin + SECTOR] and case.interval == SECTOR:
            kinds = ["stale"]  # headers of two passes begin alike
        # Little is left of what was there before, and nobody knows what that was.
        header = index * SECTOR % case.interval == 0
        if header and case.data[begin:begin + 64] != old[begin:begin + 64]:
            left -= min(64, max(0, 64 - cut))  # of a header that is torn itself nothing is known
        if not known and left < 80:
            kinds += ["garbage", "stale", "bitflip"]
        self.expect(case, *kinds)
        return case

    def torn_at_its_end(self):
        """So little of what was there before that only who knows what that was can tell."""
        case = self.case("the end of a sector torn")
        case.before = case.before or self.random.randrange(1, case.number)
        end = self.random.randrange(1, self.sectors_of(case) + 1) * SECTOR
        left = self.random.randrange(16, 56, 8)
        case.data[end - left:end] = self.other(case, number=case.before)[end - left:end]
        self.expect(case, "torn")
        return case

    # Of bits and bytes.

    def bits(self):
        case = self.case("bits")
        index = self.random.randrange(self.sectors_of(case))
        self.flip(case, self.random.randrange(1, 33), index * SECTOR, (index + 1) * SECTOR)
        self.expect(case, "bitflip")
        return case

    def header_bits(self):
        case = self.case("bits of the header")
        self.flip(case, self.random.randrange(1, 33), 0, 64)
        self.expect(case, "bitflip")
        return case

    def overwrite(self, what, where):
        case = self.case(f"{what} over a {where}")
        rng = self.random
        if where == "word":
            begin, length = rng.randrange(len(case.data) // 8) * 8, 8
        elif where == "line":
            begin, length = rng.randrange(len(case.data) // 64) * 64, 64
        elif where == "sectors":
            first = rng.randrange(self.sectors_of(case))
            last = rng.randrange(first, self.sectors_of(case))
            begin, length = first * SECTOR, (last - first + 1) * SECTOR
        else:
            begin, length = 0, len(case.data)
        constant = rng.randrange(1, 255)
        fill = {"zero": bytes(length), "one": b"\xff" * length, "random": rng.randbytes(length),
                "constant": bytes([constant]) * length}[what]
        case.data[begin:begin + length] = fill
        self.expect(case, {"zero": "zeroed", "one": "ones"}.get(what, "garbage"))
        return case

    # Slipped on its way.

    def shifted(self):
        case = self.case("shifted")
        by = self.random.randrange(1, SECTOR)
        length = len(case.data)
        if self.random.random() < 0.5:
            by = -by
        around = blocks.block(case.origin, case.offset - case.interval if case.offset else case.offset,
                              length + 2 * case.interval, case.number, case.interval, compress=case.compress)
        start = (case.interval if case.offset else 0) - by
        case.data[:] = around[start:start + length]
        # Too little of what was to be there is left, and no header.
        if case.interval == SECTOR and abs(by) > SECTOR - 128 - SECTOR * case.compress // 100:
            self.expect(case, "misdirected", "garbage")
        else:
            case.shift = by
            self.expect(case, "misdirected")
        return case

    # And bits more.

    def with_bits(self, case, kinds):
        index = self.random.randrange(self.sectors_of(case))
        self.flip(case, self.random.randrange(1, 17), index * SECTOR, (index + 1) * SECTOR)
        case.name += " and bits"
        case.kinds = {}
        self.expect(case, *kinds)
        return case

    def stale_with_bits(self):
        case = self.stale()
        return self.with_bits(case, ["stale"])

    def misdirected_with_bits(self):
        return self.with_bits(self.misdirected_far(), ["misdirected"])

    def torn_with_bits(self):
        case = self.torn_inside()
        index = next((i for i in range(self.sectors_of(case))
                      if case.data[i * SECTOR:(i + 1) * SECTOR] != case.clean[i * SECTOR:(i + 1) * SECTOR]), None)
        if index is None:  # headers of two passes begin alike
            return case
        self.flip(case, self.random.randrange(1, 17), index * SECTOR, (index + 1) * SECTOR)
        case.name += " and bits"
        case.kinds = {}
        # As long as 64 bytes in a row are left of either side it is known for what it is.
        self.expect(case, "torn", "stale", "garbage", "bitflip")
        return case

    def all(self):
        out = [self.clean, self.nothing, self.stale, self.ahead, self.foreign_job, self.foreign_device,
               self.foreign_seed, self.misdirected_near, self.misdirected_far, self.exchanged, self.elsewhere,
               self.torn_at_sector, self.torn_inside, self.torn_at_its_end, self.bits, self.header_bits, self.shifted, self.stale_with_bits,
               self.misdirected_with_bits, self.torn_with_bits]
        for what in ("zero", "one"):
            out.append(lambda what=what: self.overwrite(what, "word"))
        for what in ("zero", "one", "random", "constant"):
            for where in ("line", "sectors", "block"):
                out.append(lambda what=what, where=where: self.overwrite(what, where))
        return out
