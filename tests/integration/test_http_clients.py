# SPDX-License-Identifier: Apache-2.0
"""What many or careless clients, and other daemons, may not do to one that serves."""
import contextlib
import grp
import json
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import BIN, SLOW, TestCase, await_true


class HttpCrowd(TestCase):
    """Many clients that take their time; no one else may notice."""
    COUNT = 500

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the daemon inherits it
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server = self.daemon()

    def connect(self, address):
        sock = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(sock.close)
        sock.settimeout(5 * SLOW)
        if not isinstance(address, tuple):
            address = str(address)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(address)
        return sock

    def crowd(self, address, text, count=COUNT):
        sockets = [self.connect(address) for _ in range(count)]
        for sock in sockets:
            sock.sendall(text)
        return sockets

    def every_second(self, action, sockets):
        """Does it to each of them once a second, until the test ends."""
        done = threading.Event()

        def drip():
            while not done.wait(1):
                for sock in sockets:
                    with contextlib.suppress(OSError):
                        action(sock)

        thread = threading.Thread(target=drip)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)

    def assert_prompt(self, ask):
        """For three seconds, so that whatever drips does so."""
        times = []
        end = time.monotonic() + 3
        while time.monotonic() < end:
            begun = time.monotonic()
            ask()
            times.append(time.monotonic() - begun)
            time.sleep(0.05)
        times.sort()
        print(f"\n{len(times)} answers: median {times[len(times) // 2] * 1e3:.1f} ms, worst {times[-1] * 1e3:.1f} ms", end=" ")
        self.assertLess(times[len(times) * 9 // 10], 0.1 * SLOW)

    def version(self):
        self.assertEqual(200, self.server.call("GET", "/v1/version").status)

    def scrape(self):
        self.assertIn("spliced_jobs{", self.server.metrics())

    def metrics_address(self):
        return ("127.0.0.1", self.server.metrics_port)

    def test_idle_ones_do_not_delay_a_scrape(self):
        self.crowd(self.metrics_address(), b"")
        self.assert_prompt(self.scrape)

    def test_those_that_send_a_byte_a_second_do_not_delay_a_scrape(self):
        slow = self.crowd(self.metrics_address(), b"GET /metr")
        self.every_second(lambda sock: sock.send(b"x"), slow)
        self.assert_prompt(self.scrape)

    def test_those_that_read_a_byte_a_second_do_not_delay_a_scrape(self):
        slow = self.crowd(self.metrics_address(), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)
        self.every_second(lambda sock: sock.recv(1), slow)
        self.assert_prompt(self.scrape)

    def test_slow_ones_of_all_kinds_do_not_delay_the_control_api(self):
        path = self.server.socket
        slow = self.crowd(path, b"GET /v1/ver", 150)
        slow += self.crowd(path, b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{", 150)
        self.every_second(lambda sock: sock.send(b"x"), slow)
        readers = self.crowd(path, b"GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 150)
        self.every_second(lambda sock: sock.recv(1), readers)
        self.assert_prompt(self.version)

    def test_forty_of_them_are_enough_to_see(self):
        self.crowd(self.server.socket, b"GET /v1/ver", 40)
        self.assert_prompt(self.version)


class HttpWait(TestCase):
    """Clients of ?wait= hang up; their places are free again."""
    PLACES = 16

    def job(self, daemon):
        return daemon.submit(targets=[str(daemon.dir / "scratch")], destructive=True, workload={
            "rw": "randrw", "bs": "4k", "size": "64k", "time_based": True, "runtime": "1h", "rate_iops": 20,
            "direct": False})["id"]

    def wait(self, address, job, headers=""):
        sock = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(sock.close)
        sock.settimeout(10 * SLOW)
        sock.connect(address)
        sock.sendall(f"GET /v1/jobs/{job}?wait=300s HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        return sock

    def is_waiting(self, sock):
        """Rather than refused."""
        return not select.select([sock], [], [], 0.5)[0]

    def taken(self, address, job, headers):
        probe = self.wait(address, job, headers)
        try:
            return not self.is_waiting(probe) and b" 429 " in probe.recv(4096)
        finally:
            probe.close()

    def check(self, daemon, address, headers=""):
        job = self.job(daemon)
        clients = [self.wait(address, job, headers) for _ in range(self.PLACES)]
        await_true(lambda: self.taken(address, job, headers), "all places to be taken")
        for sock in clients:
            sock.close()
        await_true(lambda: self.is_waiting(self.wait(address, job, headers)), "a place to be free", 5)
        half = self.wait(address, job, headers)
        half.shutdown(socket.SHUT_WR)
        time.sleep(1.5)  # in which it must not be taken for one that hung up
        daemon.call("POST", f"/v1/jobs/{job}:cancel")
        answer = b""
        while chunk := half.recv(65536):
            answer += chunk
        status, body = answer.split(b"\r\n\r\n")[-2:]
        self.assertIn(b"HTTP/1.1 200 OK", status)
        self.assertEqual("CANCELLED", daemon.wait(job)["state"])
        self.assertEqual(job, json.loads(body)["id"])

    def test_over_a_unix_socket(self):
        daemon = self.daemon()
        self.check(daemon, str(daemon.socket))

    def test_over_tcp(self):
        daemon, port = self.daemon_on_tcp()
        self.check(daemon, ("127.0.0.1", port), f"Authorization: Bearer {self.TOKEN}\r\n")


class HttpSocket(TestCase):
    """The socket of a daemon belongs to it as long as it lives, and to nobody else."""

    def start(self, socket_path):
        """A further daemon on that socket: its exit code and what it said."""
        command = [str(BIN / "spliced"), "--listen", f"unix:{socket_path}", "--metrics-listen", "127.0.0.1:0",
                   "--state-dir", str(self.directory() / "state"), "--bus", "none"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SLOW)
        return done.returncode, done.stderr + done.stdout

    def test_a_busy_daemon_keeps_its_socket(self):
        daemon = self.daemon()
        os.kill(daemon.pid(), signal.SIGSTOP)  # nobody accepts
        self.addCleanup(os.kill, daemon.pid(), signal.SIGCONT)
        for _ in range(5000):  # more than any queue has places
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            try:
                sock.connect(str(daemon.socket))
            except BlockingIOError:
                break
        else:
            self.skipTest("the queue has no end")
        inode = os.stat(daemon.socket).st_ino
        code, said = self.start(daemon.socket)
        self.assertNotEqual(0, code)
        self.assertIn("another daemon listens", said)
        self.assertEqual(inode, os.stat(daemon.socket).st_ino)

    def test_what_lies_there_at_the_end_is_left_alone(self):
        daemon = self.daemon(directory=self.directory())
        daemon.socket.unlink()
        daemon.socket.write_text("precious")
        self.assertEqual(0, daemon.stop())
        self.assertEqual("precious", daemon.socket.read_text())

    @unittest.skipIf("spliced" in [entry.gr_name for entry in grp.getgrall()], "there is a group spliced")
    def test_a_missing_group_is_told_with_the_command_that_makes_it(self):
        text = self.daemon().text()
        self.assertEqual(1, text.count("groupadd --system spliced"))


if __name__ == "__main__":
    unittest.main()
