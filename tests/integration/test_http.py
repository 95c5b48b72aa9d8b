# SPDX-License-Identifier: Apache-2.0
"""The HTTP contract under bad input: right status, a pointer, no crash, no hang, no leak."""
import gzip
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
import unittest

from harness import PRESET, SLOW, TestCase, await_true

JSON = {"Content-Type": "application/json"}
FLOOD = int(os.environ.get("SPLICED_FLOOD", "10000" if PRESET == "release" else "600"))


def raw(daemon, data, timeout=15):
    """Sends bytes as they are; the status and the whole answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout * SLOW)
        sock.connect(str(daemon.socket))
        try:
            sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while chunk := sock.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    return (int(answer.split()[1]) if answer else 0), answer


def post(body, headers=b"", path=b"/v1/jobs", length=None):
    length = len(body) if length is None else length
    return (b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
            + str(length).encode() + b"\r\n" + headers + b"\r\n" + body)


def refused_heads():
    """The same of what the head alone is refused for."""
    get = b"GET /v1/jobs HTTP/1.1\r\n"
    job = b'{"targets":["/x"]}'
    return [
        ("a query that nobody reads", b"GET /v1/jobs/x?wiat=1s HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
        ("a query given twice", b"GET /v1/jobs?device=a&device=b HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
        ("a query of the metrics", b"GET /metrics?name[]=up HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
        ("no host", get + b"\r\n", 400, None),
        ("two hosts", get + b"Host: x\r\nHost: x\r\n\r\n", 400, None),
        ("a host that is none", get + b"Host: x/y\r\n\r\n", 400, None),
        ("a key that is none", post(job, b"Idempotency-Key: 1 2\r\n"), 400, None),
        ("an expectation", post(job, b"Expect: mercy\r\n"), 417, None),
        ("no length", b"POST /v1/jobs:validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n", 411, None),
        ("an unknown method", b"BREW /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n", 501, None),
        ("a method in small letters", b"get /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n", 501, None),
        ("a method of another resource", b"PATCH /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, None),
        ("a head of more than 32 KiB", get + b"Host: x\r\nX: " + b"x" * (32 << 10) + b"\r\n\r\n", 431, None),
    ]


def accepted_heads():
    """(name, bytes) of requests for /livez that are served."""
    line = b"GET /livez HTTP/1.1\r\n"
    return [
        ("a target in absolute form", b"GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("an empty line before it", b"\r\n" + line + b"Host: x\r\n\r\n"),
        ("HTTP/1.0 without a host", b"GET /livez HTTP/1.0\r\n\r\n"),
        ("an empty query", b"GET /livez? HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a head of almost 32 KiB", line + b"Host: x\r\nX: " + b"x" * ((32 << 10) - 60) + b"\r\n\r\n"),
        ("encodings of which none is wanted", line + b"Host: x\r\nAccept-Encoding: gzip;q=0, br;q=1, *;q=0\r\n\r\n"),
    ]


def malformed():
    """(name, bytes, expected status, pointer or None) of requests that must be refused."""
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    job = b'{"targets":["/x"],"workload":%s}'
    return [
        ("not JSON", post(b"{"), 400, ""),
        ("empty body", post(b""), 400, ""),
        ("trailing garbage", post(b'{"targets":["/x"]} x'), 400, ""),
        ("deep nesting", post(deep), 400, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"),
        ("duplicate key", post(b'{"name":"a","name":"b"}'), 400, "/name"),
        ("nested duplicate key", post(job % b'{"bs":"4k","bs":"8k"}'), 400, "/workload/bs"),
        ("NaN", post(job % b'{"bs":NaN}'), 400, "/workload/bs"),
        ("huge float", post(job % b'{"bs":1e999}'), 400, "/workload/bs"),
        ("invalid UTF-8", post(b'{"name":"\xff\xfe"}'), 400, "/name"),
        ("huge integer", post(job % b'{"bs":99999999999999999999999}'), 422, "/workload/bs"),
        ("negative size", post(job % b'{"bs":-1}'), 422, "/workload/bs"),
        ("wrong type", post(job % b'{"bs":[]}'), 422, "/workload/bs"),
        ("unknown key", post(b'{"targets":["/x"],"wrokload":{}}'), 422, "/wrokload"),
        ("unknown nested key", post(job % b'{"block":1}'), 422, "/workload/block"),
        ("not an object", post(b"[]"), 422, ""),
        ("no targets", post(b"{}"), 422, "/targets"),
        ("relative path", post(b'{"targets":["x"]}'), 422, "/targets/0"),
        ("bad mode", post(job % b'{"rw":"sideways"}'), 422, "/workload/rw"),
        ("writing without consent", post(job % b'{"rw":"write"}'), 422, "/destructive"),
        ("bad distribution", post(job % b'{"rw":"randread","random_distribution":"zipf:"}'), 422,
         "/workload/random_distribution"),
        ("bad duration", post(job % b'{"runtime":"soon"}'), 422, "/workload/runtime"),
        ("body too large", post(b"x" * (2 << 20)), 413, None),
        ("length beyond numbers", post(b"", length=10**30), 413, None),
        ("chunked body", b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b"x" * (1 << 20) + b"\r\n" * 2, 411, None),
        ("gzip body", post(gzip.compress(b" " * (8 << 20)), b"Content-Encoding: gzip\r\n"), 415, None),
        ("multipart", b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
         b"Content-Length: 0\r\n\r\n", 415, None),
        ("not application/json", b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 2\r\n\r\n{}", 415, ""),
        ("two lengths", post(b"{}", b"Content-Length: 3\r\n"), 400, None),
        ("ranges", b"GET /metrics HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b",".join([b"0-"] * 1000) + b"\r\n\r\n", 400, None),
        ("header flood", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431, None),
        ("long header", b"GET / HTTP/1.1\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n", 431, None),
        ("long path", b"GET /" + b"y" * 100000 + b" HTTP/1.1\r\n\r\n", 414, None),
        ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, None),
        ("unknown path", b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", 404, None),
        ("wrong method", b"PUT /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, None),
        ("no such job", b"GET /v1/jobs/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404, None),
        ("bad query", b"GET /v1/jobs?page_size=0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
    ] + refused_heads()


class Malformed(TestCase):
    def check(self, daemon, case):
        name, data, status, pointer = case
        got, answer = raw(daemon, data)
        self.assertEqual(status, got, (name, answer[:500]))
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertIn(b"application/problem+json", head, name)
        problem = json.loads(body)
        self.assertEqual(status, problem["status"], name)
        if pointer is not None:
            self.assertIn(pointer, [error["pointer"] for error in problem["errors"]], (name, problem))

    def test_each_kind_gets_its_status_and_pointer(self):
        daemon = self.daemon()
        for case in malformed():
            with self.subTest(case[0]):
                self.check(daemon, case)

    def test_a_flood_of_them_while_a_job_runs_leaks_nothing(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        job = daemon.submit(targets=[str(path)], destructive=True, workload={
            "rw": "randrw", "bs": "64k", "size": "16M", "time_based": True, "runtime": "1h", "rate_iops": 200,
            "direct": False})
        cases = malformed()
        rng = random.Random(1)
        for case in cases + rng.choices(cases, k=200):
            self.check(daemon, case)
        before = daemon.rss()
        for case in rng.choices(cases, k=FLOOD):
            raw(daemon, case[1])
        growth = daemon.rss() - before
        print(f"\n{FLOOD} malformed requests of {len(cases)} kinds: RSS grew by {growth / 1024:.0f} KiB", end=" ")
        if PRESET == "release":
            self.assertLess(growth, 5 << 20)
        self.assertEqual("RUNNING", daemon.call("GET", f"/v1/jobs/{job['id']}").json["state"])

    def test_all_errors_are_told_at_once(self):
        daemon = self.daemon()
        answer = daemon.call("POST", "/v1/jobs", {"targets": ["x"], "workload": {"rw": "w", "bs": "1", "loops": 0}, "z": 1})
        self.assertEqual({"/targets/0", "/workload/rw", "/workload/bs", "/workload/loops", "/z"},
                         {error["pointer"] for error in answer.json["errors"]})

    def test_a_method_that_is_not_possible_names_those_that_are(self):
        daemon = self.daemon()
        answer = daemon.call("PATCH", "/v1/jobs", b"")
        self.assertEqual((405, "GET, HEAD, POST"), (answer.status, answer.headers["Allow"]))

    def test_a_post_without_a_length_has_no_body(self):
        daemon = self.daemon()
        status, answer = raw(daemon, b"POST /v1/jobs/x:cancel HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)
        self.assertEqual(404, status, answer)
        self.assertEqual(411, raw(daemon, b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)[0])

    def test_what_is_unusual_but_right_is_served(self):
        daemon = self.daemon()
        for name, data in accepted_heads():
            with self.subTest(name):
                status, answer = raw(daemon, data)
                self.assertEqual(200, status, answer)
                head, body = answer.split(b"\r\n\r\n", 1)
                self.assertEqual(b"ok\n", body)
                self.assertNotIn(b"content-encoding", head.lower())

    def test_no_content_has_no_length(self):
        daemon = self.daemon()
        path = daemon.dir / "f"
        path.write_bytes(bytes(4096))
        job = daemon.run(targets=[str(path)], workload={"bs": "4k", "direct": False})["id"]
        status, answer = raw(daemon, f"DELETE /v1/jobs/{job} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.assertEqual(204, status)
        self.assertNotIn(b"content-length", answer.lower())
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_on_tcp_another_name_of_this_address_is_refused(self):
        address = ("127.0.0.1", self.daemon().metrics_port)
        for host, expected in (("localhost", 200), (f"127.0.0.1:{address[1]}", 200), ("[::1]", 200),
                               ("evil.example", 421), (f"evil.example:{address[1]}", 421), ("192.0.2.1", 421)):
            with self.subTest(host):
                client = http.client.HTTPConnection(*address, timeout=15)
                client.request("GET", "/metrics", headers={"Host": host})
                answer = client.getresponse()
                self.assertEqual(expected, answer.status, answer.read(200))
                client.close()

    def test_what_follows_a_request_is_not_taken_for_another(self):
        daemon = self.daemon()
        _, answer = raw(daemon, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(1, answer.count(b"HTTP/1.1 "))


class Slow(TestCase):
    def hang(self, daemon, count):
        sockets = []
        for i in range(count):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(sock.close)
            sock.connect(str(daemon.socket))
            sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"[: 20 + i])
            sockets.append(sock)
        return sockets

    def test_a_busy_moment_turns_nobody_away(self):
        daemon = self.daemon()
        os.kill(daemon.pid(), signal.SIGSTOP)  # nobody accepts
        self.addCleanup(os.kill, daemon.pid(), signal.SIGCONT)
        for _ in range(100):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.connect(str(daemon.socket))

    def test_a_client_that_dawdles_is_ended_and_disturbs_nobody(self):
        daemon = self.daemon()
        slow = self.hang(daemon, 16)
        begun = time.monotonic()
        self.assertEqual(200, daemon.call("GET", "/v1/version").status)
        self.assertLess(time.monotonic() - begun, 2 * SLOW)
        done = threading.Event()

        def drip():  # a byte now and then earns no more time
            while not done.is_set():
                for sock in slow:
                    try:
                        sock.send(b"x")
                    except OSError:
                        pass
                done.wait(0.5)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            slow[0].settimeout(30)
            self.assertIn(b" 408 ", slow[0].recv(4096))
        finally:
            done.set()
            thread.join()

    def test_the_metrics_answer_while_control_clients_hang_and_64_devices_are_known(self):
        daemon = self.daemon()
        for i in range(64):
            daemon.submit(targets=[str(daemon.dir / f"scratch{i}")], destructive=True, workload={
                "rw": "randrw", "bs": "4k", "size": "64k", "time_based": True, "runtime": "1h", "rate_iops": 20,
                "direct": False})
        await_true(lambda: daemon.metric("spliced_jobs", state="RUNNING") == 64, "64 jobs to run")
        self.hang(daemon, 16)
        times = []
        for _ in range(21):
            connection = http.client.HTTPConnection("127.0.0.1", daemon.metrics_port, timeout=10)
            begun = time.monotonic()
            connection.request("GET", "/metrics")
            size = len(connection.getresponse().read())
            times.append(time.monotonic() - begun)
            connection.close()
        times.sort()
        print(f"\nscrape of 64 devices, {size} bytes: median {times[10] * 1e3:.1f} ms, worst {times[-1] * 1e3:.1f} ms", end=" ")
        if PRESET == "release":
            self.assertLess(times[10], 0.05)

    def test_the_daemon_ends_while_clients_hang(self):
        daemon = self.daemon()
        self.hang(daemon, 40)
        begun = time.monotonic()
        self.assertEqual(0, daemon.stop())
        self.assertLess(time.monotonic() - begun, 5 * SLOW)


class Tcp(TestCase):
    def test_tcp_wants_a_token(self):
        daemon, port = self.daemon_on_tcp()
        for header, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401),
                               ({"Authorization": f"Bearer {self.TOKEN}"}, 200)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/v1/version", headers=header)
            answer = connection.getresponse()
            self.assertEqual(status, answer.status)
            connection.close()
        self.assertEqual(200, daemon.call("GET", "/v1/version").status)


if __name__ == "__main__":
    unittest.main()
