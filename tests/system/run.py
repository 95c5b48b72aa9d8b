#!/usr/bin/env python3
"""Runs the tests on a real systemd against a build:  run.py --build build/release [PATTERN...]"""
import argparse
import os
import pathlib
import sys
import unittest


class Result(unittest.TextTestResult):
    """Counts tests, not their parts."""

    def bad(self):
        return {str(getattr(test, "test_case", test)) for test, _ in self.failures + self.errors}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    os.environ["SPLICED_BUILD"] = str(pathlib.Path(arguments.build).resolve())
    here = pathlib.Path(__file__).resolve().parent
    sys.path[:0] = [str(here), str(here.parent / "integration")]
    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in arguments.patterns]
    suite = loader.discover(str(here), pattern="test_*.py")
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    failed, skipped = len(result.bad()), len(result.skipped)
    if result.testsRun == 0 and skipped:  # a machine that cannot boot skips all of a class at once
        skipped = total
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    print(f"system: {max(0, result.testsRun - failed) if result.testsRun else 0} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
