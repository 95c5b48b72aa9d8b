# SPDX-License-Identifier: Apache-2.0
"""How long locks are held while a thousand devices end at the same moment."""
import os
import subprocess
import sys

from harness import BIN, PRESET, ROOT, TestCase

sys.path.insert(0, str(ROOT / "tests/soak"))
import locks  # noqa: E402

LIMIT_NS = 1_000_000
EMPTY = "take_an_empty_lock"


class Locks(TestCase):
    ALONE = True

    def test_no_lock_is_held_for_a_millisecond_while_a_thousand_devices_end(self):
        if PRESET != "release":
            self.skipTest("what is measured is the release build")
        for case in ("AThousandDevicesByTheirRuntime", "AThousandDevicesByACancel"):
            # What takes the CPU from a holder now and then, an interrupt or the machine below, does so in an empty lock, too,
            # and not at the same place each time.
            runs = []
            for _ in range(3):
                runs += [self.longest(case) for _ in range(2)]
                noise = max(cpu for run in runs for place, cpu in run.items() if EMPTY in place)
                least = {place: min(run.get(place, 0) for run in runs) for run in runs for place in run}
                longest = sorted(least.items(), key=lambda one: -one[1])
                if longest[0][1] <= max(LIMIT_NS, noise):
                    break
            print(f"\n{case}, {len(runs)} times; an empty lock up to {noise / 1e6:.3f} ms",
                  *[f"{cpu / 1e6:8.3f} ms  {place}" for place, cpu in longest[:5]], sep="\n  ")
            self.assertEqual([], [one for one in longest if one[1] > max(LIMIT_NS, noise)])

    def longest(self, case):
        """Place → the longest time in which a lock that was taken there was held, by the CPU time of the holder."""
        report = self.directory() / "locks"
        done = subprocess.run([BIN / "unit_job", f"--gtest_filter=JobServiceEnds.{case}"], capture_output=True, text=True, timeout=300,
                              env=os.environ | {"LD_PRELOAD": str(BIN / "lock_probe.so"), "LOCK_PROBE_REPORT": str(report)})
        self.assertEqual(0, done.returncode, done.stdout[-4000:] + done.stderr[-4000:])
        holds, _ = locks.read(report, module="/unit_job", limit=0)
        self.assertTrue(holds, "none was seen")
        return {f"{hold.places[0].rpartition('+')[2]} {' < '.join(hold.names[:1])}": hold.cpu for hold in holds if hold.counts()}
