# SPDX-License-Identifier: Apache-2.0
"""The bus interface on a private bus; the bus's absence, loss and return."""
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

from buses import JOB, NAME, PATH, Bus, OnABus
from harness import ROOT, SLOW, await_true, need_root
from raw_bus import RawBus


class DBus(OnABus):
    def test_the_interfaces_are_those_that_are_described(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())

        def members(text, name):
            text = re.sub(r"<!DOCTYPE[^>]*>", "", text)
            interface = next(i for i in ElementTree.fromstring(text) if i.get("name") == name)
            return {(m.tag, m.get("name"), tuple((a.get("name"), a.get("type"), a.get("direction") or "out") for a in m.findall("arg")),
                     m.get("type"), tuple(sorted((a.get("name"), a.get("value")) for a in m.findall("annotation"))))
                    for m in interface}

        job = self.invoke("GetJob", "s", self.invoke("Submit", "s", self.definition(daemon))[0])[0]
        for name, path in ((NAME, PATH), (JOB, job)):
            shown = self.busctl("introspect", "--xml-interface", NAME, path).stdout
            self.assertEqual(members((ROOT / f"api/{name}.xml").read_text(), name), members(shown, name))

    def test_every_method(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        version = self.busctl("get-property", NAME, PATH, NAME, "Version").stdout
        self.assertEqual(daemon.call("GET", "/v1/version").json["version"], json.loads(version)["data"])
        definition = self.definition(daemon, runtime="1h", time_based=True)
        accepted, plan = self.invoke("Validate", "s", definition)
        self.assertTrue(accepted)
        self.assertEqual(daemon.call("POST", "/v1/jobs:validate", definition).json, json.loads(plan))
        job_id = self.invoke("Submit", "s", definition)[0]
        self.assertEqual(f"uid:{os.getuid()}", daemon.call("GET", f"/v1/jobs/{job_id}").json["created_by"])
        accepted, plan = self.invoke("Validate", "s", definition)
        self.assertFalse(accepted)
        self.assertIn(f"is claimed by job {job_id}", json.loads(plan)["targets"][0]["refusals"][0])
        rows = self.invoke("ListJobs")[0]
        self.assertEqual([job_id, "over the bus", "RUNNING", ""], rows[0][:4])
        over_http = lambda: [d["device"] for d in daemon.call("GET", "/v1/devices").json["devices"]]  # noqa: E731
        # Devices of others come and go meanwhile.
        await_true(lambda: [row[0] for row in self.invoke("ListDevices")[0]] == over_http(), "the same devices at both doors")
        self.invoke("Cancel", "s", job_id)
        self.assertEqual("CANCELLED", daemon.wait(job_id)["state"])
        target = daemon.dir / "scratch"
        for line in (f"Submit by uid {os.getuid()}, pid ", f': done, job {job_id} on "{target}"', "Cancel by uid "):
            await_true(lambda: line in daemon.text(), f"a line with {line}")

    def test_errors_have_names(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        for arguments, expected in ((("Cancel", "s", "x"), "there is no job x"),
                                    (("Submit", "s", "{"), "parse error"),
                                    (("Submit", "s", "{}"), "/targets")):
            done = self.busctl("call", NAME, PATH, NAME, *arguments, check=False)
            self.assertNotEqual(0, done.returncode)
            self.assertIn(expected, done.stderr)
        self.assertIsNone(daemon.process.poll())
        await_true(lambda: ": Invalid: " in daemon.text() and ": NotFound, job x: " in daemon.text(), "both in the log")

    def test_text_that_the_bus_does_not_take_comes_in_by_no_door_and_goes_out_by_none(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        for name in ("a\ufffe", "\ufdd0", "a\0b", "x\x9by", "\U0001ffff"):
            job = json.dumps({"name": name, "targets": [str(daemon.dir / "scratch")], name: 1})
            answer = daemon.call("POST", "/v1/jobs", json.loads(job))
            self.assertEqual(422, answer.status, answer.raw)
            self.assertIn("/name", [error["pointer"] for error in answer.json["errors"]])
            done = self.busctl("call", NAME, PATH, NAME, "Submit", "s", job, check=False)
            self.assertIn("/name", done.stderr, "an answer that the bus passes on, though it quotes the unknown key")
        self.assertEqual([[]], self.invoke("ListJobs"))
        self.assertEqual(0, daemon.text().count("no bus, going on"))

    def test_state_changes_are_signalled(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        log = open(daemon.dir / "monitor", "w+")
        self.addCleanup(log.close)
        monitor = subprocess.Popen(["dbus-monitor", "--address", self.address,
                                    f"type='signal',interface='{NAME}'"], stdout=log, text=True)
        self.addCleanup(monitor.wait)
        self.addCleanup(monitor.terminate)
        text = lambda: (daemon.dir / "monitor").read_text()  # noqa: E731
        await_true(lambda: "NameAcquired" in text() or "NameLost" in text(), "the monitor to listen")
        job_id = self.invoke("Submit", "s", self.definition(daemon))[0]
        await_true(lambda: all(word in text() for word in (job_id, '"RUNNING"', '"SUCCEEDED"', '"PASS"')), "the signals")

    def timed(self, method):
        begun = time.monotonic()
        self.invoke(method)
        return time.monotonic() - begun

    def test_an_inhibitor_is_held_while_a_destructive_job_runs(self):
        Bus(self, self.address)
        _, said = self.login1()
        daemon = self.connected(self.start())
        job = self.destroying(daemon, name="rack 7")
        await_true(lambda: f"taken shutdown:sleep spliced block: job {job['id']} (rack 7) writes to disks" in said(), "the lock")
        self.assertNotIn("released", said())
        other = self.destroying(daemon, "t")
        await_true(lambda: f"job {job['id']} (rack 7) and 1 more write to disks" in said(), "a lock that counts both")
        await_true(lambda: said().count("released") == 1, "the one before to be released")
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        await_true(lambda: f"block: job {other['id']} writes" in said(), "a lock that names the other")
        daemon.call("POST", f"/v1/jobs/{other['id']}:cancel", "")
        daemon.wait(other["id"])
        await_true(lambda: said().count("released") == 3, "the lock to be released")
        daemon.run(targets=[str(daemon.dir / "s")], workload={"rw": "read", "direct": False})
        self.invoke("ListJobs")
        self.assertEqual(3, said().count("taken"))

    def test_a_silent_login1_keeps_nobody_waiting_and_its_successor_is_asked(self):
        Bus(self, self.address)
        silent, said = self.login1("silent")
        daemon = self.connected(self.start())
        job = self.destroying(daemon)
        await_true(lambda: "asked" in said(), "login1 to be asked")
        for _ in range(4):
            self.assertLess(self.timed("ListJobs"), 1 * SLOW)
        self.assertEqual(1, said().count("asked"))
        silent.kill()
        silent.wait()
        _, said = self.login1()
        await_true(lambda: "taken" in said(), "the lock to be taken")
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        await_true(lambda: "released" in said(), "the lock to be released")

    def test_a_login1_that_refuses_is_asked_again(self):
        Bus(self, self.address)
        _, said = self.login1("refuse")
        daemon = self.connected(self.start())
        self.destroying(daemon)
        await_true(lambda: said().count("refused") >= 2, "a second try")
        self.assertEqual(1, daemon.text().count("no shutdown inhibitor"))

    def test_a_login1_that_restarted_is_asked_again(self):
        Bus(self, self.address)
        login1, said = self.login1()
        daemon = self.connected(self.start())
        job = self.destroying(daemon)
        await_true(lambda: "taken" in said(), "the lock to be taken")
        login1.kill()
        login1.wait()
        _, said = self.login1()
        await_true(lambda: "taken" in said(), "the lock to be taken from the new one")
        self.assertEqual("RUNNING", daemon.call("GET", f"/v1/jobs/{job['id']}").json["state"])
        self.assertNotIn("released", said())
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        await_true(lambda: "released" in said(), "the lock to be released")

    def test_a_definition_that_is_too_long_is_refused_at_once(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        submit = (NAME, PATH, NAME, "Submit")
        self.assertEqual("org.spliced.Error.Invalid", raw.call(*submit, b" " * (1 << 20))[0])  # no JSON, but read
        before = daemon.rss()
        for size, body in ((1 << 20) + 1, b" "), (16 << 20, b'{"a":'), ((60 if SLOW == 1 else 20) << 20, b"["):
            text = (body * (size // len(body) + 1))[:size]
            peaks = [before]
            done = threading.Event()

            def watch():
                while not done.wait(0.005):
                    peaks.append(daemon.rss())

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                serial = raw.send(*submit, text)
                # The bus itself has to pass the message on first.
                self.assertLess(self.timed("ListJobs"), 4 * SLOW, size)
                error, answer = raw.answer(serial)
            finally:
                done.set()
                watcher.join()
            self.assertEqual("org.spliced.Error.Invalid", error)
            self.assertIn(b"at most 1048576", answer)
            if SLOW == 1:  # a sanitizer has a shadow of all memory, and keeps what was freed
                self.assertLess(max(peaks) - before, 100 << 20, size)
        error, answer = raw.call(NAME, PATH, NAME, "Cancel", b"x" * (16 << 20))
        self.assertEqual("org.spliced.Error.NotFound", error)
        self.assertLess(len(answer), 1000)
        self.assertEqual(0, daemon.text().count("no bus, going on"))
        self.assertEqual(1, daemon.text().count("connected to the bus"))

    @need_root
    def test_calls_that_wait_for_a_disk_keep_nobody_else_waiting(self):
        Bus(self, self.address)
        mount = self.fuse_disk(1 << 20)
        daemon = self.daemon(allow=[f"{mount}/"], bus="session", env=self.env)
        self.connected(daemon)
        server = int(subprocess.run(["pgrep", "-f", f"fuse_disk {mount} "], capture_output=True, text=True,
                                    check=True).stdout.split()[0])
        self.addCleanup(os.kill, server, signal.SIGCONT)
        os.kill(server, signal.SIGSTOP)
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        definition = json.dumps({"targets": [str(mount / "disk")], "workload": {"rw": "read", "direct": False}})
        calls = [raw.send(NAME, PATH, NAME, "Submit", definition) for _ in range(3)]
        for _ in range(3):
            self.assertLess(self.timed("ListJobs"), 1 * SLOW)
        # What is still under way does not hold the daemon's end up either.
        begun = time.monotonic()
        os.kill(daemon.pid(), signal.SIGTERM)
        self.assertEqual(3, len(calls))
        await_true(lambda: "leaving without" in daemon.text() or daemon.process.poll() is not None, "the end", 8)
        self.assertLess(time.monotonic() - begun, 6 * SLOW)

    def test_more_calls_than_can_wait_are_refused(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        serials = [raw.send(NAME, PATH, NAME, "ListDevices") for _ in range(300)]
        answers = [raw.answer(serial)[0] for serial in serials]
        self.assertIn(None, answers)
        self.assertLessEqual(set(answers), {None, "org.spliced.Error.Exhausted"})
        self.assertIsNone(daemon.process.poll())

    def test_no_bus_a_lost_bus_and_a_new_bus(self):
        daemon = self.start()
        await_true(lambda: "no bus, going on without it" in daemon.text(), "the missing bus to be told")
        bus = Bus(self, self.address)
        self.connected(daemon)
        job = daemon.submit(targets=[str(daemon.dir / "scratch")], destructive=True, workload={
            "rw": "randwrite", "bs": "4k", "size": "1M", "runtime": "4s", "time_based": True, "rate_iops": 500,
            "direct": False})
        await_true(lambda: daemon.metric("spliced_io_operations_total", op="write") > 100, "the job to move")
        bus.end(signal.SIGKILL)
        await_true(lambda: daemon.text().count("no bus, going on") == 2, "the loss to be told")
        os.unlink(self.address.removeprefix("unix:path="))
        job = daemon.wait(job["id"])
        self.assertEqual("PASS", job["verdict"])
        written = job["devices"][0]["io"]["write"]
        self.assertAlmostEqual(2000, written["operations"], delta=20)
        self.assertEqual(200, daemon.call("GET", "/livez").status)
        Bus(self, self.address)
        self.connected(daemon)
        self.assertEqual(job["id"], self.invoke("ListJobs")[0][0][0])
        self.assertEqual(2, daemon.text().count("no bus, going on"))


if __name__ == "__main__":
    unittest.main()
