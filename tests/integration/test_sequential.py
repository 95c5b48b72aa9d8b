# SPDX-License-Identifier: Apache-2.0
"""What a disk sees of a sequential workload, by however many workers."""
import pathlib
import subprocess
import unittest

from harness import PRESET, TestCase, need_root

MIB = 1 << 20


@need_root
class Sequential(TestCase):
    ALONE = True  # the order that four threads come in is measured

    def disk(self, size):
        """A device whose requests reach the file below one by one, and the control file of that."""
        mount = self.fuse_disk(size, "in-order")
        loop, _ = self.loop(image=mount / "disk")
        direct = subprocess.run(["losetup", "--direct-io=on", loop], capture_output=True, text=True)
        if direct.returncode != 0:
            self.skipTest(f"no direct I/O on FUSE: {direct.stderr.strip()}")
        return loop, mount / "control"

    @staticmethod
    def requests(trace):
        """(offset, length) of each read, in the order in which they began."""
        lines = (line.split() for line in trace.read_text().splitlines())
        return [(int(offset), int(length)) for op, offset, length in lines if op == "read"]

    def test_every_block_is_read_once_and_near_the_one_before(self):
        size, block = 32 * MIB, 65536
        loop, control = self.disk(size)
        daemon = self.daemon(allow=["/dev/loop*"])
        for kind in ("splice", "psync"):
            for workers in (1, 4, 16):
                with self.subTest(kind=kind, workers=workers):
                    trace = pathlib.Path(self.directory()) / "trace"
                    control.write_text(f"trace {trace}")
                    job = daemon.run(targets=[loop], engine={"kind": kind},
                                     workload={"rw": "read", "bs": block, "workers": workers})
                    control.write_text("trace /dev/null")
                    self.assertEqual(("PASS", size), (job["verdict"], job["devices"][0]["io"]["read"]["bytes"]))
                    # Those that looked at it before the job are for its first and last bytes, and shorter.
                    found = [(offset, length) for offset, length in self.requests(trace) if length == block]
                    self.assertEqual(sorted(range(0, size, block)), sorted(offset for offset, _ in found))
                    batch = max([one["batch"] for one in job["devices"][0]["engine"]["tuning"] if "batch" in one], default=1)
                    jumps = [abs(after - before) for (before, _), (after, _) in zip(found, found[1:])]
                    # A thread that the kernel does not let run for a while comes late with what it has; most do not.
                    far = [one for one in jumps if one > 2 * max(batch, 16) * workers * block]
                    self.assertLess(len(far), len(jumps) / 20, far)

    @unittest.skipUnless(PRESET == "release", "what is measured is the release build")
    def test_four_workers_hardly_move_the_arm_of_a_disk(self):
        """Where each block of each worker lay elsewhere, a disk with an arm would be slower by its seeks. Blocks that come in
        batches are read beside those of other workers; a disk that is slower by that leads the tuning to take them one by one,
        which this one, where a seek costs nothing, may or may not."""
        size, block, loops = 64 * MIB, 65536, 4
        loop, control = self.disk(size)
        daemon = self.daemon(allow=["/dev/loop*"])
        for workers in (1, 4):
            trace = pathlib.Path(self.directory()) / "trace"
            control.write_text(f"trace {trace}")
            job = daemon.run(targets=[loop], engine={"batch": 1},
                             workload={"rw": "read", "bs": block, "workers": workers, "loops": loops})
            control.write_text("trace /dev/null")
            self.assertEqual("PASS", job["verdict"])
            found = [one for one in self.requests(trace) if one[1] == block]
            jumps = sum(offset + length != after for (offset, length), (after, _) in zip(found, found[1:]))
            print(f"\n{workers} workers: {jumps} of {len(found)} requests are not where the one before ended")
            self.assertEqual(size * loops // block, len(found))
            self.assertLess(jumps, len(found) / 2)
