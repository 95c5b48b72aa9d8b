# SPDX-License-Identifier: Apache-2.0
"""What is told of a job does not depend on whether the daemon that ran it is still there."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3

from harness import SLOW, TestCase, await_true, need_root

KIB, MIB = 1 << 10, 1 << 20
ENDLESS = {"time_based": True, "runtime": "1h", "rate_iops": 50, "direct": False}
DEVICES = 1024 if SLOW == 1 else 64


@need_root
class Restart(TestCase):
    maxDiff = 4000

    def setUp(self):
        super().setUp()
        self.mount = self.fuse_disk(16 * MIB)
        self.loop_, _ = self.loop(image=self.mount / "disk")
        self.daemon_ = self.daemon(allow=["/dev/loop*"])
        self.dir_ = self.daemon_.dir

    def file(self, name, size=256 * KIB):
        path = self.dir_ / name
        path.write_bytes(bytes(size))
        return str(path)

    def end(self, **job):
        return self.daemon_.run(**job)["id"]

    def start(self, **job):
        job_id = self.daemon_.submit(**job)["id"]
        await_true(lambda: self.job(job_id)["devices"][0]["io"]["write"]["operations"] > 0, "the job to do something")
        return job_id

    def job(self, job_id):
        return self.daemon_.call("GET", f"/v1/jobs/{job_id}").json

    def ended_jobs(self):
        """One of each kind, by the kind."""
        plain = {"direct": False}
        control = self.mount / "control"
        out = {
            "succeeded": self.end(name="all fine", targets=[self.file("a")], workload={"rw": "read", **plain}),
            "psync": self.end(targets=[self.file("b")], engine={"kind": "psync"}, destructive=True,
                              workload={"rw": "randrw", "bs": {"read": "4k", "write": "8k", "trim": "4k"}, "workers": 3, **plain}),
            "odd names": self.end(name="naïve \"name\" \\", targets=[self.file("a file, with 'odd' \"naïve\" \\ 名前")],
                                  workload={"rw": "read", **plain}),
            "stages": self.end(targets=[self.file("c"), self.file("d")], destructive=True, stages=[
                {"name": "fill", "workload": {"rw": "write", **plain}}, {"name": "rest", "wait": "200ms"},
                {"name": "twice", "repeat": {"times": 2, "stages": [{"name": "look", "workload": {"rw": "randread", **plain}}]}}]),
            "streams": self.end(targets=[self.file("e")], destructive=True, stages=[{"name": "both", "runtime": "500ms", "streams": [
                {"name": "reader", "workload": {"rw": "read", "time_based": True, "rate_iops": 200, **plain}},
                {"name": "writer", "workload": {"rw": "randwrite", "time_based": True, "rate_iops": 100, **plain}}]}]),
            "many devices": self.end(targets=[self.file(f"m{i}", 4 * KIB) for i in range(DEVICES)], workload={"rw": "read", **plain}),
        }
        cancelled = self.start(targets=[self.file("f")], destructive=True, workload={"rw": "write", **ENDLESS})
        self.daemon_.call("POST", f"/v1/jobs/{cancelled}:cancel")
        self.daemon_.wait(cancelled)
        out["cancelled"] = cancelled
        control.write_text("fail read 6291456 65536 5")
        out["with errors"] = self.end(targets=[self.loop_], workload={"rw": "read", "bs": "16k", "offset": "6M", "size": "1M"},
                                      error_policy={"max_errors": 100}, criteria={"max_io_errors": 3})
        out["failed in stage 2"] = self.end(targets=[self.loop_], destructive=True, stages=[
            {"name": "good", "workload": {"rw": "write", "offset": "2M", "size": "1M"}},
            {"name": "bad", "workload": {"rw": "read", "offset": "6M", "size": "1M"}}, {"name": "never", "workload": {"rw": "read"}}])
        control.write_text("clear")
        control.write_text("hang read 4194304 4096")
        out["stalled"] = self.end(targets=[self.loop_], workload={"rw": "read", "offset": "4M", "size": "1M"},
                                  error_policy={"stall_timeout": "1s"})
        control.write_text("clear")
        await_true(lambda: self.daemon_.metric("spliced_device_state", state="stalled") == 0, "the disk to come back")
        return out

    def restart(self, how):
        os.kill(self.daemon_.pid(), how)
        self.daemon_.process.wait(60)
        self.daemon_ = self.daemon(directory=self.dir_, allow=["/dev/loop*"])

    def lists(self):
        paths = ["", "?view=full&page_size=20", "?state=FAILED", "?state=SUCCEEDED&page_size=3",
                 f"?device={os.path.basename(self.loop_)}", f"?device={self.dir_}/m7"]
        out = {}
        for path in paths:
            answer = self.daemon_.call("GET", f"/v1/jobs{path}").json
            answer["jobs"] = [job for job in answer["jobs"] if job["state"] not in ("RUNNING", "PAUSED", "INTERRUPTED")]
            out[path] = answer
        return out

    def expect_same(self, kind, before, after):
        """Member by member, so that what differs is named."""
        for key in before:
            with self.subTest(kind=kind, member=key):
                self.assertEqual(before[key], after[key])
        self.assertEqual(list(before), list(after), kind)

    def expect_interrupted(self, kind, before, after, how):
        """What was running is what was recorded last; what was asked for has not changed."""
        changing = {"state", "verdict", "reason", "ended_at", "elapsed_seconds", "devices"}
        self.expect_same(kind, {key: before[key] for key in before if key not in changing},
                         {key: after[key] for key in after if key not in changing})
        with self.subTest(kind=kind, how=how):
            self.assertEqual(list(before), list(after))
            self.assertEqual(("INTERRUPTED", None), (after["state"], after["verdict"]))
            self.assertTrue(after["reason"] and after["ended_at"])
            self.assertEqual(len(before["devices"]), len(after["devices"]))
            for old, new in zip(before["devices"], after["devices"]):
                self.assertEqual(list(old), list(new))
                self.assertEqual(("INTERRUPTED", None), (new["state"], new["eta_seconds"]))
                self.assertEqual((old["device"], old["path"], [one["name"] for one in old["stages"]]),
                                 (new["device"], new["path"], [one["name"] for one in new["stages"]]))
                self.assertGreater(new["io"]["write"]["operations"], 0)
                self.assertNotIn("RUNNING", [one["state"] for one in new["stages"]])

    def check(self, how):
        ended = self.ended_jobs()
        active = {
            "running": self.start(targets=[self.file("x"), self.file("y")], destructive=True, stages=[
                {"name": "first", "workload": {"rw": "write", "direct": False}},
                {"name": "second", "workload": {"rw": "randwrite", **ENDLESS}}, {"name": "third", "wait": "1s"}]),
            "paused": self.start(targets=[self.file("z")], destructive=True, workload={"rw": "randwrite", **ENDLESS})}
        self.daemon_.call("POST", f"/v1/jobs/{active['paused']}:pause")
        if how == signal.SIGKILL:  # what was recorded at the beginning says nothing yet
            await_true(lambda: all(self.recorded(job_id) for job_id in active.values()), "a record of what they have done", 40)
        before = {kind: self.job(job_id) for kind, job_id in (ended | active).items()}
        lists = self.lists()
        self.restart(how)
        for kind, job_id in ended.items():
            self.expect_same(kind, before[kind], self.job(job_id))
        for kind, job_id in active.items():
            self.expect_interrupted(kind, before[kind], self.job(job_id), how)
        for path, answer in self.lists().items():
            with self.subTest(path=path):
                self.assertEqual([job["id"] for job in lists[path]["jobs"]], [job["id"] for job in answer["jobs"]])
                self.assertEqual(lists[path]["jobs"], answer["jobs"])
        # A second time it is all the same, whoever was interrupted.
        before = {kind: self.job(job_id) for kind, job_id in (ended | active).items()}
        self.restart(signal.SIGTERM)
        for kind, job_id in (ended | active).items():
            self.expect_same(kind, before[kind], self.job(job_id))

    def recorded(self, job_id):
        return job_id in self.state("SELECT job FROM devices GROUP BY job HAVING MAX(figures LIKE '%\"write\":{\"bytes\":0,%') = 0")

    def state(self, query):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir_}/state/state.db?mode=ro", uri=True)) as store:
            return [row[0] for row in store.execute(query)]

    def test_after_a_stop_all_jobs_are_what_they_were(self):
        self.check(signal.SIGTERM)

    def test_after_kill_9_all_jobs_are_what_they_were(self):
        self.check(signal.SIGKILL)


class OldState(TestCase):
    """data/ has what a daemon left that stored its jobs as documents, in version 2 of the database, and what it told of them
    before it was killed."""
    DATA = pathlib.Path(__file__).parent / "data"

    def setUp(self):
        super().setUp()
        directory = self.directory()
        (directory / "state").mkdir(mode=0o700)
        with contextlib.closing(sqlite3.connect(directory / "state/state.db")) as store:
            store.executescript((self.DATA / "state_v2.sql").read_text())
        self.told = json.loads((self.DATA / "state_v2.json").read_text())
        self.daemon_ = self.daemon(directory=directory)

    def same(self, old, new, *keys):
        for key in keys:
            with self.subTest(member=key):
                self.assertEqual(old[key], new[key])

    def same_device(self, old, new):
        self.same(old, new, "device", "path", "progress", "offset_bytes", "size_bytes", "errors", "errors_omitted")
        for op, figures in old["io"].items():
            self.same(figures, new["io"][op], *(key for key in figures if key != "latency_seconds"))
            self.assertEqual(figures["latency_seconds"], {key: value for key, value in new["io"][op]["latency_seconds"].items()
                                                          if value is not None})
        self.assertEqual("splice", new["engine"]["kind"])
        self.same(old["splice"], new["engine"], "read_path", "pipe_size_bytes")
        events = {event["event"]: event["count"] for event in new["engine"]["events"]}
        self.assertEqual(sum(one["count"] for one in old["splice"]["fallbacks"]), events.get("fallback", 0))

    def test_its_jobs_are_told_in_the_form_of_today(self):
        for old in self.told:
            new = self.daemon_.call("GET", f"/v1/jobs/{old['id']}").json
            self.same(old, new, "id", "created_at", "started_at", "name", "targets", "error_policy", "destructive",
                      "allow_in_use", "overwrite_signatures")
            self.assertIsNone(new["run_id"])
            stage, = new["stages"]
            self.same(old["workload"], stage["workload"], *(key for key in old["workload"] if key != "payload"))
            self.assertEqual("random", stage["workload"]["payload"], "what took the place of the stamp")
            self.same(old["engine"], stage["engine"], *old["engine"])
            self.assertEqual(len(old["devices"]), len(new["devices"]))
            if old["ended_at"]:
                self.same(old, new, "state", "verdict", "reason", "ended_at")
                for before, after in zip(old["devices"], new["devices"]):
                    self.same(before, after, "state", "reason", "eta_seconds")
                    self.same_device(before, after)
            else:
                self.assertEqual("INTERRUPTED", new["state"])
                self.assertEqual(["INTERRUPTED"], [device["state"] for device in new["devices"]])
                self.assertGreater(new["devices"][0]["io"]["write"]["operations"], 0)

    def test_new_ones_are_stored_beside_them(self):
        (self.daemon_.dir / "t").write_bytes(bytes(4096))
        job = self.daemon_.run(targets=[str(self.daemon_.dir / "t")], workload={"rw": "read", "direct": False})
        listed = self.daemon_.call("GET", "/v1/jobs").json["jobs"]
        self.assertEqual([job["id"], *reversed([old["id"] for old in self.told])], [one["id"] for one in listed])
        self.assertEqual(204, self.daemon_.call("DELETE", f"/v1/jobs/{self.told[0]['id']}").status)
        again = self.daemon_.call("GET", f"/v1/jobs/{self.told[1]['id']}").json
        self.assertEqual("SUCCEEDED", again["state"])
