#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the packages in a virtual machine with Debian's own kernel:
run.py --debs build/deb --build build/release [PATTERN...]"""
import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system"), str(HERE.parent / "integration")]
import counted


def interrupt(*_):
    """As with ^C: unittest takes anything else for a failure of the test that runs, and goes on with the next."""
    raise KeyboardInterrupt


def main():
    parser = counted.arguments(__doc__)
    parser.add_argument("--debs", default="build/deb", help="where packaging/deb put the packages")
    parser.add_argument("--cache", default="build/vm", help="where the image of the machine is kept")
    arguments = parser.parse_args()
    for name in ("build", "debs", "cache"):
        os.environ[f"SPLICED_{name.upper()}"] = str(pathlib.Path(getattr(arguments, name)).resolve())
    signal.signal(signal.SIGTERM, interrupt)
    return counted.run("vm", HERE, arguments.patterns)


if __name__ == "__main__":
    sys.exit(main())
