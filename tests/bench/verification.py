# SPDX-License-Identifier: Apache-2.0
"""What it costs to write a range and to prove it: a pass that writes and one that reads and checks, against fio's and
badblocks'. Wall and CPU time of the whole program, in rounds that go there and back again."""
import collections
import os
import shutil
import statistics
import subprocess
import time

import bars
from contenders import Cell, cpus_of

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
Proof = collections.namedtuple("Proof", "wall cpu")  # seconds

# Name of the figure, of what, to what, at most or at least: median ratios on the loop device with blocks of 1 MiB.
BARS = [
    ("cpu", "spliced", "fio psync crc32c", 0.6, True),
    ("cpu", "spliced", "fio splice crc32c", 0.45, True),
    ("speed", "spliced", "fio splice crc32c", 1.5, False),
    ("speed", "spliced", "fio psync crc32c", 1.1, False),
    ("cpu", "spliced pattern", "badblocks", 1.5, True),
]


def run_program(command, cell):
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/tmp",
                               preexec_fn=lambda: os.sched_setaffinity(0, cpus_of(cell)))
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]}: {errors.decode(errors='replace')}")
    return Proof(time.monotonic() - started, usage.ru_utime + usage.ru_stime)


def run_fio(cell, size, engine, method):
    return run_program(["fio", "--name=proof", f"--filename={cell.target}", "--rw=write", f"--bs={cell.bs}", f"--size={size}",
                        f"--ioengine={engine}", f"--direct={int(cell.direct)}", "--thread", "--do_verify=1", f"--verify={method}",
                        *(["--verify_pattern=0xaa"] if method == "pattern" else []), "--verify_fatal=1",
                        "--output-format=json"], cell)


def run_badblocks(cell, size):
    return run_program(["badblocks", "-w", "-t", "0xaa", "-b", "4096", "-c", str(cell.bs // 4096), cell.target,
                        str(size // 4096)], cell)


def run_spliced(daemon, cell, size, kind, payload):
    cpu, wall = daemon.cpu_seconds(), time.monotonic()
    job = daemon.wait(daemon.call("POST", "/v1/jobs", {
        "targets": [cell.target], "destructive": True, "overwrite_signatures": ["all"], "engine": {"kind": kind},
        "stages": [{"name": "fill", "workload": {"rw": "write", "bs": cell.bs, "size": size, "direct": cell.direct, "payload": payload}},
                   {"name": "check", "verify": {"of": "fill"}}]}))
    verify = job["devices"][0]["verify"]
    if verify["bytes"] != size:
        raise RuntimeError(f"{verify['bytes']} bytes were checked, not {size}")
    return Proof(time.monotonic() - wall, daemon.cpu_seconds() - cpu)


def contenders(daemon, cell, size):
    out = {"spliced": lambda: run_spliced(daemon, cell, size, "splice", "random"),
           "spliced psync": lambda: run_spliced(daemon, cell, size, "psync", "random"),
           "spliced pattern": lambda: run_spliced(daemon, cell, size, "splice", "pattern:aa"),
           "fio splice crc32c": lambda: run_fio(cell, size, "splice", "crc32c"),
           "fio psync crc32c": lambda: run_fio(cell, size, "psync", "crc32c"),
           "fio psync xxhash": lambda: run_fio(cell, size, "psync", "xxhash"),
           "fio psync pattern": lambda: run_fio(cell, size, "psync", "pattern")}
    if shutil.which("badblocks") and cell.direct:
        out["badblocks"] = lambda: run_badblocks(cell, size)
    return out


def ratios(results, figure, of, to):
    pairs = zip(results[of], results[to])
    return [b.wall / a.wall if figure == "speed" else a.cpu / b.cpu for a, b in pairs]


def measure(daemon, cell, size, rounds):
    daemon.bind(cpus_of(cell))
    runs = contenders(daemon, cell, size)
    results = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs) if number % 2 == 0 else list(reversed(runs)):
            results[name].append(runs[name]())
    return results


def show(cell, size, results):
    print(f"\n{cell.device} {cell.bs // KIB}k, written and checked, {size // MIB} MiB")
    for name, proofs in results.items():
        wall = statistics.median(one.wall for one in proofs)
        cpu = statistics.median(one.cpu for one in proofs)
        print(f"  {name:<20} {size / GIB / wall:>8.2f} GiB/s  {cpu / (size / GIB):>8.3f} CPU s/GiB")


def judge(results):
    failed = []
    for figure, of, to, bar, most in BARS:
        if to not in results:
            continue
        values = ratios(results, figure, of, to)
        low, high = bars.interval(values)
        missed = low > bar if most else high < bar
        print(f"  {figure} of {of} to {to}: {statistics.median(values):.2f} ({low:.2f} to {high:.2f}), {'at most' if most else 'at least'} {bar}"
              f"{'  MISSED' if missed else ''}")
        failed += [(figure, of, to)] if missed else []
    return failed


def run(daemon, devices, options, document):
    """What missed its bar."""
    size = GIB // 4 if options.quick else GIB
    rounds = options.rounds or (7 if options.quick else 9)
    loop, cached = devices.loop(size), devices.cached_file(size)
    failed = []
    document["verify"] = {}
    for name, target, direct in (("loop", loop, True), ("cached", cached, False)):
        for bs in (MIB, 64 * KIB):
            cell = Cell(name, target, bs, "write", 1, direct)
            results = measure(daemon, cell, size, rounds)
            show(cell, size, results)
            document["verify"][f"{name} {bs // KIB}k"] = {who: [list(one) for one in proofs] for who, proofs in results.items()}
            if name == "loop" and bs == MIB:
                failed += judge(results)
    return failed
