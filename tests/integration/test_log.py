# SPDX-License-Identifier: Apache-2.0
"""A log that nobody reads, and a receiver of notifications that takes none: the daemon goes on, and ends."""
import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import BIN, SLOW, TestCase, await_true


class UnreadLog(TestCase):
    def ready(self, daemon):
        with contextlib.suppress(OSError):
            return daemon.call("GET", "/readyz").status == 200

    def job(self, daemon, name, **workload):
        return daemon.submit(targets=[str(daemon.dir / name)], destructive=True, workload={
            "rw": "randwrite", "size": "1M", "time_based": True, "rate_iops": 100, "direct": False, **workload})["id"]

    def test_jobs_end_and_are_recorded_and_so_does_the_daemon(self):
        daemon, _ = self.daemon_with_unread_log()
        await_true(lambda: self.ready(daemon), "the daemon to start")
        begun = time.monotonic()
        timed = self.job(daemon, "timed", runtime="2s")
        endless = self.job(daemon, "endless", runtime="1h")
        self.assertEqual("PASS", daemon.wait(timed, 10)["verdict"])
        self.assertLess(time.monotonic() - begun, 6 * SLOW)
        self.assertEqual(200, daemon.call("POST", f"/v1/jobs/{endless}:cancel", "").status)
        self.assertEqual("CANCELLED", daemon.wait(endless, 10)["state"])
        last = self.job(daemon, "last", runtime="1h")
        for path in ("/livez", "/readyz"):
            self.assertEqual(200, daemon.call("GET", path).status)
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, daemon.process.wait(30 * SLOW))
        self.assertLess(time.monotonic() - begun, 6 * SLOW)
        again = self.daemon(directory=daemon.dir)
        states = {job["id"]: job["state"] for job in again.call("GET", "/v1/jobs").json["jobs"]}
        self.assertEqual({timed: "SUCCEEDED", endless: "CANCELLED", last: "INTERRUPTED"}, states)

    def test_what_was_dropped_is_counted_and_told_when_somebody_reads_again(self):
        daemon, reader = self.daemon_with_unread_log("--log-level", "debug")
        await_true(lambda: self.ready(daemon), "the daemon to start")

        def metric():
            text = daemon.call("GET", "/metrics").raw.decode()
            return float(next(line for line in text.splitlines() if line.startswith("spliced_log_dropped_lines_total ")).split()[1])

        self.assertEqual(0, metric())
        for _ in range(6000):  # a SIGHUP is one line at least
            if metric() > 0:
                break
            for _ in range(20):
                daemon.process.send_signal(signal.SIGHUP)
                time.sleep(0.0005)
        else:
            self.fail("nothing was ever dropped")
        text = b""
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK)

        def told():
            nonlocal text
            with contextlib.suppress(BlockingIOError):
                text += os.read(reader, 1 << 20)
            return b"lines of the log were dropped" in text

        await_true(told, "the dropped lines to be told", 30)

    def test_a_start_that_fails_ends(self):
        daemon, reader = self.daemon_with_unread_log("--state-dir", "/proc/self")
        self.assertIn(daemon.process.wait(10 * SLOW), (1, 2))
        daemon, reader = self.daemon_with_unread_log("--bus", "omni")
        self.assertEqual(2, daemon.process.wait(10 * SLOW))

    def test_a_receiver_of_notifications_that_takes_none_stops_nothing(self):
        path = self.directory() / "notify"
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(str(path))
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sender.sendto(b"x", str(path))
        daemon, _ = self.daemon_with_unread_log(env={"NOTIFY_SOCKET": str(path)})
        await_true(lambda: self.ready(daemon), "the daemon to start")
        begun = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, daemon.process.wait(30 * SLOW))
        self.assertLess(time.monotonic() - begun, 6 * SLOW)

    def test_a_log_that_is_read_has_the_reason_of_a_start_that_fails(self):
        done = subprocess.run([BIN / "spliced", "--bus", "none", "--listen", "unix:/proc/no.sock", "--metrics-listen", "none",
                               "--state-dir", self.directory() / "state"], capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stderr, r"spliced: .*/proc/no\.sock.*\n$")


