#!/usr/bin/env python3
"""Runs the integration tests against a build:  run.py --bin build/release/bin [--preset NAME] [PATTERN...]"""
import argparse
import os
import pathlib
import sys
import unittest


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
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    print(f"integration: {result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
