# SPDX-License-Identifier: Apache-2.0
"""Start, configuration, systemd's protocol, signals and the end of the daemon."""
import contextlib
import datetime
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

from harness import BIN, PRESET, SLOW, Daemon, TestCase, await_true, need_root

CHECK = [BIN / "spliced", "--check-config"]


class NotifySocket:
    def __init__(self, test):
        self.path = test.directory() / "notify"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.sock.close)
        self.sock.bind(str(self.path))
        self.sock.setblocking(False)
        self.seen = []

    def lines(self):
        while True:
            try:
                self.seen += self.sock.recv(65536).decode().split("\n")
            except BlockingIOError:
                return self.seen


class Configuration(TestCase):
    def check(self, *arguments):
        return subprocess.run([*CHECK, *map(str, arguments)], capture_output=True, text=True)

    def file(self, text):
        path = self.directory() / "config.json"
        path.write_text(text)
        return path

    def test_help_and_version(self):
        for flag, word in (("--help", "--allow"), ("--version", "spliced 0.")):
            done = subprocess.run([BIN / "spliced", flag], capture_output=True, text=True)
            self.assertEqual(0, done.returncode)
            self.assertIn(word, done.stdout)

    def test_good_configurations(self):
        path = self.file('// where\n{"listen": ["unix:/tmp/x.sock"], "allow": ["/dev/sd*"], /* off */ "bus": "none"}')
        for arguments in ((), ("--config", path), ("--listen", "127.0.0.1:0", "--insecure-no-auth")):
            done = self.check(*arguments)
            self.assertEqual((0, "the configuration is valid\n"), (done.returncode, done.stdout), done.stderr)

    def test_what_is_wrong_is_named(self):
        for arguments, words in (
                (("--wrong",), ["--wrong"]),
                (("--bus", "omni"), ["--bus", "omni", "session"]),
                (("--log-level", "loud"), ["--log-level", "loud", "debug"]),
                (("--listen", "nonsense"), ["--listen", "nonsense", "unix:/path"]),
                (("--listen", "127.0.0.1:1"), ["127.0.0.1:1", "--token-file"]),
                (("--listen", "0.0.0.0:1", "--insecure-no-auth"), ["0.0.0.0:1", "loopback"]),
                (("--allow", "dev/sda"), ["--allow", "dev/sda", "absolute"]),
                (("--state-dir", "x"), ["--state-dir", "absolute"]),
                (("--token-file", "/nowhere"), ["--token-file", "/nowhere"]),
                (("--config", "/nowhere"), ["--config", "/nowhere"]),
                (("--config", self.file('{"lisen": []}')), ["lisen", "listen"]),
                (("--config", self.file('{"listen": 5}')), ["listen", "5", "array"]),
                (("--config", self.file("{")), ["parse error"]),
                (("--config", self.file("[]")), ["object"])):
            with self.subTest(arguments):
                done = self.check(*arguments)
                self.assertEqual(2, done.returncode, done)
                for word in words:
                    self.assertIn(word, done.stderr + done.stdout)

    def test_flags_win_over_the_file(self):
        path = self.file('{"log_level": "loud", "bus": "none"}')
        self.assertEqual(2, self.check("--config", path).returncode)
        self.assertEqual(0, self.check("--config", path, "--log-level", "debug").returncode)

    def test_two_daemons_do_not_share_a_state_directory(self):
        daemon = self.daemon()
        done = subprocess.run([BIN / "spliced", "--state-dir", daemon.dir / "state", "--listen",
                               f"unix:{daemon.dir}/other", "--metrics-listen", "none", "--bus", "none"],
                              capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertIn("in use by another daemon", done.stderr)


class Systemd(TestCase):
    def test_ready_status_reloading_stopping_and_watchdog(self):
        notify = NotifySocket(self)
        directory = self.directory()
        config = directory / "config.json"
        config.write_text('{"log_level": "debug"}')
        daemon = self.daemon("--config", config, env={"NOTIFY_SOCKET": str(notify.path), "WATCHDOG_USEC": "400000"})
        await_true(lambda: "READY=1" in notify.lines(), "READY")
        await_true(lambda: notify.lines().count("WATCHDOG=1") >= 3, "the watchdog to be fed")
        await_true(lambda: any(line.startswith("STATUS=idle") for line in notify.lines()), "STATUS when idle")
        daemon.submit(targets=[str(daemon.dir / "s")], destructive=True, workload={
            "rw": "randwrite", "size": "1M", "runtime": "1h", "time_based": True, "rate_iops": 100, "direct": False})
        await_true(lambda: any(line.startswith("STATUS=1 jobs on 1 devices") for line in notify.lines()), "STATUS of the job")
        config.write_text('{"log_level": "info", "state_dir": "/elsewhere"}')
        os.kill(daemon.pid(), signal.SIGHUP)
        await_true(lambda: "RELOADING=1" in notify.lines() and "configuration reloaded" in daemon.text(), "the reload")
        await_true(lambda: notify.lines().count("READY=1") == 2, "READY after the reload")
        config.write_text("{")
        os.kill(daemon.pid(), signal.SIGHUP)
        await_true(lambda: "nothing was changed" in daemon.text(), "the refused reload")
        await_true(lambda: any("the last reload failed: --config" in line for line in notify.lines()), "STATUS of the failure")
        await_true(lambda: notify.lines().count("READY=1") == 3, "READY after the refused reload")
        self.assertEqual(0, daemon.metric("spliced_config_last_reload_successful"))
        self.assertEqual(0, daemon.stop())
        self.assertIn("STOPPING=1", notify.lines())

    def test_a_reload_changes_what_is_allowed(self):
        directory = self.directory()
        config = directory / "config.json"
        config.write_text("{}")
        daemon = self.daemon("--config", config)
        # The harness allows its own directory by flag, which wins; so a daemon of its own is asked.
        bare = subprocess.Popen([BIN / "spliced", "--config", config, "--listen", f"unix:{directory}/sock",
                                 "--metrics-listen", "none", "--bus", "none", "--state-dir", directory / "state"],
                                stderr=subprocess.DEVNULL)
        self.addCleanup(bare.wait)
        self.addCleanup(bare.kill)
        daemon.socket = directory / "sock"
        await_true(lambda: daemon.listens(), "the socket")
        target = directory / "scratch"
        target.write_bytes(bytes(4096))
        job = {"targets": [str(target)], "workload": {"rw": "read", "direct": False}}
        self.assertFalse(daemon.call("POST", "/v1/jobs:validate", job).json["accepted"])
        config.write_text(json.dumps({"allow": [f"{directory}/"]}))
        bare.send_signal(signal.SIGHUP)
        await_true(lambda: daemon.call("POST", "/v1/jobs:validate", job).json["accepted"], "the reload")


class End(TestCase):
    def test_both_signals_end_a_loaded_daemon_within_5_seconds_and_the_jobs_are_recorded(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                daemon = self.daemon()
                jobs = [daemon.submit(targets=[str(daemon.dir / f"s{i}")], destructive=True, workload={
                    "rw": "randrw", "bs": "64k", "size": "8M", "workers": 2, "runtime": "1h", "time_based": True,
                    "direct": False})["id"] for i in range(8)]
                done = daemon.run(targets=[str(daemon.dir / "t")], destructive=True,
                                  workload={"rw": "write", "size": "4k", "direct": False})
                begun = time.monotonic()
                os.kill(daemon.pid(), number)
                self.assertEqual(0, daemon.process.wait(30 * SLOW))
                took = time.monotonic() - begun
                self.assertLess(took, 5 * SLOW)
                again = self.daemon(directory=daemon.dir)
                for job_id in jobs:
                    job = again.call("GET", f"/v1/jobs/{job_id}").json
                    self.assertEqual(("INTERRUPTED", None), (job["state"], job["verdict"]))
                    self.assertGreater(job["devices"][0]["io"]["write"]["bytes"], 0)
                self.assertEqual("PASS", again.call("GET", f"/v1/jobs/{done['id']}").json["verdict"])
                self.assertEqual(9, len(again.call("GET", "/v1/jobs").json["jobs"]))
                again.stop()

    def test_after_kill_9_a_job_is_interrupted(self):
        daemon = self.daemon()
        job = daemon.submit(targets=[str(daemon.dir / "s")], destructive=True, workload={
            "rw": "randwrite", "size": "1M", "runtime": "1h", "time_based": True, "rate_iops": 100, "direct": False})
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        again = self.daemon(directory=daemon.dir)
        shown = again.call("GET", f"/v1/jobs/{job['id']}").json
        self.assertEqual("INTERRUPTED", shown["state"])
        self.assertIn("ended while the job was running", shown["reason"])
        self.assertEqual(204, again.call("DELETE", f"/v1/jobs/{job['id']}").status)
        self.assertEqual(404, again.call("GET", f"/v1/jobs/{job['id']}").status)

    def test_after_kill_9_it_is_known_what_a_job_had_done(self):
        daemon = self.daemon()
        job = daemon.submit(targets=[str(daemon.dir / "s")], destructive=True, workload={
            "rw": "randwrite", "size": "1M", "runtime": "1h", "time_based": True, "rate_iops": 100, "direct": False})

        def recorded():
            with contextlib.closing(sqlite3.connect(f"file:{daemon.dir}/state/state.db?mode=ro", uri=True)) as store:
                row = store.execute("SELECT (SELECT figures FROM devices WHERE devices.job = jobs.id), saved_ms FROM jobs").fetchone()
            return json.loads(row[0])["io"]["write"]["operations"], row[1]

        await_true(lambda: recorded()[0] > 0, "a record of what the job has done", 60)
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        operations, saved_ms = recorded()
        again = self.daemon(directory=daemon.dir)
        shown = again.call("GET", f"/v1/jobs/{job['id']}").json
        self.assertEqual(operations, shown["devices"][0]["io"]["write"]["operations"])
        self.assertIsNone(shown["devices"][0]["eta_seconds"])
        ended = datetime.datetime.fromisoformat(shown["ended_at"].replace("Z", "+00:00"))
        self.assertEqual(saved_ms, round(ended.timestamp() * 1000))

    @need_root
    def test_what_a_full_state_directory_did_not_take_is_recorded_later(self):
        directory = self.directory()
        (directory / "state").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory / "state"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", directory / "state"])
        (directory / "target").write_bytes(bytes(4096))
        daemon = self.daemon(directory=directory)
        # Their ends will find no room, whatever room the log of the database has of its own.
        jobs = [daemon.submit(targets=[str(directory / f"s{i}")], destructive=True, workload={
            "rw": "write", "size": "64k", "runtime": "1h", "time_based": True, "rate_iops": 10, "direct": False}) for i in range(8)]
        filler = directory / "state" / "filler"
        with open(filler, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        definition = {"targets": [str(directory / "target")], "workload": {"rw": "read", "direct": False}}
        accepted = []
        refused = daemon.call("POST", "/v1/jobs", definition)
        while refused.status == 201:
            accepted.append(daemon.wait(refused.json["id"])["id"])
            refused = daemon.call("POST", "/v1/jobs", definition)
        self.assertEqual(503, refused.status, refused.raw)
        self.assertIn("cannot be recorded", refused.json["detail"])
        for job in jobs:
            daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
            self.assertEqual("CANCELLED", daemon.wait(job["id"])["state"])
        await_true(lambda: "tried again" in daemon.log_path.read_text(), "the daemon to say so")
        ready = lambda: daemon.call("GET", "/readyz")  # noqa: E731
        await_true(lambda: ready().status == 503, "the daemon to be behind with its records", 15)
        self.assertRegex(ready().raw.decode(), r"^the records of jobs have been waiting for \d+ s\n$")
        filler.unlink()
        await_true(lambda: "takes records again" in daemon.log_path.read_text(), "the records to be written")
        await_true(lambda: ready().status == 200, "the daemon to be ready again")
        accepted.append(daemon.run(**definition)["id"])
        os.kill(daemon.pid(), signal.SIGKILL)
        daemon.process.wait()
        again = self.daemon(directory=directory)
        for job in jobs:
            self.assertEqual("CANCELLED", again.call("GET", f"/v1/jobs/{job['id']}").json["state"])
        self.assertEqual({*accepted, *(job["id"] for job in jobs)}, {job["id"] for job in again.call("GET", "/v1/jobs?page_size=500").json["jobs"]})
        again.stop()

    def test_a_waiting_client_is_answered_at_the_end(self):
        daemon = self.daemon()
        job = daemon.submit(targets=[str(daemon.dir / "s")], destructive=True, workload={
            "rw": "randwrite", "size": "1M", "runtime": "1h", "time_based": True, "rate_iops": 100, "direct": False})
        before = daemon.sockets()
        waiter = subprocess.Popen(["curl", "-s", "--unix-socket", daemon.socket,
                                   f"http://localhost/v1/jobs/{job['id']}?wait=60s"], stdout=subprocess.PIPE, text=True)
        await_true(lambda: daemon.sockets() > before, "the client to be connected")
        self.assertEqual(0, daemon.stop())
        self.assertEqual(0, waiter.wait(10))
        with waiter.stdout:
            self.assertIn(json.load(waiter.stdout)["state"], ("RUNNING", "STOPPING", "INTERRUPTED"))

    def test_cancel_is_idempotent_and_frees_the_target(self):
        daemon = self.daemon()
        definition = {"targets": [str(daemon.dir / "s")], "destructive": True, "workload": {
            "rw": "randwrite", "size": "1M", "runtime": "1h", "time_based": True, "thinktime": "1h", "direct": False}}
        job = daemon.submit(**definition)
        busy = daemon.call("POST", "/v1/jobs", definition)
        self.assertEqual(409, busy.status)
        self.assertIn(job["id"], busy.json["detail"])
        self.assertEqual(409, daemon.call("DELETE", f"/v1/jobs/{job['id']}").status)
        for _ in range(3):
            self.assertEqual(200, daemon.call("POST", f"/v1/jobs/{job['id']}:cancel", "").status)
        self.assertEqual("CANCELLED", daemon.wait(job["id"], 5)["state"])
        again = daemon.submit(**definition)
        daemon.call("POST", f"/v1/jobs/{again['id']}:cancel", "")


@need_root
class FewThreads(TestCase):
    """A limit on threads (RLIMIT_NPROC) that the daemon cannot exceed: root could."""

    ALONE = True  # this user cannot ask what the loop devices of other tests write to
    USER = 54321  # nobody else's

    def command(self, limit):
        directory = self.directory()
        directory.chmod(0o777)
        return directory, [
            "setpriv", f"--reuid={self.USER}", f"--regid={self.USER}", "--clear-groups", "prlimit", f"--nproc={limit}",
            BIN / "spliced", "--listen", f"unix:{directory}/spliced.sock", "--metrics-listen", "none", "--state-dir",
            directory / "state", "--bus", "none", "--allow", f"{directory}/"]

    def test_without_enough_to_start_it_says_so_and_ends(self):
        if PRESET == "tsan":
            self.skipTest("ThreadSanitizer has threads of its own")
        ended = 0
        for limit in (1, 2, 4, 6):
            _, command = self.command(limit)
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            try:
                _, said = process.communicate(timeout=5 * SLOW)
            except subprocess.TimeoutExpired:
                process.terminate()
                _, said = process.communicate(timeout=20 * SLOW)
                self.assertEqual(0, process.returncode, said)
                continue
            ended += 1
            self.assertEqual(1, process.returncode, said)
            self.assertIn("cannot start a thread: Resource temporarily unavailable; raise the limit on them", said)
        self.assertGreater(ended, 1)

    def test_with_few_jobs_are_refused_and_the_daemon_ends_in_order(self):
        for limit in (11, 14, 20):
            with self.subTest(limit):
                directory, command = self.command(limit)
                process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
                self.addCleanup(process.kill)
                daemon = Daemon.__new__(Daemon)
                daemon.socket = directory / "spliced.sock"
                await_true(daemon.listens, "the daemon to listen")
                job = {"targets": [f"{directory}/file"], "destructive": True, "workload": {
                    "rw": "write", "size": "1M", "direct": False, "workers": 64, "runtime": "1h", "time_based": True}}
                for _ in range(3):
                    answer = daemon.call("POST", "/v1/jobs", job)
                    self.assertEqual(429, answer.status, answer.raw)
                    self.assertEqual("urn:spliced:problem:limit", answer.json["type"])
                self.assertEqual(200, daemon.call("GET", "/v1/version").status)
                process.terminate()
                _, said = process.communicate(timeout=20 * SLOW)
                self.assertEqual(0, process.returncode, said)


class Clock(TestCase):
    def test_a_clock_that_is_set_changes_neither_the_time_a_job_took_nor_the_order(self):
        if PRESET != "release":
            self.skipTest("a sanitizer is the first to be loaded")
        directory = self.directory()
        offset = directory / "offset"
        offset.write_text("0")
        env = {"LD_PRELOAD": str(BIN / "wall_clock.so"), "WALL_CLOCK_OFFSET": str(offset)}
        daemon = self.daemon(directory=directory, env=env)
        path = directory / "file"
        path.write_bytes(bytes(1 << 20))
        reading = {"targets": [str(path)], "workload": {"bs": "4k", "direct": False, "time_based": True, "runtime": "1s",
                                                        "rate_iops": 100}}
        first = daemon.submit(**reading)["id"]
        offset.write_text("-86400")
        ended = daemon.call("GET", f"/v1/jobs/{first}?wait=60s").json
        self.assertEqual("PASS", ended["verdict"])
        self.assertLess(ended["ended_at"], ended["started_at"])
        self.assertGreater(ended["elapsed_seconds"], 0.9)
        self.assertLess(ended["elapsed_seconds"], 5 * SLOW)
        second = daemon.run(**reading)["id"]
        listed = lambda: [job["id"] for job in daemon.call("GET", "/v1/jobs").json["jobs"]]
        self.assertEqual([second, first], listed())
        page = daemon.call("GET", "/v1/jobs?page_size=1").json
        daemon.call("DELETE", f"/v1/jobs/{second}")
        self.assertEqual([first], [job["id"] for job in daemon.call(
            "GET", f"/v1/jobs?page_token={page['next_page_token']}").json["jobs"]])
        third = daemon.run(**reading)["id"]
        daemon.stop()
        daemon = self.daemon(directory=directory, env=env)
        self.assertEqual([third, first], listed())
        self.assertEqual(ended["elapsed_seconds"], daemon.call("GET", f"/v1/jobs/{first}").json["elapsed_seconds"])


if __name__ == "__main__":
    unittest.main()
