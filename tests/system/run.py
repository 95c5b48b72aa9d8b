#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests on a real systemd against a build:  run.py --build build/release [PATTERN...]"""
import os
import pathlib
import sys

import counted

HERE = pathlib.Path(__file__).resolve().parent


def main():
    arguments = counted.arguments(__doc__).parse_args()
    os.environ["SPLICED_BUILD"] = str(pathlib.Path(arguments.build).resolve())
    sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
    return counted.run("system", HERE, arguments.patterns)


if __name__ == "__main__":
    sys.exit(main())
