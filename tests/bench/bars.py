# SPDX-License-Identifier: Apache-2.0
"""What the ratios must come to. A bar is missed only when the median is under it by more than the spread."""
import collections
import statistics

KIB, MIB = 1 << 10, 1 << 20

# Median ratio of operations per second: of, to, device, block size, modes, bar. One thread.
READS, WRITES = ("read", "randread"), ("write", "randwrite")
BARS = [
    # Of fio's the bare calls are 2.3 to 2.6 times as fast, as the machine likes it: they are the measure.
    ("spliced", "bare", "loop", MIB, ("read",), 0.97),
    ("spliced", "fio splice", "loop", MIB, ("write",), 3.0),
    ("spliced", "fio psync", "loop", MIB, ("read",), 0.72),
    ("spliced discard", "fio psync", "loop", MIB, ("read",), 0.88),
    ("spliced", "fio psync", "loop", MIB, ("write",), 0.93),
    ("spliced", "fio splice", "zram", 4 * KIB, ("randread",), 1.15),
    ("spliced", "fio splice", "zram", 4 * KIB, ("randwrite",), 1.2),
    ("spliced", "fio splice", "zram", 64 * KIB, ("randread", "randwrite"), 1.05),
    ("spliced", "fio splice", "zram", MIB, ("read", "randread"), 1.0),
    ("spliced", "fio splice", "zram", MIB, ("write", "randwrite"), 1.15),
    ("spliced discard", "fio splice", "zram", MIB, ("read", "randread"), 1.5),
    ("spliced discard", "fio psync", "zram", MIB, ("read", "randread"), 0.95),
    ("spliced discard", "fio psync", "cached", MIB, ("read",), 3.0),
]
# Against the bare loop, by block size, on the device without noise of its own.
BARE = {4 * KIB: 0.90, 64 * KIB: 0.97, MIB: 0.97}

Verdict = collections.namedtuple("Verdict", "cell what bar median spread failed")


def is_quick(device, bs, rw, threads):
    """The cells of --quick: most of those with a bar on operations, and one with two threads."""
    if device == "loop":
        return threads == 1 and bs == MIB and rw in ("read", "write")
    return rw in ("randread", "randwrite") and (threads == 1 or (bs == 4 * KIB and rw == "randread"))


def spread(values):
    """Half the distance between the quartiles."""
    if len(values) < 4:
        return max(values) - min(values)
    first, _, third = statistics.quantiles(values, n=4)
    return (third - first) / 2


def is_noisy(measured):
    """Whether so few rounds say little: the spread of a ratio is more than a tenth of it."""
    of, to = "spliced", "fio splice"
    return any(spread(ratios) > 0.1 * statistics.median(ratios)
               for ratios in (measured.ratios(of, to), measured.cpu_ratios(of, to)))


def _verdict(measured, what, bar, ratios, most=False):
    median, width = statistics.median(ratios), spread(ratios)
    failed = median - width > bar if most else median + width < bar
    return Verdict(measured.name, what, bar, median, width, failed)


def judge(all_measured):
    out = []
    for measured in all_measured:
        cell = measured.cell
        for of, to, device, bs, modes, bar in BARS:
            if (device, bs, 1) == (cell.device, cell.bs, cell.threads) and cell.rw in modes:
                out.append(_verdict(measured, f"{of} / {to}", bar, measured.ratios(of, to)))
        if cell.device == "zram" and cell.threads == 1:
            out.append(_verdict(measured, "spliced / bare", BARE[cell.bs], measured.ratios("spliced", "bare")))
        out.append(_verdict(measured, "CPU s/GB spliced / fio splice, at most", 1.0,
                            measured.cpu_ratios("spliced", "fio splice"), most=True))
    return out
