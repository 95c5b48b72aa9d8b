# SPDX-License-Identifier: Apache-2.0
"""Sockets that somebody else opened, as systemd does."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import unittest

from harness import BIN, SLOW, TestCase, UnixConnection, await_true


class Activation(TestCase):
    def setUp(self):
        self.dir = self.directory()

    def listening(self, family, address, kind=socket.SOCK_STREAM):
        there = socket.socket(family, kind)
        self.addCleanup(there.close)
        there.bind(address)
        if kind == socket.SOCK_STREAM:
            there.listen(64)
        return there

    def start(self, sockets, *arguments):
        """The daemon with these as descriptors 3, 4, …; its process, and how to read its log."""
        count = len(sockets)
        log = open(self.dir / "log", "ab")
        self.addCleanup(log.close)

        def hand_over():
            copies = [os.dup(there.fileno()) for there in sockets]
            for number, copy in enumerate(copies):
                os.dup2(copy, 3 + number)
                os.set_inheritable(3 + number, True)

        program = subprocess.Popen(
            ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", BIN / "spliced", "--state-dir", self.dir / "state", "--bus", "none", "--allow",
             f"{self.dir}/", *map(str, arguments)],
            env={**os.environ, "LISTEN_FDS": str(count)}, stdout=log, stderr=log, close_fds=False, preexec_fn=hand_over)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program

    def text(self):
        return (self.dir / "log").read_text()

    def ask(self, connection):
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def test_who_connected_before_the_start_is_answered_and_the_sockets_stay(self):
        path = str(self.dir / "control.sock")
        control = self.listening(socket.AF_UNIX, path)
        metrics = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        port = metrics.getsockname()[1]
        for _ in range(3):
            early = UnixConnection(path, 20 * SLOW)
            early.request("GET", "/livez")
            scrape = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * SLOW)
            scrape.request("GET", "/metrics")
            program = self.start([control, metrics], "--metrics-listen", f"127.0.0.1:{port}")
            self.assertEqual(200, early.getresponse().status)
            self.assertIn(b"spliced_build_info", scrape.getresponse().read())
            # Accepted, but nothing asked yet, when the end comes.
            late = UnixConnection(path, 20 * SLOW)
            late.connect()
            self.assertEqual(200, self.ask(UnixConnection(path, 20 * SLOW)))
            program.send_signal(signal.SIGTERM)
            await_true(lambda: not self.accepts(path), "the daemon to take no more")
            self.assertIn(self.ask_if_there(late), (200, None))
            self.assertEqual(0, program.wait(20 * SLOW))
            self.assertTrue(pathlib.Path(path).is_socket())
        self.assertIn(f"control on unix:{path}, from systemd", self.text())
        self.assertIn(f"metrics on 127.0.0.1:{port}, from systemd", self.text())

    def ask_if_there(self, connection):
        try:
            return self.ask(connection)
        except OSError:
            return None

    def accepts(self, path):
        """Whether what connects leaves the queue at once."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            client.settimeout(0.2)
            try:
                return bool(client.recv(10))
            except (TimeoutError, ConnectionError):
                return False

    def test_the_control_socket_lies_where_systemd_says_and_a_configured_one_besides(self):
        path, other = str(self.dir / "one.sock"), str(self.dir / "two.sock")
        control = self.listening(socket.AF_UNIX, path)
        self.start([control], "--listen", f"unix:{other}", "--metrics-listen", "none")
        for name in (path, other):  # there is a socket at its path before anybody listens on it
            await_true(lambda name=name: self.ask_if_there(UnixConnection(name, 20 * SLOW)) == 200, name)

    def test_what_nobody_wants_or_nobody_can_use_is_named(self):
        stray = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        program = self.start([stray], "--listen", f"unix:{self.dir}/x.sock", "--metrics-listen", "none")
        self.assertEqual(1, program.wait(20 * SLOW))
        self.assertIn(f"systemd listens on 127.0.0.1:{stray.getsockname()[1]} for the daemon", self.text())
        datagram = self.listening(socket.AF_UNIX, str(self.dir / "d.sock"), socket.SOCK_DGRAM)
        program = self.start([datagram], "--metrics-listen", "none")
        self.assertEqual(1, program.wait(20 * SLOW))
        self.assertIn("socket 3 of systemd (ListenStream= of spliced.socket): it is no stream socket that listens", self.text())

    def test_tcp_from_systemd_wants_a_token_as_any_other(self):
        control = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        port = control.getsockname()[1]
        program = self.start([control], "--listen", f"127.0.0.1:{port}", "--metrics-listen", "none")
        self.assertEqual(2, program.wait(20 * SLOW))
        token = self.dir / "token"
        token.write_text(f"{self.TOKEN}\n")
        token.chmod(0o600)
        self.start([control], "--listen", f"127.0.0.1:{port}", "--metrics-listen", "none", "--token-file", token)
        self.assertEqual(401, self.ask(http.client.HTTPConnection("127.0.0.1", port, timeout=20 * SLOW)))

    def test_with_a_real_activator(self):
        if not shutil.which("systemd-socket-activate"):
            self.skipTest("no systemd-socket-activate")
        path = self.dir / "s.sock"
        program = subprocess.Popen(["systemd-socket-activate", "-l", path, BIN / "spliced", "--metrics-listen", "none", "--bus", "none",
                                    "--state-dir", self.dir / "state"], stderr=subprocess.DEVNULL)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        await_true(path.exists, "the socket")
        connection = UnixConnection(path, 20 * SLOW)
        connection.request("GET", "/v1/version")
        self.assertEqual("spliced", json.loads(connection.getresponse().read())["name"])


if __name__ == "__main__":
    unittest.main()
