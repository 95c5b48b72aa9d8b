# SPDX-License-Identifier: Apache-2.0
"""A disk that does not answer, under the watchdog of systemd."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from harness import await_true
from test_service import BUILD, OnAMachine

WATCHDOG = 2  # seconds


class HungDisk(OnAMachine):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists("/dev/fuse"):
            raise unittest.SkipTest("no /dev/fuse")
        directory = tempfile.TemporaryDirectory(prefix="spliced-system.", dir="/dev/shm")
        cls.addClassCleanup(directory.cleanup)
        mount = pathlib.Path(directory.name)
        cls.server = subprocess.Popen([BUILD / "bin/fuse_disk", mount, str(64 << 20)])
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", mount], capture_output=True)
        await_true(lambda: (mount / "disk").exists(), "the FUSE disk to be mounted")
        done = subprocess.run(["losetup", "-f", "--show", mount / "disk"], capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest(f"no loop device: {done.stderr.strip()}")
        cls.loop = done.stdout.strip()
        cls.addClassCleanup(subprocess.run, ["losetup", "-d", cls.loop], capture_output=True)
        cls.devices = (cls.loop,)
        # Whatever happens, it goes on before anything else is cleared away.
        super().setUpClass()
        cls.addClassCleanup(cls.server.send_signal, signal.SIGCONT)

    def device_of(self, job):
        return json.loads(self.get(f"/v1/jobs/{job}"))["devices"][0]

    def test_does_not_trip_the_watchdog(self):
        drop_in = "/run/systemd/system/spliced.service.d"
        self.run_in(f"mkdir -p {drop_in} && printf '[Service]\\nWatchdogSec={WATCHDOG}\\n' >{drop_in}/test.conf && systemctl daemon-reload")
        self.addCleanup(self.machine.run, f"rm -r {drop_in}; systemctl daemon-reload")
        self.start()
        hung = self.submit(self.loop, rw="randwrite", bs="4k", runtime="1h", time_based=True)
        other = self.endless()
        self.await_operations(hung)
        self.await_operations(other)
        pid = self.show("MainPID")
        self.server.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.send_signal, signal.SIGCONT)
        done = lambda job: self.device_of(job)["io"]["write"]["operations"]  # noqa: E731
        stood = [done(hung), time.monotonic()]

        def stands():
            """Nothing has been done for four times what the watchdog allows."""
            if done(hung) != stood[0]:
                stood[:] = [done(hung), time.monotonic()]
            return time.monotonic() - stood[1] > 4 * WATCHDOG

        await_true(stands, "the disk to stand", 60)
        before = done(other)
        await_true(lambda: done(other) > before + 100, "the other job to go on")
        self.assertEqual((pid, "active"), (self.show("MainPID"), self.show("ActiveState")))
        self.assertNotIn("Watchdog timeout", self.journal())
        self.server.send_signal(signal.SIGCONT)
        await_true(lambda: done(hung) > stood[0], "the disk to go on")
        self.assertEqual(pid, self.show("MainPID"))


if __name__ == "__main__":
    unittest.main()
