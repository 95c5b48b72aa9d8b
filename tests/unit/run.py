#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the unit tests of a build, each suite in a process of its own, some beside each other:
  run.py --bin build/release/bin [--jobs N] [PATTERN...]
A process for each test, as ctest has it, would take more time to start than the tests do, above all under a sanitizer.
PATTERN: a program, or a suite of one, such as unit_job or unit_job.Quota."""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 600  # seconds, of a suite


def suites_of(program):
    found = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, timeout=LIMIT, check=True)
    lines = found.stdout.splitlines()
    return [line.split("#")[0].strip()[:-1] for line in lines if line.split("#")[0].rstrip().endswith(".") and line[0] != " "]


def run_suite(program, suite):
    """(tests that passed, that failed, [(test that was skipped, why)], what is to be shown)"""
    with tempfile.TemporaryDirectory() as directory:
        results = pathlib.Path(directory) / "results.json"
        command = [program, f"--gtest_filter={suite}.*", f"--gtest_output=json:{results}"]
        environment = os.environ | {"TSAN_OPTIONS": f"suppressions={HERE.parent / 'tsan.supp'}"}
        try:
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                 timeout=LIMIT, env=environment)
            output, ended = ran.stdout, ran.returncode
        except subprocess.TimeoutExpired as late:
            output, ended = (late.stdout or b"").decode(errors="replace"), f"still running after {LIMIT} s"
        try:
            tests = json.loads(results.read_text())["testsuites"][0]["testsuite"]
        except (OSError, ValueError, LookupError):
            return 0, 1, [], f"{output}\n{program.name}.{suite}: ended with {ended}, and tells no results\n"
    failed = sum("failures" in test for test in tests)
    names = [f"{suite}.{test['name']}" for test in tests if test["result"] == "SKIPPED"]
    skipped = [(f"{program.name}.{name}", reason_in(output, name)) for name in names]
    if ended != 0 and failed == 0:  # it told its results, and a sanitizer had a word to say after that
        failed = 1
        output += f"\n{program.name}.{suite}: ended with {ended}\n"
    return max(len(tests) - failed - len(skipped), 0), failed, skipped, output if failed else ""


def reason_in(output, test):
    """What a test that was skipped said; GoogleTest prints it on the line after the place."""
    lines = output.partition(f"[ RUN      ] {test}\n")[2].splitlines()
    return next((after for line, after in zip(lines, lines[1:]) if line.endswith(": Skipped")), "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path, help="where the programs are")
    parser.add_argument("--jobs", type=int, default=2, help="suites beside each other (default %(default)s)")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    options = parser.parse_args()
    work = [(program, suite) for program in sorted(options.bin.resolve().glob("unit_*")) for suite in suites_of(program)]
    if options.patterns:
        work = [(program, suite) for program, suite in work
                if any(fnmatch.fnmatch(name, pattern) for name in (program.name, f"{program.name}.{suite}") for pattern in options.patterns)]
    passed = failed = skips = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for ok, bad, skipped, output in pool.map(lambda item: run_suite(*item), work):
            passed, failed, skips = passed + ok, failed + bad, skips + len(skipped)
            for test, reason in skipped:
                print(f"skipped: {test}: {reason}", flush=True)
            print(output, end="", flush=True)
    if not work:
        print(f"{options.bin}: no tests there")
        failed = 1
    print(f"unit: {passed} passed, {failed} failed, {skips} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
