# SPDX-License-Identifier: Apache-2.0
"""Jobs as objects on the bus, for clients of any library; a bus that comes and goes; calls that nobody should make; polkit."""
import contextlib
import json
import os
import pathlib
import pwd
import signal
import subprocess
import time
import unittest

import job_database
from buses import JOB, JOBS, NAME, PATH, Bus, OnABus
from harness import SLOW, await_true, need_root
from raw_bus import RawBus

CALLS = int(os.environ.get("SPLICED_BUS_CALLS", "1000"))
# Users who may nothing; the bus lets in none that has no name.
ALICE, BOB = (pwd.getpwnam(name).pw_uid for name in ("nobody", "daemon"))
DENIED = "Call failed: Access denied"


class Objects(OnABus):
    def test_a_client_of_another_library_does_everything(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        slow = self.definition(daemon, rw="write", size="1M", rate_iops=20)
        done = subprocess.run(self.other_library("bus_client.py", self.address, self.definition(daemon), slow), capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        out = json.loads(done.stdout)
        self.assertEqual(daemon.call("GET", "/v1/version").json["version"], out["version"])
        self.assertTrue(out["plan"][0])
        self.assertEqual([out["id"], "over the bus", "SUCCEEDED", "PASS", 1.0], out["jobs"][0])
        self.assertRegex(out["path"], f"^{JOBS}/[_a-z0-9]+$")
        managed = out["managed"][out["path"]][JOB]
        job = daemon.call("GET", f"/v1/jobs/{out['id']}").json
        target = str(daemon.dir / "scratch")
        self.assertEqual({"Id": out["id"], "Name": "over the bus", "CreatedBy": f"uid:{os.getuid()}", "Destructive": True, "State": "SUCCEEDED",
                          "Verdict": "PASS", "Reason": "", "Progress": 1.0, "Errors": 0, "Targets": [target], "TargetCount": 1,
                          "Devices": [target]}, {name: value for name, value in managed.items() if not name.endswith("At")})
        self.assertLessEqual(managed["CreatedAt"], managed["StartedAt"])
        self.assertLess(managed["StartedAt"], managed["EndedAt"])
        self.assertEqual(job["ended_at"][:19], time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(managed["EndedAt"] / 1e6)))
        self.assertLessEqual(out["progress_told"], 2, "at most once a second, however often somebody asks")
        self.assertEqual(["CANCELLED", 0], [out["properties"]["State"], out["properties"]["Errors"]])
        self.assertEqual(["org.spliced.Error.Conflict", "org.freedesktop.DBus.Error.UnknownObject", "org.spliced.Error.NotFound"],
                         [out["forget_running"], out["forget_again"], out["get_forgotten"]])
        self.assertEqual({out["path"], out["endless_path"]}, {path for path, _ in out["added"]})
        self.assertEqual(404, daemon.call("GET", f"/v1/jobs/{out['endless']}").status)

    def test_what_http_does_is_seen_on_the_bus(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        job = self.destroying(daemon)
        path = self.invoke("GetJob", "s", job["id"])[0]
        await_true(lambda: self.property_of(path, "State") == "RUNNING", "RUNNING")
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        daemon.wait(job["id"])
        await_true(lambda: self.property_of(path, "State") == "CANCELLED", "CANCELLED")
        self.assertIn(path, self.objects())
        daemon.call("DELETE", f"/v1/jobs/{job['id']}")
        await_true(lambda: [PATH] == list(self.objects()), "the object to go")

    def test_a_miscompare_is_told(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        target = daemon.dir / "target"
        target.write_bytes(bytes(1 << 20))
        daemon.run(targets=[str(target)], destructive=True, workload={"rw": "write", "bs": "64k", "direct": False})
        with open(target, "r+b") as file:
            file.seek(300_000)
            byte = file.read(1)[0]
            file.seek(300_000)
            file.write(bytes([byte ^ 1]))
        heard = self.directory() / "heard"
        with open(heard, "wb") as out:
            monitor = subprocess.Popen(["dbus-monitor", "--address", self.address, "type='signal',member='Miscompare'"], stdout=out)
        self.addCleanup(monitor.wait)
        self.addCleanup(monitor.kill)
        await_true(lambda: b"NameAcquired" in heard.read_bytes(), "the monitor to listen")
        job = daemon.run(targets=[str(target)], stages=[{"verify": {"only": {"adopt": True}, "direct": False}}])
        self.assertEqual("FAIL", job["verdict"], job["reason"])
        await_true(lambda: b'"bitflip"' in heard.read_bytes(), "the signal")
        for part in (job["id"], str(target), f"uint64 {300_000 // 4096 * 4096}"):
            self.assertIn(part, heard.read_text())

    def test_jobs_of_an_earlier_daemon_are_objects(self):
        Bus(self, self.address)
        directory = self.directory()
        daemon = self.connected(self.daemon(bus="session", env=self.env, directory=directory))
        job = self.destroying(daemon)
        path = self.invoke("GetJob", "s", job["id"])[0]
        daemon.stop()
        self.connected(self.daemon(bus="session", env=self.env, directory=directory))
        self.assertEqual("INTERRUPTED", self.objects()[path][JOB]["State"]["data"])

    def test_each_job_that_is_known_is_an_object(self):
        """As many ended ones as are kept, and those that run besides."""
        Bus(self, self.address)
        directory = self.directory()
        (directory / "state").mkdir()
        ids = job_database.make(directory / "state" / "state.db", 1000, 1, 0)
        daemon = self.connected(self.daemon(bus="session", env=self.env, directory=directory))
        self.assertEqual(1001, len(self.objects()))
        running = [self.destroying(daemon, file)["id"] for file in "abc"]
        for job in (ids[0], *running):
            self.assertEqual(job, self.property_of(self.invoke("GetJob", "s", job)[0], "Id"))
        self.assertEqual(1004, len(self.objects()))

    def test_who_cancelled_a_job_sees_it_cancelled(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        for _ in range(20):
            job = self.destroying(daemon)["id"]
            path = self.invoke("GetJob", "s", job)[0]
            # Neither waits for the other.
            cancel = raw.send(NAME, PATH, NAME, "Cancel", job)
            look = raw.send(NAME, path, "org.freedesktop.DBus.Properties", "GetAll", JOB)
            self.assertIsNone(raw.answer(cancel)[0])
            self.assertNotIn(b"RUNNING", raw.answer(look)[1])
            daemon.wait(job)

    def test_a_job_is_forgotten_while_others_cancel_it(self):
        """Whoever comes too late is told so; nobody calls an object that is no more."""
        Bus(self, self.address)
        daemon = self.connected(self.start())
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        (daemon.dir / "file").write_bytes(bytes(4096))
        for _ in range(150 if SLOW == 1 else 40):
            job = daemon.run(targets=[str(daemon.dir / "file")], workload={"rw": "read", "bs": "4k", "direct": False})["id"]
            path = self.invoke("GetJob", "s", job)[0]
            calls = [raw.send(NAME, path, JOB, "Cancel") for _ in range(4)]
            calls.append(raw.send(NAME, path, JOB, "Forget"))
            calls += [raw.send(NAME, path, JOB, "Cancel") for _ in range(60)]
            answers = {raw.answer(call)[0] for call in calls}
            self.assertLessEqual(answers, {None, "org.spliced.Error.NotFound", "org.freedesktop.DBus.Error.UnknownObject"})
        self.assertEqual([PATH], list(self.objects()))
        self.assertEqual(1, daemon.text().count("connected to the bus"))

    def test_several_forget_one_job(self):
        """Each has an answer, though the object goes meanwhile, and the connection stays."""
        Bus(self, self.address)
        daemon = self.connected(self.start())
        raw = RawBus(self, self.address.removeprefix("unix:path="))
        (daemon.dir / "file").write_bytes(bytes(4096))
        for _ in range(60 if SLOW == 1 else 15):
            jobs = [daemon.run(targets=[str(daemon.dir / "file")], workload={"rw": "read", "bs": "4k", "direct": False})["id"]
                    for _ in range(5)]
            paths = [self.invoke("GetJob", "s", job)[0] for job in jobs]
            calls = [raw.send(NAME, path, JOB, "Forget") for path in paths for _ in range(3)]
            calls += [raw.send(NAME, PATH, NAME, "ListJobs") for _ in range(30)]
            answers = [raw.answer(call)[0] for call in calls]
            self.assertEqual(35, answers.count(None), answers)
        self.assertEqual(1, daemon.text().count("connected to the bus"))

    def test_what_is_refused_for_want_of_a_thread_is_not_done_later(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        none = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN", "-o",
                                 "/dev/null", "-p", str(daemon.pid())], stderr=subprocess.PIPE, text=True)
        self.addCleanup(none.stderr.close)
        self.addCleanup(none.wait)
        self.addCleanup(none.kill)
        tasks = pathlib.Path(f"/proc/{daemon.pid()}/task")

        def traced():
            with contextlib.suppress(FileNotFoundError):  # a thread ended meanwhile
                return ["TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks.iterdir()]
            return [True, False]

        await_true(lambda: none.poll() is not None or all(traced()), "strace to be there")
        if none.poll() is not None:
            self.skipTest(f"no strace here: {none.stderr.read().strip()}")
        refused = RawBus(self, self.address.removeprefix("unix:path=")).call(NAME, PATH, NAME, "Submit", self.definition(daemon))
        self.assertEqual("org.spliced.Error.Exhausted", refused[0], refused)
        none.terminate()
        await_true(lambda: not any(traced()), "strace to be gone")
        self.invoke("ListDevices")  # has a thread
        self.assertEqual([[]], self.invoke("ListJobs"))
        self.assertFalse((daemon.dir / "scratch").exists())
        self.assertIn("no thread to give", daemon.text())

    def test_a_bus_that_is_killed_five_times(self):
        daemon = self.start()
        bus = Bus(self, self.address)
        self.connected(daemon)
        job = daemon.submit(targets=[str(daemon.dir / "scratch")], destructive=True, workload={
            "rw": "randwrite", "bs": "4k", "size": "1M", "runtime": "1h", "time_based": True, "rate_iops": 500, "direct": False})
        path = self.invoke("GetJob", "s", job["id"])[0]
        written = lambda: daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["io"]["write"]["operations"]  # noqa: E731
        await_true(lambda: written() > 100, "the job to move")
        begun, at = time.monotonic(), written()
        for _ in range(5):
            bus.end(signal.SIGKILL)
            os.unlink(self.address.removeprefix("unix:path="))
            lost = written()
            await_true(lambda: written() > lost + 100, "the job to go on without")
            bus = Bus(self, self.address)
            back = time.monotonic()
            self.connected(daemon)
            self.assertEqual("RUNNING", self.property_of(path, "State"))
            self.assertLess(time.monotonic() - back, 5 * SLOW)
        seconds = time.monotonic() - begun
        self.assertAlmostEqual(500 * seconds, written() - at, delta=0.1 * SLOW * 500 * seconds)
        self.invoke("Cancel", "s", job["id"])
        self.assertEqual("CANCELLED", daemon.wait(job["id"])["state"])

    def test_calls_that_nobody_should_make(self):
        Bus(self, self.address)
        daemon = self.connected(self.start())
        job = self.destroying(daemon)
        path = self.invoke("GetJob", "s", job["id"])[0]
        before = daemon.rss()
        seed = int(time.time())
        done = subprocess.run(self.other_library("bus_noise.py", self.address, CALLS, seed, PATH, path, "/org/spliced"),
                              capture_output=True, text=True, timeout=600)
        self.assertEqual(0, done.returncode, f"seed {seed}: {done.stderr}")
        print(f"\nseed {seed}: {done.stdout.strip()}", end=" ")
        self.assertIsNone(daemon.process.poll(), seed)
        self.assertEqual(1, daemon.text().count("connected to the bus"), seed)
        # A call may have been one that cancels the job, or even forgets it.
        self.assertEqual(self.invoke("ListJobs")[0] != [], path in self.objects(), seed)
        self.assertEqual(200, daemon.call("GET", "/livez").status)
        if SLOW == 1:
            self.assertLess(daemon.rss() - before, 32 << 20, seed)


@need_root
class Polkit(OnABus):
    def setUp(self):
        super().setUp()
        self.bus_for_all()
        self.daemon_ = self.connected(self.start())
        self.reads = json.dumps({"targets": [str(self.daemon_.dir / "s")], "workload": {
            "rw": "read", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 10, "direct": False}})
        self.writes = self.definition(self.daemon_)
        (self.daemon_.dir / "s").write_bytes(bytes(4096))

    def polkit(self, *actions, mode=()):
        path = self.bus_dir / "yes"
        path.write_text("\n".join(actions))
        return self.stand_in(self.other_library("fake_polkit.py", path, *mode))

    def call_as(self, uid, method, *arguments, path=PATH, interface=NAME):
        """The data, or the error in words."""
        done = self.busctl("call", NAME, path, interface, method, *arguments, check=False, uid=uid)
        if done.returncode != 0:
            return done.stderr.strip()
        return json.loads(done.stdout)["data"] if done.stdout.strip() else []

    def everything_as(self, uid, path):
        yield "ListJobs", self.call_as(uid, "ListJobs")
        yield "ListDevices", self.call_as(uid, "ListDevices")
        yield "Validate", self.call_as(uid, "Validate", "s", self.reads)
        yield "Submit", self.call_as(uid, "Submit", "s", self.reads)
        yield "Cancel", self.call_as(uid, "Cancel", "s", "x")
        yield "GetJob", self.call_as(uid, "GetJob", "s", "x")
        yield "Job1.Cancel", self.call_as(uid, "Cancel", path=path, interface=JOB)
        yield "Job1.Forget", self.call_as(uid, "Forget", path=path, interface=JOB)
        properties = "org.freedesktop.DBus.Properties"
        yield "State", self.call_as(uid, "Get", "ss", JOB, "State", path=path, interface=properties)
        yield "Version", self.call_as(uid, "Get", "ss", NAME, "Version", interface=properties)
        yield "GetAll", self.call_as(uid, "GetAll", "s", JOB, path=path, interface=properties)
        yield "objects", self.call_as(uid, "GetManagedObjects", path="/org/spliced", interface="org.freedesktop.DBus.ObjectManager")

    def test_without_polkit_nobody_else_may_do_anything(self):
        path = self.call_as(None, "GetJob", "s", self.destroying(self.daemon_)["id"])[0]
        for name, answer in self.everything_as(ALICE, path):
            self.assertEqual(DENIED, answer, name)
        self.assertEqual("RUNNING", self.property_of(path, "State"))
        self.assertEqual(1, self.daemon_.text().count("polkit does not say who else may use"))
        self.assertIn(f"AccessDenied: uid {ALICE} is neither root nor in the group", self.daemon_.text())

    def test_what_polkit_gives_and_no_more(self):
        process, said = self.polkit("org.spliced.read", "org.spliced.run")
        job = self.call_as(ALICE, "Submit", "s", self.reads)[0]
        self.assertEqual(f"uid:{ALICE}", self.daemon_.call("GET", f"/v1/jobs/{job}").json["created_by"])
        self.assertIn("asked system-bus-name org.spliced.run Submit 1\n", said())
        self.assertEqual(DENIED, self.call_as(ALICE, "Submit", "s", self.writes))
        self.assertIn("asked system-bus-name org.spliced.destroy Submit 1\n", said())
        self.assertTrue(self.call_as(ALICE, "Validate", "s", self.reads)[1])
        self.assertEqual(job, self.call_as(ALICE, "ListJobs")[0][0][0])
        self.assertEqual([], self.call_as(None, "ListJobs")[1:])
        before = said().count("asked")
        self.call_as(None, "ListJobs")
        self.assertEqual(before, said().count("asked"), "who may by our own rules is not asked about")
        path = self.call_as(ALICE, "GetJob", "s", job)[0]
        for cancelled in (self.call_as(BOB, "Cancel", "s", job), self.call_as(BOB, "Cancel", path=path, interface=JOB)):
            self.assertEqual(DENIED, cancelled)
        self.assertEqual("RUNNING", self.property_of(path, "State"))
        self.assertEqual([], self.call_as(ALICE, "Cancel", path=path, interface=JOB))
        self.daemon_.wait(job)
        self.assertEqual([], self.call_as(ALICE, "Forget", path=path, interface=JOB))
        (self.bus_dir / "yes").write_text("org.spliced.destroy org.spliced.run")
        written = self.call_as(BOB, "Submit", "s", self.writes)[0]
        self.assertEqual("SUCCEEDED", self.daemon_.wait(written)["state"])
        process.kill()
        process.wait()
        self.assertEqual(DENIED, self.call_as(BOB, "Submit", "s", self.reads))

    def test_a_silent_polkit_holds_up_nobody(self):
        _, said = self.polkit(mode=["silent"])
        waiting = [subprocess.Popen(["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "busctl",
                                     f"--address={self.address}", "call", NAME, PATH, NAME, "ListJobs"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(12)]
        for process in waiting:
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
        await_true(lambda: said().count("asked") == 8 and sum(p.poll() is not None for p in waiting) == 4, "four of them to be refused")
        for process in waiting:
            if process.poll() is not None:
                self.assertIn("polkit is being asked about too many calls", process.stderr.read())
        begun = time.monotonic()
        self.invoke("ListJobs")
        self.assertLess(time.monotonic() - begun, 1 * SLOW)
        self.assertEqual(4, self.daemon_.text().count("Exhausted: polkit is being asked about too many calls"))
        # Another user is asked about all the same.
        bob = subprocess.Popen(["setpriv", f"--reuid={BOB}", f"--regid={BOB}", "--clear-groups", "busctl", f"--address={self.address}",
                                "call", NAME, PATH, NAME, "ListJobs"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(bob.wait)
        self.addCleanup(bob.kill)
        await_true(lambda: said().count("asked") == 9, "polkit to be asked about another user")

    def test_whoever_hangs_up_is_not_asked_about_any_more(self):
        _, said = self.polkit(mode=["silent"])
        for _ in range(2):
            before = said().count("asked")
            waiting = [subprocess.Popen(["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "busctl",
                                         f"--address={self.address}", "call", NAME, PATH, NAME, "ListJobs"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
            await_true(lambda: said().count("asked") == before + 8, "polkit to be asked about each")
            for process in waiting:
                process.kill()
                process.wait()
            await_true(lambda: said().count("cancelled") == said().count("asked"), "polkit to be told")


if __name__ == "__main__":
    unittest.main()
