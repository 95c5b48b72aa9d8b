# SPDX-License-Identifier: Apache-2.0
"""The disk that holds the state directory hangs: nothing but the record waits for it."""
import contextlib
import os
import signal
import subprocess
import time

from harness import SLOW, TestCase, await_true, need_root

MIB = 1 << 20
QUICK = 1.0 * SLOW  # seconds


@need_root
class HungStateDisk(TestCase):
    ALONE = True

    def state_on_fuse(self):
        """A directory for a daemon, and the control file of the disk that its state is on."""
        mount = self.fuse_disk(64 * MIB)
        device, _ = self.loop(image=mount / "disk")
        subprocess.run(["mkfs.ext4", "-q", device], check=True, capture_output=True)
        directory = self.directory()
        state = directory / "state"
        state.mkdir()
        subprocess.run(["mount", device, state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", state], capture_output=True)
        control = mount / "control"

        def clear():
            with contextlib.suppress(OSError):
                control.write_text("clear")

        self.addCleanup(clear)
        return directory, control

    def quick(self, what, call, limit=QUICK):
        begun = time.monotonic()
        result = call()
        self.assertLess(time.monotonic() - begun, limit, what)
        return result

    def moved(self, daemon, job):
        return daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["io"]["read"]["bytes"]

    def test_all_else_goes_on_and_nothing_is_lost(self):
        directory, control = self.state_on_fuse()
        daemon = self.daemon(directory=directory, allow=["/dev/loop*"])
        disks = [self.loop(4 * MIB)[0] for _ in range(3)]

        def endless(disk):
            return {"targets": [disk], "on_restart": "interrupt", "workload": {
                "rw": "read", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 500}}

        going_on, cancelled = daemon.submit(**endless(disks[0])), daemon.submit(**endless(disks[1]))
        control.write_text(f"hang write 0 {64 * MIB}\n")
        for _ in range(3):
            refused = self.quick("submit", lambda: daemon.call("POST", "/v1/jobs", endless(disks[2])), 2.0 * SLOW)
            self.assertEqual(503, refused.status, refused.raw)
            self.assertIn("was not accepted", refused.json["detail"])
        self.assertEqual(2, len(self.quick("list", lambda: daemon.call("GET", "/v1/jobs")).json["jobs"]))
        self.assertEqual(200, self.quick("livez", lambda: daemon.call("GET", "/livez")).status)
        self.quick("scrape", daemon.metrics)
        self.assertEqual(200, self.quick("cancel", lambda: daemon.call("POST", f"/v1/jobs/{cancelled['id']}:cancel")).status)
        self.assertEqual("CANCELLED", self.quick("the end", lambda: daemon.wait(cancelled["id"]), 2.0 * SLOW)["state"])
        before = self.moved(daemon, going_on)
        await_true(lambda: self.moved(daemon, going_on) > before + MIB, "the job to go on")
        await_true(lambda: daemon.call("GET", "/readyz").status == 503, "the daemon to say that it is behind", 20)

        control.write_text("clear")
        accepted = []

        def accepts():
            answer = daemon.call("POST", "/v1/jobs", endless(disks[2]))
            accepted.extend([answer.json["id"]] if answer.status == 201 else [])
            return answer.status == 201

        await_true(accepts, "jobs to be accepted again", 20)
        await_true(lambda: daemon.call("GET", "/readyz").status == 200, "the daemon to be ready again", 20)
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        again = self.daemon(directory=directory, allow=["/dev/loop*"])
        states = {job["id"]: job["state"] for job in again.call("GET", "/v1/jobs").json["jobs"]}
        self.assertEqual({going_on["id"]: "INTERRUPTED", cancelled["id"]: "CANCELLED", accepted[0]: "INTERRUPTED"}, states)
        again.stop()
