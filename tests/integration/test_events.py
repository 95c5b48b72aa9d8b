# SPDX-License-Identifier: Apache-2.0
"""What happens to jobs is told as it happens, and again to whoever comes back."""
import concurrent.futures
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import unittest
import uuid

from harness import BIN, SLOW, TestCase, await_true, need_root

MIB = 1 << 20
STREAMS = 64


class Events:
    """One client that follows: its events so far."""

    def __init__(self, test, server, path, last=None):
        self.sock = socket.socket(socket.AF_UNIX)
        test.addCleanup(self.sock.close)
        self.sock.settimeout(30 * SLOW)
        self.sock.connect(str(server.socket))
        field = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n".encode())
        self.raw, self.whole = b"", False
        while b"\r\n\r\n" not in self.raw:
            self.raw += self.more()
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        self.head = head.decode()
        self.text, self.seen = "", []

    def more(self):
        chunk = self.sock.recv(65536)
        if not chunk:
            self.whole = True
        return chunk

    def all(self):
        """What has come so far."""
        while b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            self.text += rest[:length].decode()
            self.raw = rest[length + 2:]
        *parts, self.text = self.text.split("\n\n")
        for part in parts:
            fields = dict(line.split(": ", 1) for line in part.split("\n") if ": " in line)
            if "data" in fields:
                self.seen.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
        return self.seen

    def until(self, wanted):
        """The events, once one of them is the one that is wanted."""
        looked = 0
        while not any(wanted(kind, data) for kind, data, _ in self.all()[looked:]):
            looked = len(self.seen)
            if self.whole:
                raise AssertionError(f"it ended before: {self.seen[-5:]}")
            self.raw += self.more()
        return self.seen

    def to_end(self):
        while not self.whole:
            self.raw += self.more()
        return self.all()


def told(events):
    """Without progress."""
    return [event for event in events if event[0] != "progress"]


def kinds(events):
    return [(kind, data["state"]) if kind in ("state", "pause", "resume") else (kind, data.get("stage")) for kind, data, _ in told(events)]


