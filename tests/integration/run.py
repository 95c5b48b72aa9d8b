#!/usr/bin/env python3
"""Runs the integration tests against a build:  run.py --bin build/release/bin [--preset NAME] [PATTERN...]"""
import argparse
import os
import pathlib
import sys
import time
import unittest


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--preset", default="release")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    os.environ["SPLICED_BIN"] = str(pathlib.Path(arguments.bin).resolve())
    os.environ["SPLICED_PRESET"] = arguments.preset
    supp = pathlib.Path(__file__).resolve().parent.parent / "tsan.supp"
    os.environ["TSAN_OPTIONS"] = f"suppressions={supp}"
    here = pathlib.Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.discover(str(here), pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Timed).run(suite)
    slowest = sorted(result.seconds.items(), key=lambda item: -item[1])[:15]
    print("slowest:", *[f"{seconds:6.1f} s  {name}" for name, seconds in slowest], sep="\n  ")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    print(f"integration: {result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
