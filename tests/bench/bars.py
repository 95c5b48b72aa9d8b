# SPDX-License-Identifier: Apache-2.0
"""What the ratios must come to. A bar is missed only when the whole 95 % interval of the median ratio lies on the wrong
side of it, and the same contender against itself, in the same rounds, does not show the like."""
import collections
import math
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
# psync against fio's psync engine: everywhere, and where the calls around a block are most of it. Where the bare calls
# are no faster than fio's, as on a loop device, whose thread the kernel places by what else runs there, they are the measure.
PSYNC = 0.95
PSYNC_4K_ZRAM = 1.1
PSYNC_BARE = 0.97
# Against another build of the daemon (--against): no cell worse.
BEFORE = 1.0
# What is ours for a block of 4 KiB, by our own counters: nanoseconds and system calls, alone and in a batch of 16.
MICRO = {"splice": {1: (110, 2.0), 16: (80, 1.0 + 1 / 16)}, "psync": {1: (110, 1.0)}}
# Against the bare loop, by block size, on the device without noise of its own.
BARE = {4 * KIB: 0.90, 64 * KIB: 0.97, MIB: 0.97}

Verdict = collections.namedtuple("Verdict", "cell what bar median spread failed")


def interval(values):
    """The 95 % confidence interval of the median, by the ranks of a sign test: no assumption about how they are spread."""
    ordered = sorted(values)
    n = len(ordered)
    rank, below = 0, 0.5 ** n
    while rank + 1 < n / 2 and below + math.comb(n, rank + 1) * 0.5 ** n <= 0.025:
        rank += 1
        below += math.comb(n, rank) * 0.5 ** n
    if below > 0.025:
        return -math.inf, math.inf  # too few to tell
    return ordered[rank], ordered[n - 1 - rank]


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


def _verdict(measured, what, bar, ratios, most=False, itself=None):
    low, high = interval(ratios)
    failed = low > bar if most else high < bar
    if itself:
        # Where a contender differs from itself, whichever way, nothing can be told.
        lowest, highest = interval(itself)
        failed = failed and lowest <= 1.0 <= highest
    return Verdict(measured.name, what, bar, statistics.median(ratios), spread(ratios), failed)


def _judge_psync(measured):
    lowest = PSYNC_4K_ZRAM if (measured.cell.device, measured.cell.bs) == ("zram", 4 * KIB) else PSYNC
    to_fio = _verdict(measured, "spliced psync / fio psync", lowest, measured.ratios("spliced psync", "fio psync"))
    to_bare = _verdict(measured, "spliced psync / bare psync", PSYNC_BARE, measured.ratios("spliced psync", "bare psync"))
    if to_fio.failed and not to_bare.failed:
        return [to_fio._replace(failed=False), to_bare]
    return [to_fio, to_bare._replace(failed=False)]


def judge(all_measured):
    out = []
    for measured in all_measured:
        cell = measured.cell
        for of, to, device, bs, modes, bar in BARS:
            if (device, bs, 1) == (cell.device, cell.bs, cell.threads) and cell.rw in modes:
                out.append(_verdict(measured, f"{of} / {to}", bar, measured.ratios(of, to)))
        if cell.device == "zram" and cell.threads == 1:
            out.append(_verdict(measured, "spliced / bare", BARE[cell.bs], measured.ratios("spliced", "bare")))
        itself = measured.ratios("spliced again", "spliced")
        out += _judge_psync(measured)
        if "before" in measured.results:
            out.append(_verdict(measured, "spliced / before", BEFORE, measured.ratios("spliced", "before"), itself=itself))
        out.append(_verdict(measured, "CPU s/GB spliced / fio splice, at most", 1.0,
                            measured.cpu_ratios("spliced", "fio splice"), most=True))
    return out


def judge_micro(entries):
    """What Google Benchmark tells of around_the_system_calls."""
    out = []
    for entry in entries:
        name, _, rest = entry["name"].partition("/")
        kind, batch = rest.split("/")[0].split("_")[0] if "/" in rest else "", rest.rsplit("/", 1)[-1]
        bar = MICRO.get(kind, {}).get(int(batch)) if batch.isdigit() else None
        if name != "around_the_system_calls" or bar is None:
            continue
        for what, key, most in (("ns", "ns_per_block", bar[0]), ("system calls", "calls_per_block", bar[1])):
            value = entry[key]
            out.append(Verdict(rest, f"{what} of ours for a block, at most", most, value, 0, value > most * 1.001))
    return out
