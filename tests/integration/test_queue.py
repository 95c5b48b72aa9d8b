# SPDX-License-Identifier: Apache-2.0
"""Devices wait for their turn."""
import datetime
import os
import signal
import unittest

from harness import SLOW, Daemon, TestCase, await_true

MIB = 1 << 20


class Queue(TestCase):
    def begin(self, *arguments):
        return self.daemon("--max-running-devices", *arguments, allow=["/dev/shm/"])

    def files(self, count):
        directory = self.directory()
        paths = [directory / f"disk{i}" for i in range(count)]
        for path in paths:
            path.write_bytes(bytes(MIB))
        return [str(path) for path in paths]

    def job(self, *targets, seconds=1, **more):
        return {"targets": list(targets), "workload": {
            "rw": "read", "bs": 4096, "direct": False, "time_based": True, "runtime": f"{seconds}s",
            "rate_iops": 100}} | more

    def state(self, daemon, job):
        return daemon.call("GET", f"/v1/jobs/{job['id']}").json

    def at_work(self, daemon):
        return sum(1 for line in daemon.metrics().splitlines()
                   if line.startswith('spliced_device_state{') and 'state="running"' in line and line.endswith(" 1"))

    def test_no_more_than_the_limit_are_at_work_in_their_order(self):
        daemon = self.begin("2")
        files = self.files(6)
        jobs = [daemon.submit_to_go_on(**self.job(path, seconds=2 * SLOW)) for path in files]
        self.assertEqual(["RUNNING", "RUNNING"] + ["QUEUED"] * 4, [job["state"] for job in jobs])
        self.assertEqual([None, None, 1, 2, 3, 4], [job["queue_position"] for job in jobs])
        await_true(lambda: "2 of at most 2" in (self.state(daemon, jobs[2])["reason"] or ""), "a reason")
        ended = [daemon.wait(job["id"]) for job in jobs]
        self.assertEqual(["PASS"] * 6, [job["verdict"] for job in ended])
        # Two places may become free at the same moment.
        began = [datetime.datetime.fromisoformat(job["started_at"]).timestamp() for job in ended]
        for before, after in zip(began, began[1:]):
            self.assertLess(before, after + 0.1, began)

    def test_the_devices_of_a_large_job_take_their_turns(self):
        daemon = self.begin("2")
        job = daemon.submit_to_go_on(**self.job(*self.files(5), seconds=1))
        self.assertEqual("QUEUED", job["state"])
        most = 0
        while not self.state(daemon, job)["ended_at"]:
            states = [device["state"] for device in self.state(daemon, job)["devices"]]
            most = max(most, states.count("RUNNING"))
        self.assertEqual("PASS", daemon.wait(job["id"])["verdict"])
        self.assertEqual(2, most)

    def test_a_target_of_another_job_is_waited_for_if_asked(self):
        daemon = self.begin("0")
        path, = self.files(1)
        first = daemon.submit_to_go_on(**self.job(path, seconds=60))
        refused = daemon.call("POST", "/v1/jobs", self.job(path))
        self.assertEqual(409, refused.status)
        second = daemon.submit_to_go_on(**self.job(path, queue=True))
        third = daemon.submit_to_go_on(**self.job(path, queue=True))
        self.assertEqual(("QUEUED", "QUEUED"), (second["state"], third["state"]))
        await_true(lambda: first["id"] in (self.state(daemon, second)["reason"] or ""), "a reason")
        self.assertEqual(409, daemon.call("DELETE", f"/v1/jobs/{second['id']}").status)
        self.assertEqual(200, daemon.call("POST", f"/v1/jobs/{second['id']}:cancel").status)
        self.assertEqual("CANCELLED", daemon.wait(second["id"])["state"])
        self.assertEqual(204, daemon.call("DELETE", f"/v1/jobs/{second['id']}").status)
        daemon.call("POST", f"/v1/jobs/{first['id']}:cancel")
        self.assertEqual("PASS", daemon.wait(third["id"])["verdict"])

    def test_a_job_that_needs_another_device_is_not_held_up(self):
        daemon = self.begin("2")
        one, two = self.files(2)
        daemon.submit_to_go_on(**self.job(one, seconds=60))
        waits = daemon.submit_to_go_on(**self.job(one, queue=True))
        passes = daemon.submit_to_go_on(**self.job(two, queue=True))
        self.assertEqual("PASS", daemon.wait(passes["id"])["verdict"])
        self.assertEqual("QUEUED", self.state(daemon, waits)["state"])

    def test_queued_jobs_survive_a_kill_in_their_order(self):
        daemon = self.begin("1")
        files = self.files(4)
        jobs = [daemon.submit_to_go_on(**self.job(path, seconds=2 * SLOW)) for path in files]
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        daemon = Daemon("--max-running-devices", "1", allow=["/dev/shm/"], directory=daemon.dir)
        self.addCleanup(daemon.close)
        ended = [daemon.wait(job["id"]) for job in jobs]
        self.assertEqual(["PASS"] * 4, [job["verdict"] for job in ended], [job["reason"] for job in ended])
        began = [job["started_at"] for job in ended]
        self.assertEqual(sorted(began), began)
        self.assertEqual([1, 0, 0, 0], [len(job["interruptions"]) for job in ended])

    def test_twenty_jobs_on_four_devices_over_restarts(self):
        daemon = self.begin("2")
        files = self.files(4)
        jobs = [daemon.submit_to_go_on(**self.job(files[i % 4], queue=True)) for i in range(20)]
        most = 0
        for _ in range(5):
            ended = sum(1 for job in jobs if self.state(daemon, job)["ended_at"])
            def more():
                nonlocal most
                most = max(most, self.at_work(daemon))
                return sum(1 for job in jobs if self.state(daemon, job)["ended_at"]) > ended + 1
            await_true(more, "a few more to end", 60)
            os.kill(daemon.pid(), signal.SIGKILL)
            daemon.process.wait()
            daemon = Daemon("--max-running-devices", "2", allow=["/dev/shm/"], directory=daemon.dir)
            self.addCleanup(daemon.close)
        ended = [daemon.wait(job["id"]) for job in jobs]
        self.assertEqual(["PASS"] * 20, [job["verdict"] for job in ended], [job["reason"] for job in ended])
        for device in range(4):
            began = [job["started_at"] for job in ended[device::4]]
            self.assertEqual(sorted(began), began)
        self.assertEqual(2, most)
        self.assertEqual(20, len(daemon.call("GET", "/v1/jobs").json["jobs"]))

    def test_what_became_unsafe_in_the_queue_is_not_touched(self):
        daemon = self.begin("1")
        one, two = self.files(2)
        first = daemon.submit_to_go_on(**self.job(one, seconds=60))
        waits = daemon.submit_to_go_on(**self.job(two))
        os.unlink(two)
        daemon.call("POST", f"/v1/jobs/{first['id']}:cancel")
        ended = daemon.wait(waits["id"])
        self.assertEqual("INTERRUPTED", ended["state"])
        self.assertIn("changed", ended["reason"])


if __name__ == "__main__":
    unittest.main()
