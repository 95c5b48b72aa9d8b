#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
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

    def classes(self):
        return {str(test) for test, _ in self.errors if not isinstance(getattr(test, "test_case", test), unittest.TestCase)}


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
    # Without a machine none of its tests is begun; what the class is counted as, they are.
    alone = [test for test, _ in result.skipped if isinstance(test, unittest.TestCase)]
    skipped = len(alone)
    failed = len(result.bad())
    if len(result.skipped) > len(alone):
        skipped += total - result.testsRun
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    passed = result.testsRun - len(alone) - len(result.bad() - result.classes())
    print(f"system: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
