#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the sources to the room table of docs/ARCHITECTURE.md and to the limits on file and function length."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
USES = {  # room: what it may include
    "util": set(),
    "access": {"util"},
    "engine": {"util"},
    "workload": {"util"},
    "verify": {"util"},
    "store": {"util"},
    "device": {"util"},
    "figures": {"util", "workload"},
    "run": {"util", "engine", "workload", "figures", "verify", "device"},
    "plan": {"util", "engine", "workload", "figures", "verify", "device", "run"},
    "verdict": {"util", "engine", "workload", "figures", "verify", "device", "run", "plan"},
    "form": {"util", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict"},
    "results": {"util", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "form"},
    "totals": {"util", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict"},
    "job": {"util", "access", "store", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "totals"},
    "http": {"util", "access"},
    "api": {"util", "access", "store", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "totals", "form", "results", "job", "http"},
    "metrics": {"util", "access", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "totals", "job", "http"},
    "dbus": {"util", "access", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "totals", "job"},
    "daemon": {"util", "access", "store", "engine", "workload", "figures", "verify", "device", "run", "plan", "verdict", "totals", "form", "results", "job", "http", "api", "metrics", "dbus"},
    "cli": {"util", "verify", "results"},
}
LIBRARIES = {  # include prefix: the rooms that may use it
    "httplib.h": {"http", "cli"},
    "openssl/": {"access", "results", "http", "cli"},
    "nlohmann/": {"form", "results", "http", "api", "daemon", "cli"},
    "prometheus/": {"metrics"},
    "sdbus-c++/": {"dbus"},
    "systemd/": {"daemon", "dbus"},
    "CLI/": {"daemon", "cli"},
    "sqlite3.h": {"store"},
    "blkid.h": {"device"},
    "libmount/": {"device"},
    "isa-l": {"verify"},
}
# What takes the compiler long to read: a header makes do with forward declarations (<nlohmann/json_fwd.hpp>, <iosfwd>).
HEAVY = ("nlohmann/json.hpp", "httplib.h", "CLI/", "fmt/", "iostream", "regex")
HOLDS_JSON = {"src/cli/client.h"}  # as a member
MAX_FILE, MAX_FUNCTION, MAX_MAIN = 400, 60, 60
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def room_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "src":
        return parts[1]
    return parts[2] if parts[:2] == ("include", "spliced") else None


def check_includes(path, room, complain):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(2)
        for prefix, rooms in LIBRARIES.items():
            if name.startswith(prefix) and room not in rooms:
                complain(f"{path.relative_to(ROOT)}:{number}: {room} may not include <{name}>")
        if path.suffix == ".h" and name.startswith(HEAVY) and str(path.relative_to(ROOT)) not in HOLDS_JSON:
            complain(f"{path.relative_to(ROOT)}:{number}: a header may not include <{name}>, which many would have to read")
        parts = name.split("/")
        kind = parts[1] if parts[0] == "engine" and len(parts) > 2 else None
        own = path.relative_to(ROOT).parts[2:3] if room == "engine" else ()
        if kind and kind not in own:
            complain(f"{path.relative_to(ROOT)}:{number}: \"{name}\" is for src/engine/{kind} alone")
        other = parts[1] if parts[0] == "spliced" and len(parts) > 2 else parts[0] if len(parts) > 1 else room
        if other in USES and other != room and other not in USES[room]:
            complain(f"{path.relative_to(ROOT)}:{number}: {room} may not use {other} (\"{name}\")")


def functions(lines):
    """(first line, length) of each function body, by the project's format: the body's closing brace stands at the
    indentation of the line that the definition begins with."""
    opening = re.compile(r"^(\s*)[^\s#/].*\)[^;{}]*\{\s*$|^(\s*)[^\s#/].*\) (const )?(override )?\{\s*$")
    control = re.compile(r"^\s*(if|for|while|switch|else|do|catch|namespace|struct|class|enum|union|return)\b|^\s*\}")
    for start, line in enumerate(lines):
        if not opening.match(line) or control.match(line):
            continue
        # Parameters may go on in further lines; a constructor's list of initialisers stands further in than the constructor.
        first = start
        while first > 0 and lines[first - 1].endswith((",", "(")) and not lines[first].lstrip().startswith(":"):
            first -= 1
        in_list = lines[first].lstrip().startswith(":")
        indent = len(lines[first]) - len(lines[first].lstrip()) - (4 if in_list else 0)
        for end in range(start + 1, len(lines)):
            if lines[end].startswith(" " * indent + "}") and len(lines[end]) - len(lines[end].lstrip()) == indent:
                yield start + 1, end - start + 1
                break


def check_length(path, complain):
    lines = path.read_text().splitlines()
    where = path.relative_to(ROOT)
    if len(lines) > MAX_FILE:
        complain(f"{where}: {len(lines)} lines; at most {MAX_FILE}")
    for start, length in functions(lines):
        limit = MAX_MAIN if path.name == "main.cpp" else MAX_FUNCTION
        if length > limit:
            complain(f"{where}:{start}: a function of {length} lines; at most {limit}")


def check_licence(path, complain):
    if "SPDX-License-Identifier: Apache-2.0" not in "".join(path.read_text().splitlines(True)[:2]):
        complain(f"{path.relative_to(ROOT)}: no SPDX-License-Identifier in its first two lines")


def check_problem_types(complain):
    """Each one that the interface promises is looked for by a test."""
    types = set(re.findall(r"^ *- urn:spliced:problem:([a-z-]+)$", (ROOT / "api/openapi.yaml").read_text(), re.M))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*") if path.suffix in (".h", ".cpp", ".py"))
    for name in sorted(types):
        used = rf'problem:{name}\\?"|reason="{name}"|Reason::{name.replace("-", "_")}\b'
        if not re.search(used, tests):
            complain(f"api/openapi.yaml: no test has the problem type {name}")
    if len(types) < 30:
        complain("the check of problem types does not see them")


def check_self(complain):
    """The checks above must notice what they are for."""
    found = []
    fake = ROOT / "src" / "engine" / "splice_engine.cpp"
    check = {"text": '#include <httplib.h>\n#include "plan/plan.h"\n#include "spliced/device/block_topology.h"\n'
             '#include "engine/psync/psync_engine.h"\n'}

    class Fake:
        suffix = ".h"

        def relative_to(self, root):
            return fake.relative_to(root)

        def read_text(self):
            return check["text"]

    check_includes(Fake(), "engine", found.append)
    if len(found) != 5:
        complain("the include check does not notice forbidden includes")
    body = ["int f(int x) {"] + ["  x++;"] * 70 + ["}"]
    if list(functions(body)) != [(1, 72)]:
        complain("the length check does not see functions")
    body = ["A::A(int b)", "    : b_(b),", "      c_(b) {"] + ["  c_++;"] * 70 + ["}"]
    if list(functions(body)) != [(3, 72)]:
        complain("the length check does not see constructors")
    body = ["int f(", "    int x) {"] + ["  x++;"] * 70 + ["}"]
    if list(functions(body)) != [(2, 72)]:
        complain("the length check does not see parameters that go on in another line")


def main():
    problems = []
    check_self(problems.append)
    files = [p for d in ("src", "include") for p in sorted((ROOT / d).rglob("*")) if p.suffix in (".h", ".cpp")]
    for path in files:
        check_includes(path, room_of(path), problems.append)
        check_length(path, problems.append)
        check_licence(path, problems.append)
    for path in (ROOT / "tests").rglob("*"):
        if path.suffix in (".h", ".cpp", ".py"):
            check_length(path, problems.append)
            check_licence(path, problems.append)
    check_problem_types(problems.append)
    for problem in problems:
        print(problem)
    print(f"structure: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
