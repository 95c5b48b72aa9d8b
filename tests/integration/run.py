#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the integration tests against a build:
  run.py --bin build/release/bin [--preset NAME] [--jobs N] [PATTERN...]
With more than one job, the classes of tests run beside each other, each in a process of its own; but for those with ALONE
set."""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Modules that are run under one of the sanitizers alone, the one that has more to find there: bytes that come from outside, or
# threads. SPLICED_ALL=1 runs them under both.
UNDER_ONE = {
    "asan": ("test_access", "test_activation", "test_cli", "test_damages", "test_exit_codes", "test_http", "test_list", "test_metrics",
             "test_packaging", "test_problems", "test_resume", "test_safety", "test_sequential", "test_validate", "test_verify", "test_zsh"),
    "tsan": ("test_bus_objects", "test_checkpoints", "test_crash", "test_dbus", "test_faults", "test_hangs", "test_http_clients", "test_locks",
             "test_log", "test_queue", "test_restart", "test_speed", "test_state_disk", "test_streams")}
TOTALS = re.compile(r"^integration: (\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


class Timed(unittest.TextTestResult):
    """Knows how long each test took."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seconds = {}

    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.seconds[test.id()] = time.monotonic() - self.begun
        super().stopTest(test)


def all_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from all_of(test)
        else:
            yield test


def say_totals(passed, failed, skipped):
    print(f"integration: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def run_here(suite):
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Timed).run(suite)
    slowest = sorted(result.seconds.items(), key=lambda item: -item[1])[:15]
    print("slowest:", *[f"{seconds:6.1f} s  {name}" for name, seconds in slowest], sep="\n  ")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    return say_totals(result.testsRun - failed - skipped, failed, skipped)


def is_left_to_another(module, preset):
    if preset not in UNDER_ONE or os.environ.get("SPLICED_ALL"):
        return False
    return any(module in modules for other, modules in UNDER_ONE.items() if other != preset)


def run_beside(suite, arguments):
    alone, left = {}, collections.Counter()
    for test in all_of(suite):
        if is_left_to_another(test.id().split(".", 1)[0], arguments.preset):
            left[test.id().rsplit(".", 1)[0]] += 1
        else:
            alone[test.id().rsplit(".", 1)[0]] = getattr(test, "ALONE", False)
    for name, count in left.items():
        print(f"skipped: {count} of {name}: run under the other sanitizer")

    def run_class(name):
        command = [sys.executable, __file__, "--bin", arguments.bin, "--preset", arguments.preset, f"{name}.*"]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    def outputs():
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            beside = [name for name in alone if not alone[name]]
            yield from zip(beside, pool.map(run_class, beside))
        for name in filter(alone.get, alone):
            yield name, run_class(name)

    totals = [0, 0, sum(left.values())]
    for name, output in outputs():
        print(f"--- {name}\n{output}", flush=True)
        found = TOTALS.search(output)
        counts = [int(count) for count in found.groups()] if found else [0, 0, 0]
        totals = [a + b for a, b in zip(totals, counts if any(counts) else [0, 1, 0])]  # it did not get to its end
    return say_totals(*totals)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    os.environ["SPLICED_BIN"] = str(pathlib.Path(arguments.bin).resolve())
    os.environ["SPLICED_PRESET"] = arguments.preset
    os.environ["TSAN_OPTIONS"] = f"suppressions={HERE.parent / 'tsan.supp'}"
    sys.path.insert(0, str(HERE))
    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.discover(str(HERE), pattern="test_*.py")
    return run_here(suite) if arguments.jobs == 1 else run_beside(suite, arguments)


if __name__ == "__main__":
    sys.exit(main())