class OfJobs(TestCase):
    def setUp(self):
        super().setUp()
        self.dir = self.directory()
        self.server = self.daemon(directory=self.dir)

    def file(self, name="file", size=MIB):
        path = self.dir / name
        path.write_bytes(bytes(size))
        return str(path)

    def endless(self, name="file"):
        return self.server.submit(targets=[self.file(name)], workload={
            "rw": "read", "direct": False, "time_based": True, "runtime": "1h", "rate_iops": 100})["id"]

    def events(self, job=None, last=None, query=""):
        path = f"/v1/jobs/{job}/events" if job else "/v1/events"
        return Events(self, self.server, path + query, last)

    def restart(self):
        os.kill(self.server.pid(), signal.SIGKILL)
        self.server.process.wait(30)
        self.server = self.daemon(directory=self.dir)

    def test_a_job_from_its_beginning_to_its_end(self):
        job = self.server.submit(targets=[self.file("a"), self.file("b")], stages=[
            {"name": "one", "workload": {"rw": "read", "direct": False}}, {"name": "rest", "wait": "1500ms"}])["id"]
        following = self.events(job)
        self.assertIn("text/event-stream", following.head)
        events = following.to_end()
        self.assertEqual(("state", "RUNNING"), kinds(events)[0])
        self.assertEqual(("state", "SUCCEEDED"), kinds(events)[-1])
        for device in ("a", "b"):
            stages = [data["stage"] for kind, data, _ in events if kind == "stage" and data["device"].endswith(f"/{device}")]
            self.assertEqual(["one", "rest"], stages)
        self.assertTrue(any(kind == "progress" and data["job"] == job for kind, data, _ in events), events)
        ids = [int(number) for _, _, number in told(events)]
        self.assertEqual(sorted(set(ids)), ids)
        for kind, data, number in told(events):
            self.assertEqual((job, int(number)), (data["job"], data["id"]))
        self.assertEqual(told(events), told(self.events(job).to_end()), "the same again")
        self.assertEqual(told(events)[2:], told(self.events(job, last=ids[1]).to_end()))
        self.assertEqual(204, self.events(job, last=ids[-1]).status)

    def test_pauses_and_the_end_are_told_as_they_happen(self):
        job = self.endless()
        following, of_all = self.events(job), self.events()
        following.until(lambda kind, data: kind == "stage")
        for deed, kind, state in (("pause", "pause", "PAUSED"), ("resume", "resume", "RUNNING"), ("cancel", "state", "STOPPING")):
            self.server.call("POST", f"/v1/jobs/{job}:{deed}")
            for one in (following, of_all):
                one.until(lambda is_kind, data, kind=kind, state=state: (is_kind, data.get("state")) == (kind, state))
        self.assertEqual(("state", "CANCELLED"), kinds(following.to_end())[-1])
        self.server.call("DELETE", f"/v1/jobs/{job}")
        of_all.until(lambda kind, data: kind == "forgotten" and data["job"] == job)
        self.assertEqual(404, self.events(job).status)

    def test_what_was_missed_is_told_over_a_restart(self):
        first = self.server.run(targets=[self.file()], workload={"rw": "read", "direct": False})["id"]
        seen = told(self.events(first).to_end())
        job = self.endless()
        following = self.events(job)
        before = told(following.until(lambda kind, data: kind == "stage"))
        of_all = self.events(query="?follow=false").to_end()
        self.assertEqual(seen + before, of_all)
        await_true(lambda: self.rows(job) == len(before), "its events in the store", timeout=30)
        self.restart()
        self.assertEqual(seen, told(self.events(first).to_end()))
        after = told(self.events(job, last=before[-1][2]).to_end())
        self.assertEqual([("state", "INTERRUPTED")], kinds(after))
        self.assertGreater(int(after[0][2]), int(before[-1][2]))
        self.assertEqual(before[1:] + after, told(self.events(last=before[0][2], query="?follow=false").to_end()))

    def rows(self, job):
        text = f"SELECT COUNT(*) FROM events WHERE job='{job}'"
        with sqlite3.connect(f"file:{self.dir}/state/state.db?mode=ro", uri=True) as database:
            return database.execute(text).fetchone()[0]

    def test_what_is_not_known_any_more_is_counted(self):
        jobs = [self.server.run(targets=[self.file()], workload={"rw": "read", "direct": False})["id"] for _ in range(3)]
        of_each = [told(self.events(job).to_end()) for job in jobs]
        self.server.call("DELETE", f"/v1/jobs/{jobs[1]}")
        self.restart()
        again = told(self.events(last=of_each[0][0][2], query="?follow=false").to_end())
        self.assertEqual(of_each[0][1:] + [("lost", {"events": len(of_each[1])}, None)] + of_each[2], again)

    def test_wrong_requests(self):
        job = str(uuid.uuid4())
        self.assertEqual(404, self.events(job).status)
        for last in ("x", "-1", "1.5", "9" * 30):
            self.assertEqual(400, self.events(last=last).status, last)
        self.assertEqual(400, self.events(query="?follow=perhaps").status)
        self.assertEqual(400, self.events(query="?since=0").status)
        self.assertEqual(200, self.events(last=2**63).status, "of another database: it goes on with what comes")

    def test_so_many_and_no_more_and_none_holds_a_thread(self):
        job = self.endless()
        readers = [self.events(job) for _ in range(STREAMS)]
        self.assertEqual({200}, {one.status for one in readers})
        refused = self.events(job)
        self.assertEqual((429, True), (refused.status, "Retry-After" in refused.head))
        for one in readers:
            one.until(lambda kind, data: kind == "progress")
        self.assertEqual(200, self.server.call("GET", "/v1/version", timeout=5).status)
        readers.pop().sock.close()
        await_true(lambda: self.events(job).status == 200, "the place of one that has left")
        self.server.call("POST", f"/v1/jobs/{job}:cancel")
        for one in readers:
            self.assertEqual(("state", "CANCELLED"), kinds(one.to_end())[-1])

    def test_all_that_read_get_each_event_in_order_beside_one_that_does_not(self):
        readers = [self.events() for _ in range(STREAMS)]
        readers.pop()  # it is there, and takes nothing
        last = str(uuid.uuid4())

        def is_last(kind, data):
            return kind == "state" and data["job"] == last and data["state"] == "SUCCEEDED"

        files = [self.file(f"f{i}", 4096) for i in range(8)]
        reading = {"targets": files, "workload": {"rw": "read", "direct": False}}
        with concurrent.futures.ThreadPoolExecutor(len(readers)) as pool:
            heard = [pool.submit(one.until, is_last) for one in readers]
            for _ in range(10):
                self.server.run(**reading)
            self.server.call("PUT", f"/v1/jobs/{last}", reading, {"Content-Type": "application/json", "If-None-Match": "*"})
            stories = [[(kind, number) for kind, _, number in told(one.result(timeout=60 * SLOW))] for one in heard]
        numbers = [int(number) for _, number in stories[0]]
        self.assertEqual(sorted(set(numbers)), numbers)
        self.assertGreater(len(numbers), 100)
        for story in stories:
            self.assertEqual(stories[0], story)
        self.restart()
        again = told(self.events(last=numbers[0]).until(is_last))
        self.assertEqual(numbers[1:], [int(number) for _, _, number in again])

    @unittest.skipIf(SLOW > 1, "a sanitizer takes too long to fill the buffers")
    def test_one_that_takes_nothing_is_dropped_and_holds_up_nobody(self):
        slow, quick = self.events(), self.events()
        files = [self.file(f"f{i}", 4096) for i in range(64)]
        last = str(uuid.uuid4())

        def is_last(kind, data):
            return kind == "state" and data["job"] == last and data["state"] == "SUCCEEDED"

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            heard = pool.submit(quick.until, is_last)
            reading = {"targets": files, "workload": {"rw": "read", "direct": False}}
            for _ in range(40):
                self.server.run(**reading)
            self.server.call("PUT", f"/v1/jobs/{last}", reading, {"Content-Type": "application/json", "If-None-Match": "*"})
            heard.result(timeout=60)
        with self.assertRaisesRegex(AssertionError, "it ended before"):
            slow.until(is_last)

    def test_a_stop_of_the_daemon_ends_them_with_what_there_was(self):
        job = self.endless()
        following, of_all = self.events(job), self.events()
        following.until(lambda kind, data: kind == "stage")
        begun = time.monotonic()
        self.assertEqual(0, self.server.stop())
        self.assertLess(time.monotonic() - begun, 8 * SLOW)
        self.assertEqual(("state", "INTERRUPTED"), kinds(following.to_end())[-1])
        self.assertEqual(("state", "INTERRUPTED"), kinds(of_all.to_end())[-1])

    def test_splicectl_follows_over_a_restart(self):
        job = self.endless()
        with subprocess.Popen([BIN / "splicectl", "--server", f"unix:{self.server.socket}", "events", "-f", "-v", job],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
            self.addCleanup(following.kill)
            lines = []
            while not any("progress" in line for line in lines):
                lines.append(following.stdout.readline())
            await_true(lambda: self.rows(job) == 2, "its events in the store", timeout=30)
            self.restart()
            out, err = following.communicate(timeout=60 * SLOW)
        self.assertEqual(0, following.returncode, err)
        self.assertIn("RUNNING", lines[0])
        self.assertTrue(any(" stage " in line for line in lines), lines)
        self.assertIn("INTERRUPTED", out.splitlines()[-1])
        self.assertIn("trying again", err)
        again = subprocess.run([BIN / "splicectl", "--server", f"unix:{self.server.socket}", "--json", "events", job],
                               capture_output=True, text=True, timeout=30 * SLOW)
        self.assertEqual([("state", "RUNNING"), ("stage", None), ("state", "INTERRUPTED")],
                         [(data["event"], data["state"] if data["event"] == "state" else None)
                          for data in map(json.loads, again.stdout.splitlines())])


@need_root
class OfDisks(TestCase):
    def test_errors_and_damage_name_their_place(self):
        mount = self.fuse_disk(4 * MIB, "uncached")
        loop, _ = self.loop(image=mount / "disk")
        control = mount / "control"
        control.write_text(f"fail read {MIB} 4096 5")
        control.write_text(f"damage write flipped {2 * MIB} 4096 7")
        server = self.daemon(allow=["/dev/loop*"])
        job = server.run(targets=[loop], destructive=True, overwrite_signatures=["all"], error_policy={"max_errors": 100}, stages=[
            {"name": "fill", "workload": {"rw": "write", "bs": "64k"}}, {"name": "check", "verify": {"of": "fill"}}])
        events = Events(self, server, f"/v1/jobs/{job['id']}/events").to_end()
        device = loop.rsplit("/", 1)[1]
        wrong = [(kind, data["device"], data["stage"], data["offset"], data.get("error") or data["damage"])
                 for kind, data, _ in events if kind in ("error", "miscompare")]
        self.assertEqual({("error", device, "check", MIB, "EIO"), ("miscompare", device, "check", 2 * MIB, "bitflip")}, set(wrong))
        self.assertEqual(2, len(wrong), "the first of each kind")


if __name__ == "__main__":
    unittest.main()
