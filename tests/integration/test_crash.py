# SPDX-License-Identifier: Apache-2.0
"""A daemon that is killed at any moment, on disks that lose what was not made durable: what it goes on from is true."""
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import SLOW, Daemon, TestCase, await_true, need_root
from verified import MIB, mismatches, verified

BLOCK = 16384
SIZE = 28 * MIB  # no device of another test has it: others of that size are looked at
RATE = 128  # blocks per second: the pass takes 14 s, two or three checkpoints
KILLS = int(os.environ.get("SPLICED_CRASHES", "4"))
CUTS = int(os.environ.get("SPLICED_POWER_CUTS", "4"))
SEED = int(os.environ.get("SPLICED_SEED", str(random.randrange(1 << 32))))
ALLOW = ["/dev/loop*"]


class Crash(TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.restarts = 0
        print(f"SPLICED_SEED={SEED}")

    def begin(self, *targets, **workload):
        self.current = self.daemon(allow=ALLOW)
        return self.submit(*targets, **workload)

    def submit(self, *targets, **workload):
        fill = {"rw": "randwrite", "bs": BLOCK, "rate_iops": RATE, "workers": 3} | workload
        return self.current.submit_to_go_on(targets=list(targets), destructive=True, overwrite_signatures=["all"], stages=[
            {"name": "fill", "workload": {key: value for key, value in fill.items() if value is not None}},
            {"name": "check", "verify": {"of": "fill"}}])

    def kill(self):
        os.kill(self.current.pid(), signal.SIGKILL)
        self.current.process.wait()

    def restart(self):
        self.current = Daemon(allow=ALLOW, directory=self.current.dir)
        self.addCleanup(self.current.close)

    @contextlib.contextmanager
    def store(self):
        with contextlib.closing(sqlite3.connect(self.current.dir / "state" / "state.db")) as store, store:
            yield store

    def job(self, job):
        return self.current.call("GET", f"/v1/jobs/{job['id']}").json

    def checkpoints(self):
        with self.store() as store:
            return store.execute("SELECT count(*) FROM checkpoints").fetchone()[0]

    def attach(self, image):
        return self.loop(image=image)[0]

    def detach(self, loop):
        subprocess.run(["losetup", "-d", loop], check=True)
        await_true(lambda: not os.path.exists(f"/sys/block/{os.path.basename(loop)}/loop"), "the loop device to go")

    def assert_whole(self, ended):
        self.assertEqual(("SUCCEEDED", "PASS"), (ended["state"], ended["verdict"]), ended["reason"])
        for device in range(len(ended["devices"])):
            verify = verified(ended, device=device)
            self.assertEqual({}, mismatches(verify))
            self.assertEqual((SIZE, 0), (verify["bytes"], verify["indeterminate_bytes"]))

    def assert_noticed(self, job):
        """By what is read before it goes on, when it waits for the right disk, or by its check."""
        refused = lambda now: "are not what this job wrote" in (now["reason"] or "")  # noqa: E731
        await_true(lambda: refused(self.job(job)) or self.job(job)["ended_at"], "the job to end, or to wait", 120)
        now = self.job(job)
        self.assertTrue(refused(now) or now["verdict"] == "FAIL", (now["state"], now["verdict"], now["reason"]))

    def assert_little_is_done_twice(self, seen):
        """Of what was done when the daemon was killed, all but what fits between two checkpoints is in the cursors."""
        with self.store() as store:
            rows = store.execute("SELECT device, watermark, stage FROM cursors").fetchall()
        for device, watermark, stage in rows:
            written = seen["devices"][device]["io"]["write"]["bytes"]
            if stage == 0:
                self.assertLess(written - watermark * BLOCK, RATE * BLOCK * 8 * SLOW)

    def change_workers(self, job):
        with self.store() as store:
            spec = json.loads(store.execute("SELECT spec FROM jobs WHERE id=?", (job["id"],)).fetchone()[0])
            spec["stages"][0]["workload"]["workers"] = self.random.randint(1, 7)
            store.execute("UPDATE jobs SET spec=? WHERE id=?", (json.dumps(spec), job["id"]))

    @need_root
    def test_killed_at_any_moment(self):
        images = [self.directory() / "image" for _ in range(2)]
        for image in images:
            image.write_bytes(b"")
            os.truncate(image, SIZE)
        loops = [self.attach(image) for image in images]
        jobs = [self.begin(*loops)]
        for _ in range(KILLS):
            if self.job(jobs[-1])["ended_at"]:
                jobs.append(self.submit(*loops))
            time.sleep(self.random.uniform(0, 9))
            seen = self.job(jobs[-1])
            self.kill()
            if not seen["ended_at"]:
                self.assert_little_is_done_twice(seen)
                self.change_workers(jobs[-1])
                for loop in loops:
                    self.detach(loop)
                self.random.shuffle(images)  # another number for each
                loops = [self.attach(image) for image in images]
            self.restart()
        for job in jobs:
            self.assert_whole(self.current.wait(job["id"], 120))
        self.assertEqual(len(jobs), len(self.current.call("GET", "/v1/jobs").json["jobs"]))

    def volatile_disk(self):
        mount = self.fuse_disk(SIZE, "uncached")
        (mount / "control").write_text("volatile")
        return mount

    def cut_power(self, mount, loop):
        """The host dies with the disk's cache; the loop device is another afterwards."""
        self.kill()
        (mount / "control").write_text(f"power-cut {self.random.randrange(1 << 31)}")
        self.detach(loop)
        loop = self.attach(mount / "disk")
        self.restart()
        return loop

    @need_root
    def test_what_is_below_a_cursor_outlasts_the_power(self):
        mount = self.volatile_disk()
        loop = self.attach(mount / "disk")
        job = self.begin(loop)
        for _ in range(CUTS):
            if self.job(job)["ended_at"]:
                self.assert_whole(self.job(job))
                job = self.submit(loop)
            time.sleep(self.random.uniform(3, 9))
            loop = self.cut_power(mount, loop)
        self.assert_whole(self.current.wait(job["id"], 120))

    @need_root
    def test_without_a_flush_it_would_be_lost(self):
        """The same on a disk that says that it wrote its cache back, and did not."""
        mount = self.volatile_disk()
        (mount / "control").write_text("lie")
        loop = self.attach(mount / "disk")
        job = self.begin(loop)
        await_true(lambda: self.checkpoints() and self.job(job)["devices"][0]["io"]["write"]["bytes"] > SIZE // 2,
                   "more than half of it", 60)
        self.cut_power(mount, loop)
        with self.store() as store:  # so that nobody waits for a disk that holds the data
            self.assertTrue(store.execute("SELECT count(*) FROM jobs").fetchone()[0])
        self.assert_noticed(job)

    @need_root
    def test_a_cursor_that_is_ahead_is_noticed(self):
        image = self.directory() / "image"
        image.write_bytes(b"")
        os.truncate(image, SIZE)
        job = self.begin(self.attach(image))
        await_true(self.checkpoints, "a checkpoint", 60)
        self.kill()
        with self.store() as store:
            count, = store.execute("UPDATE cursors SET position=?1, watermark=?1, above=x'010000' RETURNING 1",
                                   (SIZE // BLOCK - 64,)).fetchall()
            self.assertEqual((1,), count)
        self.restart()
        # The last interval of those may have been reached, or the check finds it.
        self.assert_noticed(job)

    @need_root
    def test_what_was_in_flight_and_is_not_written_again_is_in_doubt(self):
        """The pass ends by its runtime, before it comes as far again as it had been: old, new or torn."""
        mount = self.fuse_disk(SIZE, "uncached")
        (mount / "control").write_text("delay 20")
        loop = self.attach(mount / "disk")
        job = self.begin(loop, rate_iops=None, runtime="8s")
        written = lambda: self.job(job)["devices"][0]["io"]["write"]["bytes"]  # noqa: E731
        await_true(self.checkpoints, "a checkpoint", 60)
        at = written()
        await_true(lambda: written() > at + 40 * BLOCK, "more than that", 60)
        self.kill()
        (mount / "control").write_text("delay 500")
        self.restart()
        await_true(lambda: self.job(job)["devices"][0]["stages"][1]["state"] == "RUNNING", "the check", 60)
        (mount / "control").write_text("clear")
        ended = self.current.wait(job["id"], 120)
        self.assertEqual("INCONCLUSIVE", ended["verdict"], ended["reason"])
        self.assertEqual({}, mismatches(verified(ended)))
        self.assertGreater(verified(ended)["indeterminate_bytes"], 0)

    @need_root
    def test_a_transient_miscompare_is_not_forgotten(self):
        mount = self.fuse_disk(SIZE, "uncached")
        (mount / "control").write_text("delay 3")
        loop = self.attach(mount / "disk")
        job = self.begin(loop, rate_iops=None)
        await_true(lambda: self.job(job)["devices"][0]["stages"][1]["state"] == "RUNNING", "the check to begin", 60)
        for block in range(0, SIZE // BLOCK, 16):  # of each of these, the next read alone
            (mount / "control").write_text(f"damage read flipped {block * BLOCK} {BLOCK} 7 1")
        await_true(lambda: mismatches(verified(self.job(job))), "it to be found", 60)
        self.kill()
        (mount / "control").write_text("clear")
        self.restart()
        ended = self.current.wait(job["id"], 120)
        self.assertEqual("FAIL", ended["verdict"])
        self.assertGreaterEqual(mismatches(verified(ended))["bitflip"], 1)


if __name__ == "__main__":
    unittest.main()
