# SPDX-License-Identifier: Apache-2.0
"""Jobs go on after a restart, from the last checkpoint, on devices that are what they were."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import unittest

from harness import Daemon, TestCase, await_true, need_root
from verified import MIB, mismatches, verified

BLOCK = 65536
SIZE = 52 * MIB  # no device of another test has it: others of that size are looked at


class Resume(TestCase):
    def begin(self, *targets, allow, **job):
        daemon = self.daemon(allow=allow)
        definition = {"targets": [str(one) for one in targets], "destructive": True} | job
        return daemon, daemon.submit_to_go_on(**definition)

    def next_daemon(self, daemon, *arguments, allow, killed=True):
        """Ends it, and begins another one on its state."""
        if killed:
            os.kill(daemon.pid(), signal.SIGKILL)
            daemon.process.wait()
        else:
            daemon.owned = False
            self.addCleanup(shutil.rmtree, daemon.dir, True)
            daemon.stop()
        after = Daemon(*arguments, allow=allow, directory=daemon.dir)
        self.addCleanup(after.close)
        return after

    def checkpoints(self, daemon):
        with contextlib.closing(sqlite3.connect(daemon.dir / "state" / "state.db")) as store:
            return store.execute("SELECT stage, at_ms FROM checkpoints").fetchall()

    def stages(self, seconds=10, size=SIZE, **fill):
        rate = size // BLOCK // seconds
        return [{"name": "fill", "workload": {"rw": "write", "bs": BLOCK, "rate_iops": rate} | fill},
                {"name": "check", "verify": {"of": "fill"}}]

    def assert_whole(self, job, size=SIZE):
        self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job["reason"])
        for device in range(len(job["devices"])):
            verify = verified(job, device=device)
            self.assertEqual({}, mismatches(verify))
            self.assertEqual(0, verify["indeterminate_bytes"])
            self.assertEqual(size, verify["bytes"])

    def test_a_killed_daemon_goes_on_from_the_checkpoint(self):
        for workers in (1, 3):
            with self.subTest(workers=workers):
                loop, _ = self.loop(SIZE)
                allow = ["/dev/loop*"]
                daemon, job = self.begin(loop, allow=allow, stages=self.stages(workers=workers, rw="randwrite"))
                await_true(lambda: self.checkpoints(daemon), "a checkpoint", 30)
                daemon = self.next_daemon(daemon, allow=allow)
                ended = daemon.wait(job["id"])
                self.assert_whole(ended)
                self.assertEqual(job["run_id"], ended["run_id"])
                interruption, = ended["interruptions"]
                self.assertIsNotNone(interruption["until"])
                written = ended["devices"][0]["stages"][0]["io"]["write"]["bytes"]
                self.assertLess(written, SIZE * 1.3, "a second of it at most is done twice, and what the store lags")
                daemon.close()

    def test_a_daemon_that_is_stopped_leaves_its_jobs_to_the_next(self):
        loop, _ = self.loop(SIZE)
        daemon, job = self.begin(loop, allow=["/dev/loop*"], stages=self.stages(6))
        await_true(lambda: daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0][
            "io"]["write"]["bytes"] > MIB, "something written")
        daemon = self.next_daemon(daemon, allow=["/dev/loop*"], killed=False)
        ended = daemon.wait(job["id"])
        self.assert_whole(ended)
        self.assertEqual(SIZE, ended["devices"][0]["stages"][0]["io"]["write"]["bytes"], "drained, none twice")

    def test_a_paused_job_comes_back_paused(self):
        loop, _ = self.loop(SIZE)
        daemon, job = self.begin(loop, allow=["/dev/loop*"], stages=self.stages(4))
        daemon.call("POST", f"/v1/jobs/{job['id']}:pause")
        daemon = self.next_daemon(daemon, allow=["/dev/loop*"], killed=False)
        state = lambda: daemon.call("GET", f"/v1/jobs/{job['id']}").json["state"]
        await_true(lambda: state() == "PAUSED", "the job to be back")
        self.assertEqual(200, daemon.call("POST", f"/v1/jobs/{job['id']}:resume").status)
        self.assert_whole(daemon.wait(job["id"]))

    def test_one_that_is_not_to_go_on_is_interrupted(self):
        loop, _ = self.loop(SIZE)
        daemon, job = self.begin(loop, allow=["/dev/loop*"], stages=self.stages(60), on_restart="interrupt")
        daemon = self.next_daemon(daemon, allow=["/dev/loop*"])
        self.assertEqual("INTERRUPTED", daemon.wait(job["id"])["state"])

    @need_root
    def test_a_device_under_another_name_is_found_by_what_was_written(self):
        image = self.directory() / "image"
        subprocess.run(["truncate", "-s", str(SIZE), image], check=True)
        loop, _ = self.loop(image=image)
        daemon, job = self.begin(loop, allow=["/dev/loop*"], stages=self.stages())
        await_true(lambda: self.checkpoints(daemon), "a checkpoint", 30)
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        subprocess.run(["losetup", "-d", loop], check=True)
        other, _ = self.loop(SIZE)  # takes its place, and is not what it was
        again, _ = self.loop(image=image)
        before = open(other, "rb").read(MIB)
        daemon = Daemon(allow=["/dev/loop*"], directory=daemon.dir)
        self.addCleanup(daemon.close)
        ended = daemon.wait(job["id"])
        self.assert_whole(ended)
        self.assertEqual(str(again), ended["devices"][0]["path"])
        self.assertEqual(before, open(other, "rb").read(MIB))

    @need_root
    def test_what_was_wiped_meanwhile_is_not_written(self):
        for way in ("wiped", "gpt", "gone"):
            with self.subTest(way=way):
                image = self.directory() / "image"
                subprocess.run(["truncate", "-s", str(SIZE), image], check=True)
                loop, _ = self.loop(image=image)
                daemon, job = self.begin(loop, allow=["/dev/loop*"], stages=self.stages(rw="randwrite"))
                await_true(lambda: self.checkpoints(daemon), "a checkpoint", 30)
                os.kill(daemon.pid(), signal.SIGKILL)
                daemon.process.wait()
                if way == "wiped":
                    subprocess.run(["dd", "if=/dev/zero", f"of={loop}", "bs=1M", "count=52", "conv=fsync"], check=True,
                                   stderr=subprocess.DEVNULL)
                elif way == "gpt":
                    subprocess.run(["sfdisk", "-q", loop], input="label: gpt\n", text=True, check=True)
                else:
                    subprocess.run(["losetup", "-d", loop], check=True)
                before = image.read_bytes()
                daemon = Daemon("--resume-timeout", "2", allow=["/dev/loop*"], directory=daemon.dir)
                self.addCleanup(daemon.close)
                ended = daemon.wait(job["id"])
                self.assertEqual("INTERRUPTED", ended["state"])
                self.assertIn("changed", ended["reason"])
                self.assertEqual(before, image.read_bytes())
                daemon.close()


if __name__ == "__main__":
    unittest.main()