class Deeds(TestCase):
    """Who did what: one line for each request that changes something, or was to."""

    def lines(self, daemon, call):
        return [line for line in daemon.text().splitlines() if f" {call} by " in line]

    def only(self, daemon, call):
        await_true(lambda: self.lines(daemon, call), f"a line about {call}")
        lines = self.lines(daemon, call)
        self.assertEqual(1, len(lines), lines)
        return lines[0]

    def test_each_over_http(self):
        daemon = self.daemon()
        path = daemon.dir / "file"
        path.write_bytes(bytes(1 << 20))
        me = f"uid {os.getuid()}, pid {os.getpid()}"
        job = daemon.submit(targets=[str(path)], workload={"bs": "4k", "direct": False, "time_based": True, "runtime": "1h",
                                                           "rate_iops": 10})["id"]
        self.assertIn(f"POST /v1/jobs by {me}: 201, job {job} on \"{path}\"", self.only(daemon, "POST /v1/jobs"))
        self.assertEqual(409, daemon.call("DELETE", f"/v1/jobs/{job}").status)
        line = self.only(daemon, f"DELETE /v1/jobs/{job}")
        self.assertIn(f"by {me}: 409, job {job} on \"{path}\": job {job} is RUNNING", line)
        self.assertIn(" warning ", line)
        daemon.call("POST", f"/v1/jobs/{job}:cancel", "")
        self.assertIn(f"by {me}: 200, job {job} on \"{path}\"", self.only(daemon, f"POST /v1/jobs/{job}:cancel"))
        daemon.call("PATCH", "/v1/jobs/x", "")
        self.assertIn(": 405: PATCH is not possible", self.only(daemon, "PATCH /v1/jobs/x"))
        daemon.call("PUT", "/v1/jobs/x", "", {"Content-Type": "application/json", "If-None-Match": "*"})
        self.assertIn(': 422: the id "x" is no UUID', self.only(daemon, "PUT /v1/jobs/x"))
        before = len(daemon.text().splitlines())
        daemon.call("POST", "/v1/jobs:validate", {"targets": [str(path)]})
        daemon.call("GET", "/v1/jobs")
        daemon.call("POST", "/v1/jobs", {"targets": ["/etc/passwd"]})
        await_true(lambda: len(self.lines(daemon, "POST /v1/jobs")) == 2, "the second job's line")
        new = daemon.text().splitlines()[before:]
        self.assertIn('on "/etc/passwd": /etc/passwd is outside', [line for line in new if "POST" in line][0])
        self.assertFalse([line for line in new if "validate" in line or "GET" in line], new)
        daemon.call("POST", "/v1/jobs", {"targets": [str(path)], "destructive": True, "workload": {"rw": "write", "bs": 513}})
        await_true(lambda: len(self.lines(daemon, "POST /v1/jobs")) == 3, "the third job's line")
        self.assertRegex(self.lines(daemon, "POST /v1/jobs")[2], f': 422 on "{path}": .*; /workload/bs 513 is not a multiple')

    def test_no_secret_at_a_wrong_place_comes_into_the_log(self):
        daemon = self.daemon()
        for line in ("POST /v1/jobs?access_token=SECRET", "POST http://x:SECRET@evil/v1/jobs", "PUT /v1/jobs%3Ftoken=SECRET",
                     "DELETE /v1/jobs#SECRET", "PATCH /nowhere?SECRET", "POST /v1/jobs:validate?x=SECRET"):
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
                client.connect(str(daemon.socket))
                client.sendall(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
                while client.recv(4096):
                    pass
        await_true(lambda: len([line for line in daemon.text().splitlines() if " by uid " in line]) == 5, "a line of each")
        self.assertNotIn("SECRET", daemon.text())

    def test_a_refused_token_tells_the_address(self):
        daemon, port = self.daemon_on_tcp()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        self.addCleanup(client.close)
        client.request("POST", "/v1/jobs", "{}", {"Authorization": "Bearer wrong-0123456789abcdef"})
        local = client.sock.getsockname()
        self.assertEqual(401, client.getresponse().status)
        line = self.only(daemon, "POST /v1/jobs")
        self.assertIn(f"by 127.0.0.1:{local[1]}: 401", line)
        self.assertNotIn("wrong-", line)


if __name__ == "__main__":
    unittest.main()
