"""A log that nobody reads, and a receiver of notifications that takes none: the daemon goes on, and ends."""
import contextlib
import fcntl
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


if __name__ == "__main__":
    unittest.main()
