#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the virtual machine: takes shell scripts from the host, one at a time, and says how they ended. A request and an
answer are a line of JSON each, over a port of virtio-serial."""
import json
import os
import signal
import subprocess
import sys


def carry_out(request):
    process = subprocess.Popen(["sh", "-c", request["script"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
    code = None
    try:
        out, err = process.communicate(request["input"], timeout=request["timeout"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        code = 124  # as timeout(1) has it
    return {"code": process.returncode if code is None else code, "stdout": out, "stderr": err}


def main():
    with open(sys.argv[1], "r+b", buffering=0) as port:
        pending = b""
        while True:
            piece = port.read(65536)
            if not piece:
                return  # the host is gone
            pending += piece
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                answer = memoryview(json.dumps(carry_out(json.loads(line))).encode() + b"\n")
                while answer:
                    answer = answer[port.write(answer):]


if __name__ == "__main__":
    main()
