# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a directory that need a machine of their own, and counts them."""
import argparse
import sys
import unittest


class Result(unittest.TextTestResult):
    """Counts tests, not their parts."""

    def bad(self):
        return {str(getattr(test, "test_case", test)) for test, _ in self.failures + self.errors}

    def classes(self):
        return {str(test) for test, _ in self.errors if not isinstance(getattr(test, "test_case", test), unittest.TestCase)}


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("patterns", nargs="*")
    return parser


def run(name, directory, patterns):
    """The tests below `directory`; ends with a line of how many `name` has, and returns the exit status."""
    loader = unittest.TestLoader()
    if patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns]
    suite = loader.discover(str(directory), pattern="test_*.py")
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
    print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0

