"""The bus interface on a private bus; the bus's absence, loss and return."""
import json
import os
import re
import shutil
import signal
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from harness import BIN, ROOT, TestCase, await_true

NAME, PATH = "org.spliced.Manager1", "/org/spliced/Manager1"


class Bus:
    def __init__(self, test, address):
        self.address = address
        self.process = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address", f"--address={address}"],
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        test.addCleanup(self.end)

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(10)
        self.process.stdout.close()


class DBus(TestCase):
    def setUp(self):
        for tool in ("dbus-daemon", "busctl"):
            if not shutil.which(tool):
                self.skipTest(f"no {tool}")
        self.address = f"unix:path={self.directory()}/bus"
        self.env = {"DBUS_SESSION_BUS_ADDRESS": self.address}

    def start(self):
        daemon = self.daemon(bus="session", env=self.env)
        return daemon

    def busctl(self, *arguments, check=True):
        done = subprocess.run(["busctl", f"--address={self.address}", "--json=short", *arguments], capture_output=True,
                              text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"busctl {arguments}: {done.stderr}")
        return done

    def invoke(self, method, *arguments):
        done = self.busctl("call", NAME, PATH, NAME, method, *arguments)
        return json.loads(done.stdout)["data"] if done.stdout.strip() else None

    def connected(self, daemon):
        await_true(lambda: self.busctl("status", NAME, check=False).returncode == 0, "the name on the bus", 30)
        return daemon

    def definition(self, daemon, **workload):
        return json.dumps({"name": "over the bus", "targets": [str(daemon.dir / "scratch")], "destructive": True,
                           "workload": {"rw": "randrw", "bs": "4k", "size": "1M", "direct": False, **workload}})

    def test_the_interface_is_the_one_that_is_described(self):
        Bus(self, self.address)
        self.connected(self.start())
        shown = self.busctl("introspect", "--xml-interface", NAME, PATH).stdout

        def members(text):
            text = re.sub(r"<!DOCTYPE[^>]*>", "", text)
            interface = next(i for i in ElementTree.fromstring(text) if i.get("name") == NAME)
            return {(m.tag, m.get("name"), tuple((a.get("type"), a.get("direction") or "out") for a in m.findall("arg")),
                     m.get("type")) for m in interface}

        self.assertEqual(members((ROOT / "api/org.spliced.Manager1.xml").read_text()), members(shown))

    def test_every_method(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        version = self.busctl("get-property", NAME, PATH, NAME, "Version").stdout
        self.assertEqual(daemon.call("GET", "/v1/version").json["version"], json.loads(version)["data"])
        job_id = self.invoke("SubmitJob", "s", self.definition(daemon, runtime="1h", time_based=True))[0]
        rows = self.invoke("ListJobs")[0]
        self.assertEqual([job_id, "over the bus", "RUNNING", ""], rows[0][:4])
        names = [row[0] for row in self.invoke("ListDevices")[0]]
        self.assertEqual([d["device"] for d in daemon.call("GET", "/v1/devices").json["devices"]], names)
        self.invoke("CancelJob", "s", job_id)
        self.assertEqual("CANCELLED", daemon.wait(job_id)["state"])

    def test_errors_have_names(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        for arguments, expected in ((("CancelJob", "s", "x"), "there is no job x"),
                                    (("SubmitJob", "s", "{"), "parse error"),
                                    (("SubmitJob", "s", "{}"), "/targets")):
            done = self.busctl("call", NAME, PATH, NAME, *arguments, check=False)
            self.assertNotEqual(0, done.returncode)
            self.assertIn(expected, done.stderr)
        self.assertIsNone(daemon.process.poll())

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
        job_id = self.invoke("SubmitJob", "s", self.definition(daemon))[0]
        await_true(lambda: all(word in text() for word in (job_id, '"RUNNING"', '"SUCCEEDED"', '"PASS"')), "the signals")

    def test_an_inhibitor_is_held_while_a_destructive_job_runs(self):
        Bus(self, self.address)
        log = open(self.directory() / "login1", "w+")
        self.addCleanup(log.close)
        login1 = subprocess.Popen([BIN / "fake_login1"], stdout=log, env={**os.environ, **self.env})
        self.addCleanup(login1.wait)
        self.addCleanup(login1.terminate)
        said = lambda: open(log.name).read()  # noqa: E731
        await_true(lambda: "ready" in said(), "the stand-in for login1")
        daemon = self.connected(self.start())
        job = daemon.submit(targets=[str(daemon.dir / "s")], destructive=True, workload={
            "rw": "write", "size": "4k", "runtime": "1h", "time_based": True, "thinktime": "1s", "direct": False})
        await_true(lambda: "taken shutdown:sleep spliced block" in said(), "the lock to be taken")
        self.assertNotIn("released", said())
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        daemon.wait(job["id"])
        await_true(lambda: "released" in said(), "the lock to be released")
        daemon.run(targets=[str(daemon.dir / "s")], workload={"rw": "read", "direct": False})
        self.invoke("ListJobs")
        self.assertEqual(1, said().count("taken"))

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
