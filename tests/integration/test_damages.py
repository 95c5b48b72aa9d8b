# SPDX-License-Identifier: Apache-2.0
"""Damages that a program which shares nothing with the daemon puts into blocks are found, with their kind, place and
extent, and nothing else is; and each rule is needed for that."""
import os
import pathlib
import subprocess
import sys
import time
import unittest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "verify"))
import damages  # noqa: E402

COUNT = int(os.environ.get("SPLICED_DAMAGES", "1000"))
CLEAN = 10 * COUNT  # blocks
RULES = ["job", "device", "place", "age", "torn", "few_bits", "run_of_eight", "part_of_tag", "one_run", "before", "slip"]


class Judge:
    """What the rules of the daemon say of blocks."""

    def __init__(self):
        self.process = subprocess.Popen([harness.BIN / "verify_judge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def told(self, case, rule=-1):
        origin = case.origin
        fields = [origin.run.hex(), origin.device, origin.seed, case.offset, case.number, case.interval, "random",
                  case.compress, 1, case.before, rule, len(case.data)]
        self.process.stdin.write((" ".join(map(str, fields)) + "\n").encode() + bytes(case.data))
        self.process.stdin.flush()
        return list(iter(lambda: self.process.stdout.readline().decode().split(), []))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def wrong_with(case, told):
    """What of that is not as it is; "" when all is."""
    want = list(case.wrong())
    if [(int(line[1]), int(line[2])) for line in told] != [(at, length) for at, length, *_ in want]:
        return f"intervals {[line[1:3] for line in told]}, not {[one[:2] for one in want]}"
    for line, (at, _, first, last, bits) in zip(told, want):
        if line[0] not in case.kinds[at]:
            return f"{line[0]}, not {case.kinds[at]}: {line}"
        if tuple(map(int, line[3:6])) != (first, last, bits):
            return f"bytes and bits {line[3:6]}, not {first}, {last}, {bits}"
        if case.foreign and (line[7] == "1", line[8] == "1") != case.foreign:
            return f"other device and job {line[7:9]}, not {case.foreign}"
        if case.shift and int(line[6]) != case.shift:
            return f"shift {line[6]}, not {case.shift}"
    return ""


class Damages(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SPLICED_SEED", time.time_ns() % 1_000_000))
        print(f"seed {self.seed}", end=" ", flush=True)
        self.judge = Judge()
        self.addCleanup(self.judge.close)

    def failures(self, count, rule=-1, enough=10):
        maker = damages.Maker(self.seed)
        kinds = maker.all()
        out = []
        for i in range(count):
            case = kinds[i % len(kinds)]()
            wrong = wrong_with(case, self.judge.told(case, rule))
            if wrong:
                out.append(f"{case.name}, interval {case.interval}, compress {case.compress}, before {case.before}: {wrong}")
                if len(out) >= enough:
                    break
        return out

    def test_each_damage_is_told_as_what_it_is(self):
        self.assertEqual(self.failures(COUNT), [])

    def test_clean_blocks_are_clean(self):
        maker = damages.Maker(self.seed)
        done = 0
        while done < CLEAN:
            case = maker.clean()
            self.assertEqual(self.judge.told(case), [], vars(case))
            done += len(case.clean) // 512

    def test_each_rule_is_needed(self):
        for index, name in enumerate(RULES):
            self.assertTrue(self.failures(min(COUNT, 1000), index, 1), f"nothing fails without the rule {name}")


if __name__ == "__main__":
    unittest.main()
