#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the whole daemon with fio's splice and psync engines and with a bare loop of the same system calls."""
import argparse
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time
import traceback

import bars
import fleet
import report
import verification
from contenders import Cell, Spliced, cpus_of, run_bare, run_fio
from devices import Devices, Unavailable

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZES = (4 * KIB, 64 * KIB, MIB)
MODES = ("read", "write", "randread", "randwrite")
DISCARD = {"read_path": "discard"}


def cells(quick, zram, loop, cached):
    out = []
    for name, target in (("zram", zram), ("loop", loop)):
        for bs in SIZES:
            for rw in MODES:
                for threads in (1, 2):
                    if not quick or bars.is_quick(name, bs, rw, threads):
                        out.append(Cell(name, target, bs, rw, threads, True))
    out.append(Cell("cached", cached, MIB, "read", 1, False))
    return out


PSYNC = {"kind": "psync"}


def contenders(daemon, before, binaries, cell):
    """Name → function of the seconds to run. The bare loop uses the settings that the daemon has chosen."""
    daemon.bind(cpus_of(cell))
    tuning = daemon.tuning(cell, {})
    setup = daemon.setup_seconds(cell, {})
    out = {
        "bare": lambda s: run_bare(binaries, cell, s, tuning),
        "spliced": lambda s: daemon.run(cell, s, {}, setup),
        "fio splice": lambda s: run_fio(cell, s, "splice"),
        "fio psync": lambda s: run_fio(cell, s, "psync"),
        "bare psync": lambda s: run_bare(binaries, cell, s, {"pipe_size_bytes": 65536, "batch": 1}, psync=True),
        "spliced psync": lambda s: daemon.run(cell, s, PSYNC, setup),
        "spliced again": lambda s: daemon.run(cell, s, {}, setup),
    }
    if before:
        before.bind(cpus_of(cell))
        for _ in range(3):  # to find its settings
            before.job(cell, 1, {})
        out["before"] = lambda s: before.run(cell, s, {}, setup)
    if cell.rw in ("read", "randread") and cell.bs == MIB:
        dropped = daemon.tuning(cell, DISCARD)
        out["bare discard"] = lambda s: run_bare(binaries, cell, s, dropped, discard=True)
        out["spliced discard"] = lambda s: daemon.run(cell, s, DISCARD, setup)
    return tuning, out


def measure(daemon, before, binaries, cell, rounds, seconds):
    """`rounds`: how many, and how many of a cell whose rounds differ widely."""
    tuning, runs = contenders(daemon, before, binaries, cell)
    results = {name: [] for name in runs}
    measured = report.Measured(cell, tuning, results)
    play(runs, results, rounds[0], seconds)
    # Goes by how much they differ, never by what they come to: who goes on until a figure pleases measures nothing.
    if bars.is_noisy(measured):
        play(runs, results, rounds[1] - rounds[0], seconds)
    return measured


def play(runs, results, rounds, seconds):
    for number in range(rounds):
        # There and back again: what drifts over a round meets all alike.
        order = list(runs) if number % 2 == 0 else list(reversed(runs))
        for name in order:
            result = runs[name](seconds)
            if min(result) <= 0:
                raise RuntimeError(f"{name} did nothing: {result}")
            results[name].append(result)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a selection of cells, within 5 minutes")
    parser.add_argument("--rounds", type=int, help="rounds of each cell (default 9, with --quick 7); without --quick three times "
                        "as many where they differ by more than a tenth")
    parser.add_argument("--seconds", type=float, help="seconds of each run (default 0.5, with --quick 0.25)")
    parser.add_argument("--only", action="append", choices=["cells", "verify", "rate", "fleet", "micro"], help="one part; repeat for more")
    parser.add_argument("--cell", help="only cells whose name contains this, such as \"zram 4k\"")
    parser.add_argument("--tmpfs", default="size=4g,huge=always", metavar="OPTIONS",
                        help="of the tmpfs behind the loop device (default %(default)s: it is to cost as little as it can)")
    parser.add_argument("--against", metavar="DIR", help="another build's programs: its daemon is measured in the same rounds, and no "
                        "cell may be worse than with it")
    parser.add_argument("--out", default="build/bench", help="where the JSON and the SVG go (default build/bench)")
    parser.add_argument("--bin", default="build/bench/bin", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_cells(options, devices, daemon, before, document):
    quick = options.quick
    least = options.rounds or (7 if quick else 9)
    rounds = (least, least if quick else 3 * least)
    seconds = options.seconds or (0.25 if quick else 0.5)
    wanted = cells(quick, devices.zram(GIB), devices.loop(GIB), devices.cached_file(512 * MIB))
    if options.cell:
        wanted = [cell for cell in wanted if options.cell in report.cell_name(cell)]
        if not wanted:
            raise Unavailable(f"no cell has a name with \"{options.cell}\" in it")
    measured = []
    for number, cell in enumerate(wanted, 1):
        print(f"[{number}/{len(wanted)}] {report.cell_name(cell)}", file=sys.stderr, flush=True)
        measured.append(measure(daemon, before, options.bin, cell, rounds, seconds))
    print(report.table(measured))
    verdicts = bars.judge(measured)
    print(report.bars_table(verdicts))
    document["rounds"], document["seconds"] = least, seconds
    document["cells"] = [m.document() for m in measured]
    document["bars"] = [v._asdict() for v in verdicts]
    (pathlib.Path(options.out) / "bench.svg").write_text(report.chart(measured))
    return [v for v in verdicts if v.failed]


def run_micro(options, document):
    done = subprocess.run([f"{options.bin}/micro", "--benchmark_format=json", "--benchmark_min_time=0.1"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"micro: {done.stderr}")
    document["micro"] = json.loads(done.stdout)["benchmarks"]
    print("\nWhat is ours alone")
    for entry in document["micro"]:
        print(f"  {entry['name']:<44} {entry['cpu_time']:>12.1f} {entry['time_unit']}")
    verdicts = bars.judge_micro(document["micro"])
    print(report.bars_table(verdicts))
    return [v for v in verdicts if v.failed]


def run(options):
    parts = options.only or ["cells", "verify", "rate", "fleet", "micro"]
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    document = {"tmpfs": options.tmpfs, "kernel": pathlib.Path("/proc/sys/kernel/osrelease").read_text().strip()}
    failed = []

    def write(so_far):
        (out / "bench.json").write_text(json.dumps(so_far, indent=1) + "\n")

    with Devices(options.tmpfs) as devices:
        with contextlib.closing(Spliced(options.bin)) as daemon:
            if "cells" in parts:
                with contextlib.closing(Spliced(options.against)) if options.against else contextlib.nullcontext() as before:
                    failed += run_cells(options, devices, daemon, before, document)
                write(document)
            if "verify" in parts:
                failed += verification.run(daemon, devices, options, document)
                write(document)
            if "rate" in parts:
                failed += fleet.rate(daemon, devices, 10 if options.quick else 30, document)
            if "fleet" in parts:
                failed += fleet.many(daemon, devices, 20 if options.quick else 30, document)
    if "micro" in parts:
        failed += run_micro(options, document)
    write(document)
    print(f"\nwritten: {out}/bench.json" + (f", {out}/bench.svg" if "cells" in parts else ""))
    return 1 if failed else 0


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    started = time.monotonic()
    try:
        status = run(options)
    except Unavailable as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception:  # whatever it is, it is not a missed bar
        traceback.print_exc()
        return 2
    print(f"took {time.monotonic() - started:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
