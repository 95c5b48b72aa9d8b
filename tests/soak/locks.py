# SPDX-License-Identifier: Apache-2.0
"""Reads what lock_probe.so has written."""
import re
import subprocess

LIMIT_NS = 10_000_000
# What serialises writes of the state directory; nobody else waits for these.
OF_THE_STORE = ("SqliteStore", "RecordReader")


class Hold:
    def __init__(self, line, of):
        count, wall, cpu, *places = line.split()
        self.of = of
        self.count, self.wall, self.cpu = int(count), int(wall), int(cpu)
        self.module = places[0].rpartition("+")[0]
        self.places, self.names = places, []

    def is_the_daemons(self):
        return self.module.endswith(self.of)

    def counts(self):
        """Whether the limit is for it: a mutex of the daemon's own code, and none that orders writes to the disk."""
        text = " ".join(self.names)
        return self.is_the_daemons() and "spliced::" in text and not any(name in text for name in OF_THE_STORE)

    def __str__(self):
        return (f"  cpu {self.cpu / 1e6:8.3f} ms  wall {self.wall / 1e6:9.3f} ms  {self.count:9d} times  "
                f"{'' if self.counts() else '(not counted) '}{' < '.join(self.names[:6])}")


def resolve(holds):
    """Gives each the functions that hold it, one for each place: of those that were inlined there, the innermost of the
    daemon's own."""
    wanted = {}
    for place in {place for hold in holds for place in hold.places}:
        module, _, offset = place.rpartition("+")
        wanted.setdefault(module, []).append(offset)
    names = {}
    for module, offsets in wanted.items():
        done = subprocess.run(["addr2line", "-aCfie", module, *offsets], capture_output=True, text=True)
        for offset, block in zip(offsets, re.split(r"^0x[0-9a-f]+\n", done.stdout, flags=re.MULTILINE)[1:]):
            names[f"{module}+{offset}"] = name_of(block.splitlines()[::2], f"{module.rpartition('/')[2]}+{offset}")
    for hold in holds:
        hold.names = list(dict.fromkeys(names.get(place, place) for place in hold.places))


def name_of(functions, otherwise):
    functions = [name.replace("(anonymous namespace)::", "").partition("(")[0] for name in functions]
    own = [name for name in functions if "spliced::" in name and not name.startswith("std::")]
    return (own or [name for name in functions[-1:] if name != "??"] or [otherwise])[0]


def read(path, module="/spliced", limit=LIMIT_NS):
    """The longest first, and the longest by the clock; those that matter have their names. `module`: the end of the name
    of the program."""
    holds = sorted((Hold(line, module) for line in open(path)), key=lambda hold: hold.cpu, reverse=True)
    by_wall = sorted(holds, key=lambda hold: hold.wall, reverse=True)[:10]
    named = [hold for hold in holds if hold.cpu > limit or hold in holds[:10] or hold in by_wall]
    resolve(named)
    return named, by_wall


def judge(path, findings):
    holds, by_wall = read(path)
    print("Mutexes by the thread's own CPU time while it held them. The time on the clock is longer where the kernel gave the "
          "CPU to others meanwhile, which on a busy machine is not the lock's doing, or where the holder waited for the disk:")
    for hold in holds[:10]:
        print(hold)
    print("By the time on the clock:")
    for hold in by_wall:
        print(hold)
    for hold in holds:
        if hold.counts():
            findings.expect(hold.cpu <= LIMIT_NS, "locks", f"{hold}")
