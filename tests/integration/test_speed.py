# SPDX-License-Identifier: Apache-2.0
"""What a job finds out about its devices, many devices at once, and that the benchmark works. Nothing here is timed: how
fast things are is what tests/bench measures."""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from blocks import Blocks
from harness import BIN, PRESET, ROOT, TestCase, await_true, need_root

MIB = 1 << 20


class Tuning(TestCase):
    def tuning(self, daemon, target, **workload):
        """What was found. On a machine that has other things to do a device may be too slow to tell: then once more."""
        for _ in range(5):
            found = self.tuning_of_one_job(daemon, target, **workload)
            if all(one["source"] != "inconclusive" for one in found.values()):
                break
        return found

    def conclusive(self, daemon, target, **workload):
        found = self.tuning(daemon, target, **workload)
        for one in found.values():
            if one["source"] == "inconclusive":
                self.skipTest(f"a block takes too long here to tell which batch is the best: {one['tried']}")
        return found

    def tuning_of_one_job(self, daemon, target, **workload):
        job = daemon.submit(targets=[target], destructive=True, overwrite_signatures=["all"],
                            workload={"time_based": True, "runtime": "1h", **workload})
        sources = ("measured", "remembered", "only_choice", "inconclusive")

        def settled():
            found = daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["engine"]["tuning"]
            return found if all(t["source"] in sources for t in found) else None

        found = await_true(settled, "the settings to be found", 30)
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
        daemon.wait(job["id"])
        return {t["direction"]: t for t in found}

    @need_root
    def test_settings_are_measured_then_remembered_until_the_device_is_another(self):
        daemon = self.daemon(allow=["/dev/loop*"])
        loop, image = self.loop(16 * MIB)
        # A job in which only one direction could be told has another one after it, which remembers that.
        for sources in (("measured", "remembered"), ("remembered",)):
            found = self.conclusive(daemon, loop, rw="randrw", bs="4k", workers=2)
            self.assertEqual({"read", "write"}, set(found))
            for one in found.values():
                self.assertIn(one["source"], sources)
                self.assertEqual([1, 16, 32, 64], [t["batch"] for t in one["tried"]])
                self.assertIn(one["batch"], (1, 16, 32, 64))
                self.assertTrue(all(t["bytes_per_second"] > 0 for t in one["tried"]))
                self.assertTrue(one["why"])
        subprocess.run(["losetup", "-d", loop], check=True)
        # The same number, another disk.
        subprocess.run(["losetup", loop, str(image)], check=True)
        self.assertEqual("measured", self.conclusive(daemon, loop, rw="randread", bs="4k")["read"]["source"])

    def test_large_blocks_try_pipes(self):
        daemon = self.daemon()
        found = self.tuning(daemon, str(daemon.dir / "scratch"), rw="write", bs="1M", size="8M", direct=False)
        self.assertEqual([MIB, MIB // 4, MIB // 8, MIB // 16], [t["pipe_size_bytes"] for t in found["write"]["tried"]])

    def test_a_rate_is_not_batched(self):
        daemon = self.daemon()
        found = self.tuning(daemon, str(daemon.dir / "scratch"), rw="randwrite", bs="4k", size="8M", direct=False,
                            rate_iops=1000)
        self.assertEqual(("only_choice", 1), (found["write"]["source"], found["write"]["batch"]))

    def test_every_block_is_in_its_place_while_settings_are_tried(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        for block in (512, 4096, 16384, MIB):
            job = daemon.run(targets=[str(path)], destructive=True, workload={
                "rw": "randwrite", "bs": block, "size": "32M", "workers": 2, "seed": block, "direct": False})
            self.assertEqual("PASS", job["verdict"])
            self.assertEqual({True}, set(Blocks(block, block).check(path, 32 * MIB).values()))


@unittest.skipUnless(PRESET == "release", "what is measured is the release build")
class Fleet(TestCase):
    def test_64_targets_with_2_workers_share_the_budget_of_pipes(self):
        daemon = self.daemon()
        targets = [str(daemon.dir / f"t{i}") for i in range(64)]
        job = daemon.submit(targets=targets, destructive=True, workload={
            "rw": "write", "bs": "1M", "size": "2M", "workers": 2, "time_based": True, "runtime": "1h", "direct": False})

        def all_run():
            devices = daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"]
            return devices if all(d["io"]["write"]["operations"] > 0 for d in devices) else None

        devices = await_true(all_run, "every device to have done something", 60)
        pipes = sum(d["engine"]["pipe_size_bytes"] * 2 for d in devices)
        self.assertLessEqual(pipes, int(pathlib.Path("/proc/sys/fs/pipe-user-pages-soft").read_text()) * 4096)
        self.assertLess(devices[0]["engine"]["tuning"][0]["pipe_size_bytes"], MIB)
        self.assertEqual({frozenset(os.sched_getaffinity(0)): 128}, self.cpus_of_workers(daemon), "none is bound")
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
        self.assertEqual("CANCELLED", daemon.wait(job["id"])["state"])

    def test_a_worker_runs_where_the_kernel_puts_it(self):
        daemon = self.daemon()
        daemon.submit(targets=[str(daemon.dir / "t0")], destructive=True, workload={
            "rw": "write", "size": "2M", "time_based": True, "runtime": "1h", "direct": False})
        worker = await_true(lambda: next(self.workers(daemon), None), "the worker")
        seen = {frozenset(os.sched_getaffinity(worker)) for _ in range(100) if not time.sleep(0.005)}
        self.assertEqual({frozenset(os.sched_getaffinity(0))}, seen)

    def cpus_of_workers(self, daemon):
        """How many workers there are for each set of CPUs."""
        return collections.Counter(frozenset(os.sched_getaffinity(worker)) for worker in self.workers(daemon))

    def workers(self, daemon):
        """The thread ids of those that work on t0, t1 and so on."""
        for task in pathlib.Path(f"/proc/{daemon.pid()}/task").iterdir():
            if re.fullmatch(r"t\d+/\d", (task / "comm").read_text().strip()):
                yield int(task.name)


@need_root
@unittest.skipUnless(PRESET == "release", "what is measured is the release build")
class Benchmark(TestCase):
    ALONE = True

    def assert_prints(self, expected, code):
        """`code` is Python that finds the benchmark's directory in sys.argv[1]."""
        done = subprocess.run(["python3", "-c", code, str(ROOT / "tests/bench")], capture_output=True, text=True)
        self.assertEqual(expected, done.stdout, done.stderr)

    @unittest.skipUnless(PRESET == "release", "what is measured is the release build")
    def test_a_cell_is_measured_and_everything_is_taken_down(self):
        if not shutil.which("fio"):
            self.skipTest("no fio")
        if not os.path.exists("/sys/class/zram-control/hot_add"):
            self.skipTest("no zram")
        out = self.directory()

        def around():
            blocks = sorted(name for name in os.listdir("/sys/class/block") if re.match(r"zram|loop", name)
                            and (pathlib.Path("/sys/class/block") / name / "size").read_text() != "0\n")
            mounts = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if "spliced-bench" in line]
            left = [*pathlib.Path("/var/tmp").glob("spliced-bench-*"), *pathlib.Path("/tmp").glob("spliced-bench-*")]
            return blocks, mounts, left, subprocess.run(["pgrep", "-x", "spliced"], capture_output=True).stdout

        before = around()
        done = subprocess.run(
            ["python3", ROOT / "tests/bench/bench.py", "--bin", BIN, "--only", "cells", "--cell", "zram 4k randread 1t",
             "--rounds", "2", "--seconds", "0.05", "--out", out], capture_output=True, text=True, timeout=120)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        document = json.loads((out / "bench.json").read_text())
        self.assertEqual(["bare", "spliced", "fio splice", "fio psync", "bare psync", "spliced psync", "spliced again"],
                         list(document["cells"][0]["contenders"]))
        for contender in document["cells"][0]["contenders"].values():
            self.assertGreater(contender["iops"], 0)
            self.assertGreater(contender["cpu_seconds_per_gb"], 0)
        self.assertIn("</svg>", (out / "bench.svg").read_text())
        self.assertEqual(before, around())
        running = subprocess.Popen(
            ["python3", ROOT / "tests/bench/bench.py", "--bin", BIN, "--only", "cells", "--cell", "zram 4k randread 1t",
             "--rounds", "1000", "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(running.kill)
        await_true(lambda: around()[3] != before[3], "the daemon of the benchmark")
        running.terminate()
        self.assertEqual(2, running.wait(60))
        self.assertEqual(before, around())

    def test_a_bar_that_is_missed_with_the_whole_interval_fails(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1]); import bars, report; from contenders import Cell, Result\n"
                "def judged(ratio, noise, what='spliced / fio splice', itself=1, against=1, psync=1.2, bare=1.2):\n"
                "    r = lambda f: [Result(1e6 * f * (1 + noise * (i % 5 - 2)), 1.0, 1e9) for i in range(9)]\n"
                "    one = [Result(1e6, 1.0, 1e9)] * 9\n"
                "    cell = Cell('zram', '/x', 4096, 'randread', 1, True)\n"
                "    m = report.Measured(cell, {}, {'spliced': r(ratio), 'fio splice': one, 'fio psync': one, 'bare': one,\n"
                "                                    'spliced psync': r(psync), 'bare psync': r(bare), 'spliced again': r(ratio * itself),\n"
                "                                    'before': r(ratio / against)})\n"
                "    return [v.failed for v in bars.judge([m]) if v.what == what]\n"
                "print(judged(1.2, 0.01), judged(1.1, 0.01), judged(1.1, 0.1))\n"
                "before = 'spliced / before'\n"
                "print(judged(1, 0, before), judged(1, 0, before, against=0.98), judged(1, 0, before, 0.98, 0.98))\n"
                "psync = 'spliced psync / fio psync'\n"
                "print(judged(1, 0, psync), judged(1, 0, psync, psync=1), judged(1, 0, psync, psync=1, bare=1))\n")
        # Worse than before is worse only if the same against itself is not. Slower than fio's psync is no fault where the
        # bare calls are, too.
        self.assert_prints("[False] [True] [False]\n[False] [True] [False]\n[False] [True] [False]\n", code)

    def test_the_interval_of_a_median_is_that_of_its_ranks(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1]); import bars\n"
                "print(*(bars.interval(list(range(n))) for n in (5, 6, 9, 21)))\n")
        self.assert_prints("(-inf, inf) (0, 5) (1, 7) (5, 15)\n", code)

    def test_what_is_ours_for_a_block_has_a_bar(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1]); import bars\n"
                "def entry(name, ns, calls):\n"
                "    return {'name': f'around_the_system_calls/{name}', 'ns_per_block': ns, 'calls_per_block': calls}\n"
                "entries = [entry('splice_read/1', 100, 2), entry('splice_write/16', 81, 1.0625), entry('psync_read/1', 70, 2),\n"
                "           entry('splice_read/4', 999, 9), {'name': 'read_clock'}]\n"
                "print([v.failed for v in bars.judge_micro(entries)])\n")
        self.assert_prints("[False, False, True, False, False, True]\n", code)

    def test_rounds_that_differ_widely_are_followed_by_more_whatever_they_came_to(self):
        code = ("import itertools, sys; sys.path.insert(0, sys.argv[1]); import bench\n"
                "from contenders import Cell, Result\n"
                "def rounds(ratio, noise):\n"
                "    swing = itertools.cycle((-2, -1, 0, 1, 2))\n"
                "    runs = {'spliced': lambda s: Result(1e6 * ratio * (1 + noise * next(swing)), 1.0, 1e9),\n"
                "            'fio splice': lambda s: Result(1e6, 1.0, 1e9)}\n"
                "    bench.contenders = lambda *_: ({}, runs)\n"
                "    measured = bench.measure(None, None, None, Cell('zram', '/x', 4096, 'randread', 1, True), (7, 21), 0)\n"
                "    return {len(results) for results in measured.results.values()}\n"
                "print(rounds(2.0, 0.01), rounds(0.5, 0.01), rounds(2.0, 0.2), rounds(0.5, 0.2))\n")
        self.assert_prints("{7} {7} {21} {21}\n", code)
