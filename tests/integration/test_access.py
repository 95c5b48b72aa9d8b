# SPDX-License-Identifier: Apache-2.0
"""Who may do what: users of this machine, tokens and client certificates against every route; TLS as it is spoken."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import time
import unittest

from certificates import Authority
from harness import PRESET, SLOW, TestCase, await_true, need_root

SCOPES = ("none", "read", "run", "destroy")
GROUPS = {"spliced": 61_001, "lookers": 61_002}
LOOKS = [("GET", path) for path in ("/", "/v1/version", "/v1/jobs", "/v1/devices", "/v1/capabilities", "/openapi.yaml", "/metrics",
                                    "/livez", "/readyz", "/v1/jobs/0", "/v1/devices/nothing")]


def digest_line(name, scope, token, more=""):
    return f"{name} {scope} sha256:{hashlib.sha256(token.encode()).hexdigest()}{more}\n"


class Doors(TestCase):
    """A daemon with every door open that there is, to everybody who is listed here."""

    def setUp(self):
        self.dir = self.directory()
        self.dir.chmod(0o755)
        self.servers = Authority(self.dir, "servers")
        self.clients = Authority(self.dir, "clients")
        cert, key = self.servers.issue("server", "IP:127.0.0.1,DNS:localhost")
        self.tokens = self.dir / "tokens"
        self.write_tokens(digest_line("reader", "read", "reader-token-0123"), digest_line("runner", "run", "runner-token-0123"),
                          digest_line("owner", "destroy", "owner-token-0123", " expires=2999-01-01T00:00:00Z"),
                          digest_line("late", "destroy", "expired-token-0123", " expires=2020-01-01T00:00:00Z"))
        self.crl = self.clients.revoked()
        # Groups of the daemon's own, whatever this machine has.
        self.group_file = self.dir / "group"
        self.group_file.write_text("root:x:0:\n" + "".join(f"{name}:x:{number}:\n" for name, number in GROUPS.items()))
        wrap = () if os.geteuid() else ("unshare", "-m", "sh", "-c", f'mount --bind {self.group_file} /etc/group && exec "$@"', "sh")
        more = () if os.geteuid() else ("--read-group", "lookers")
        self.server = self.daemon(
            "--listen", "127.0.0.1:0", "--token-file", self.tokens, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca",
            self.clients.cert, "--tls-client-crl", self.crl, "--tls-client", "DNS:board.example=read", "--tls-client",
            "URI:spiffe://fleet/ci=run", "--tls-client", "IP:10.0.0.1=destroy", *more, wrap=wrap)
        self.server.dir.chmod(0o755)
        self.port = int(re.search(r"control on 127\.0\.0\.1:(\d+)", self.server.text()).group(1))
        self.file = self.server.dir / "file"
        self.file.write_bytes(bytes(4096))

    def write_tokens(self, *lines):
        self.tokens.write_text("".join(lines))
        self.tokens.chmod(0o600)

    def context(self, shown=None):
        context = ssl.create_default_context(cafile=self.servers.cert)
        if shown:
            context.load_cert_chain(*shown)
        return context

    def over_tls(self, method, path, body=None, token=None, shown=None):
        """The status and the text of an answer, or 0 where there is none."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30 * SLOW, context=self.context(shown))
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
                return 0, ""

    def as_user(self, uid, groups, method, path, body=None):
        command = ["curl", "-s", "--max-time", str(30 * SLOW), "--unix-socket", self.server.socket, "-X", method, "-w", "\n%{http_code}",
                   "-H", "Content-Type: application/json", "-d", "@-", f"http://localhost{path}"]
        if body is None and method != "POST":
            command[command.index("-d"):command.index("-d") + 2] = []
        done = subprocess.run(command, input=body or "", capture_output=True, text=True, user=uid, group=groups[0], extra_groups=groups)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    def job(self, writes=False, endless=False):
        workload = {"bs": "4k", "direct": False} | ({"rw": "write"} if writes else {})
        if endless:
            workload |= {"runtime": "1h", "time_based": True, "rate_iops": 10}
        return json.dumps({"targets": [str(self.file)], "destructive": writes, "workload": workload})

    def try_everything(self, ask, scope, unknown):
        """Every route with somebody who has that scope; `ask(method, path, body)` → status, text."""
        level = SCOPES.index(scope)
        no = 401 if unknown else 403

        def expect(needed, wanted, method, path, body=None):
            status, text = ask(method, path, body)
            self.assertEqual(wanted if level >= SCOPES.index(needed) else no, status, (method, path, scope, text))
            if status in (401, 403):
                problem = json.loads(text)
                self.assertEqual({"type", "title", "status", "detail"}, set(problem) - {"errors"})
                kind = "unauthorized" if status == 401 else "forbidden"
                self.assertEqual(f"urn:spliced:problem:{kind}", problem["type"])
            return json.loads(text) if status == 201 else None

        for method, path in LOOKS:
            expect("read", 404 if path in ("/v1/jobs/0", "/v1/devices/nothing") else 200, method, path)
        expect("read", 200, "POST", "/v1/jobs:validate", self.job())
        expect("read", 404, "GET", "/there/is/nothing")
        others = self.server.submit(**json.loads(self.job(endless=True)))["id"]
        expect("destroy", 200, "POST", f"/v1/jobs/{others}:cancel")
        self.server.call("POST", f"/v1/jobs/{others}:cancel")
        self.server.wait(others)
        expect("destroy", 204, "DELETE", f"/v1/jobs/{others}")
        expect("destroy", 201, "POST", "/v1/jobs", self.job(writes=True))
        for job in self.server.call("GET", "/v1/jobs").json["jobs"]:
            self.server.wait(job["id"])
        own = expect("run", 201, "POST", "/v1/jobs", self.job(endless=True))
        if own:
            expect("run", 200, "POST", f"/v1/jobs/{own['id']}:cancel")
            self.server.wait(own["id"])
            expect("run", 204, "DELETE", f"/v1/jobs/{own['id']}")
        return own

    def lines_of(self, status):
        return [line for line in self.server.text().splitlines() if re.search(rf" by .*: {status}[:,]", line)]

    def test_tokens(self):
        for token, scope in (("reader-token-0123", "read"), ("runner-token-0123", "run"), ("owner-token-0123", "destroy")):
            with self.subTest(scope):
                own = self.try_everything(lambda *call, token=token: self.over_tls(*call, token=token), scope, False)
                if own:
                    self.assertEqual(f"token:{token.split('-')[0]}", own["created_by"])
        before = len(self.lines_of(401))
        wrong = (None, "wrong-token-0123", "expired-token-0123", "reader-token-012", "reader-token-0123x", "x" * 8000)
        for token in wrong:
            with self.subTest(str(token)[:20]):
                self.try_everything(lambda *call, token=token: self.over_tls(*call, token=token), "none", True)
        await_true(lambda: len(self.lines_of(401)) == before + len(wrong) * (len(LOOKS) + 6), "a line for each that was turned away")
        self.assertFalse(re.search(r"-token-01|x{40}", self.server.text()), "the log tells a token")
        self.assertIn("has expired", self.server.text())

    def test_certificates(self):
        for name, scope in (("DNS:board.example", "read"), ("URI:spiffe://fleet/ci", "run"), ("IP:10.0.0.1", "destroy"),
                            ("DNS:stranger.example", "none"), ("", "none")):
            with self.subTest(name):
                shown = self.clients.issue(re.sub(r"\W", "-", name) or "nameless", name)
                own = self.try_everything(lambda *call, shown=shown: self.over_tls(*call, shown=shown), scope, False)
                if own:
                    self.assertEqual(f"cert:{name}", own["created_by"])

    def test_certificates_that_nobody_vouches_for(self):
        stranger = Authority(self.dir, "strangers").issue("a", "IP:10.0.0.1")
        past = self.clients.issue("past", "IP:10.0.0.1", "20200101000000Z", "20200201000000Z")
        future = self.clients.issue("future", "IP:10.0.0.1", "20990101000000Z", "20990201000000Z")
        revoked = self.clients.issue("revoked", "IP:10.0.0.1")
        self.assertEqual(200, self.over_tls("GET", "/v1/version", shown=revoked)[0])
        self.clients.revoked(revoked[0])
        os.kill(self.server.pid(), signal.SIGHUP)
        await_true(lambda: "configuration reloaded" in self.server.text(), "the reload")
        for shown, why in ((stranger, "unable to get local issuer"), (past, "has expired"), (future, "not yet valid"),
                           (revoked, "certificate revoked")):
            with self.subTest(why):
                for method, path in [*LOOKS, ("POST", "/v1/jobs")]:
                    self.assertEqual((0, ""), self.over_tls(method, path, shown=shown, token="owner-token-0123"))
                await_true(lambda why=why: why in self.server.text(), "a line of the log")

    def test_a_revoked_token_and_a_token_beside_a_certificate(self):
        shown = self.clients.issue("board", "DNS:board.example")
        both = lambda token: self.over_tls("POST", "/v1/jobs", self.job(), token=token, shown=shown)[0]
        self.assertEqual(403, both(None))
        self.assertEqual(201, both("runner-token-0123"))
        self.assertEqual(401, both("wrong-token-0123"))
        self.write_tokens(digest_line("another", "read", "another-token-0123"))
        os.kill(self.server.pid(), signal.SIGHUP)
        await_true(lambda: self.over_tls("GET", "/v1/version", token="another-token-0123")[0] == 200, "the new token")
        self.assertEqual(401, both("runner-token-0123"))
        self.tokens.write_text("another read not-a-digest\n")
        os.kill(self.server.pid(), signal.SIGHUP)
        await_true(lambda: "line 1: sha256:" in self.server.text(), "the reason")
        self.assertEqual(200, self.over_tls("GET", "/v1/version", token="another-token-0123")[0])

    @need_root
    def test_users_of_this_machine(self):
        for uid, groups, scope in ((0, [0], "destroy"), (61_000, [GROUPS["spliced"]], "destroy"),
                                   (61_000, [61_000, GROUPS["spliced"]], "destroy"), (61_000, [61_000, GROUPS["lookers"]], "read"),
                                   (61_000, [61_000, 0], "none"), (65_534, [65_534], "none"),
                                   (61_003, [*range(62_000, 62_060), GROUPS["lookers"]], "read")):
            with self.subTest(f"{uid} {groups[-1]}"):
                own = self.try_everything(lambda *call, uid=uid, groups=groups: self.as_user(uid, groups, *call), scope, False)
                if own:
                    self.assertEqual(f"uid:{uid}", own["created_by"])
        self.assertTrue([line for line in self.lines_of(403) if "by uid 65534, pid " in line])

    def test_one_runner_has_no_say_in_the_jobs_of_another(self):
        shown = self.clients.issue("ci", "URI:spiffe://fleet/ci")
        one = json.loads(self.over_tls("POST", "/v1/jobs", self.job(endless=True), token="runner-token-0123")[1])["id"]
        status, text = self.over_tls("POST", f"/v1/jobs/{one}:cancel", shown=shown)
        self.assertEqual(403, status)
        self.assertIn("is that of token:runner", text)
        self.assertEqual("RUNNING", self.server.call("GET", f"/v1/jobs/{one}").json["state"])
        status, text = self.over_tls("POST", "/v1/jobs:validate", self.job(writes=True), shown=shown)
        plan = json.loads(text)
        self.assertFalse(plan["accepted"])
        self.assertIn(("/destructive", "urn:spliced:problem:forbidden"), [(e["pointer"], e["type"]) for e in plan["errors"]])
        self.assertEqual(200, self.over_tls("POST", f"/v1/jobs/{one}:cancel", token="runner-token-0123")[0])


class Tls(TestCase):
    def setUp(self):
        self.dir = self.directory()
        self.authority = Authority(self.dir)
        self.cert, self.key = self.authority.issue("server", "IP:127.0.0.1,DNS:localhost", kind="rsa:2048")
        self.token = self.dir / "token"
        self.token.write_text(f"{self.TOKEN}\n")
        self.token.chmod(0o600)

    def serve(self, *more):
        server = self.daemon("--listen", "127.0.0.1:0", "--token-file", self.token, "--tls-cert", self.cert, "--tls-key", self.key, *more)
        return server, int(re.search(r"control on 127\.0\.0\.1:(\d+)", server.text()).group(1))

    def s_client(self, port, *arguments):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", self.authority.cert, *arguments],
                              input="", capture_output=True, text=True, timeout=60 * SLOW)
        return done.returncode, done.stdout + done.stderr

    def curl(self, port, path, *arguments):
        done = subprocess.run(["curl", "-s", "-w", "%{http_code}", "--cacert", self.authority.cert, "-H",
                               f"Authorization: Bearer {self.TOKEN}", *arguments, f"https://localhost:{port}{path}"],
                              capture_output=True, text=True, timeout=60 * SLOW)
        return done.stdout

    def test_what_is_spoken(self):
        _, port = self.serve()
        code, text = self.s_client(port)
        self.assertEqual(0, code, text)
        self.assertIn("TLSv1.3", text)
        self.assertIn("Verify return code: 0 (ok)", text)
        self.assertNotIn("New, TLSv1.3, Cipher is (NONE)", text)
        weak = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
        for flags in (["-tls1", "-cipher", weak], ["-tls1_1", "-cipher", weak], ["-tls1_2", "-cipher", weak],
                      ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"]):
            code, text = self.s_client(port, *flags)
            self.assertNotEqual(0, code, (flags, text))
            self.assertIn("Cipher is (NONE)", text)
        self.assertTrue(self.curl(port, "/livez").endswith("200"))
        self.assertTrue(self.curl(port, "/livez", "--tls-max", "1.2").endswith("000"))

    def test_tls_12_on_request(self):
        _, port = self.serve("--tls-min-version", "1.2")
        self.assertTrue(self.curl(port, "/livez", "--tls-max", "1.2").endswith("200"))
        self.assertTrue(self.curl(port, "/livez").endswith("200"))
        for cipher in ("aNULL", "eNULL", "kRSA", "DHE", "SHA1", "SHA256", "ECDHE+AES+SHA384", "CAMELLIA", "ARIA"):
            offered = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", f"{cipher}:!AESGCM:!CHACHA20:@SECLEVEL=0"], capture_output=True)
            self.assertEqual(0, offered.returncode, f"this openssl has no {cipher}: nothing would be tried")
            code, text = self.s_client(port, "-tls1_2", "-cipher", f"{cipher}:!AESGCM:!CHACHA20:@SECLEVEL=0")
            self.assertNotEqual(0, code, (cipher, text))
        for flags in (["-tls1"], ["-tls1_1"]):
            code, text = self.s_client(port, *flags, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(0, code, text)
        _, text = self.s_client(port, "-tls1_2")
        self.assertIn("Secure Renegotiation IS supported", text)
        self.assertNotIn("TLS session ticket:", text)

    def test_metrics_have_keys_and_clients_of_their_own(self):
        clients = Authority(self.dir, "scrapers")
        server = self.daemon("--metrics-tls-cert", self.cert, "--metrics-tls-key", self.key, "--metrics-tls-client-ca", clients.cert)
        mine = clients.issue("prometheus", "DNS:prometheus.example")
        other = self.authority.issue("other", "DNS:prometheus.example")
        port = server.metrics_port
        shown = ["--cert", mine[0], "--key", mine[1]]
        self.assertIn("spliced_build_info", self.curl(port, "/metrics", *shown))
        self.assertTrue(self.curl(port, "/livez", *shown).endswith("200"))
        for path in ("/metrics", "/livez", "/readyz", "/"):
            answer = self.curl(port, path)
            self.assertTrue(answer.endswith("401"), answer)
            self.assertNotIn("spliced_build_info", answer)
        self.assertTrue(self.curl(port, "/metrics", "--cert", other[0], "--key", other[1]).endswith("000"))
        self.assertTrue(self.curl(port, "/v1/jobs", *shown).endswith("404"))

    def test_new_files_are_taken_on_sighup_and_wrong_ones_are_not(self):
        server, port = self.serve()
        context = ssl.create_default_context(cafile=self.authority.cert)

        def serial():
            with socket.create_connection(("127.0.0.1", port), timeout=10 * SLOW) as raw, \
                    context.wrap_socket(raw, server_hostname="localhost") as there:
                return there.getpeercert()["serialNumber"]

        first = serial()
        new = self.authority.issue("new", "DNS:localhost")
        self.cert.write_bytes(new[0].read_bytes())
        os.kill(server.pid(), signal.SIGHUP)
        await_true(lambda: "is not that of the certificate" in server.text(), "the key of another certificate to be refused")
        self.assertEqual(first, serial())
        self.key.write_bytes(new[1].read_bytes())
        os.kill(server.pid(), signal.SIGHUP)
        await_true(lambda: serial() != first, "the new certificate")

    def test_half_open_handshakes_delay_nobody(self):
        _, port = self.serve()

        def hello():
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            there = ssl.create_default_context(cafile=self.authority.cert).wrap_bio(incoming, outgoing, server_hostname="localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                there.do_handshake()
            return outgoing.read()

        hellos = [hello() for _ in range(50)]
        context = ssl.create_default_context(cafile=self.authority.cert)

        def ask():
            begun = time.monotonic()
            connection = http.client.HTTPSConnection("localhost", port, timeout=10 * SLOW, context=context)
            connection.request("GET", "/livez", headers={"Authorization": f"Bearer {self.TOKEN}"})
            self.assertEqual(200, connection.getresponse().status)
            connection.close()
            return time.monotonic() - begun

        alone = statistics.median(ask() for _ in range(20))
        crowd = []
        self.addCleanup(lambda: [client.close() for client in crowd])
        beside = []
        for i in range(500):
            client = socket.create_connection(("127.0.0.1", port), timeout=10 * SLOW)
            client.sendall(hellos[i % 50] if i % 2 else hellos[0][:40])
            crowd.append(client)
            if i % 20 == 0:
                beside.append(ask())
        beside += [ask() for _ in range(20)]
        print(f"\na request over TLS: median {alone * 1e3:.1f} ms alone, {statistics.median(beside) * 1e3:.1f} ms, at most "
              f"{max(beside) * 1e3:.1f} ms beside 500 half-open handshakes", end=" ")
        self.assertLess(statistics.median(beside), 0.1 * SLOW)
        self.assertLess(max(beside), 1 * SLOW)

    def test_plain_http_and_noise(self):
        server, port = self.serve()
        with socket.create_connection(("127.0.0.1", port), timeout=10 * SLOW) as client:
            client.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = client.recv(65536)
        self.assertIn(b"400 Bad Request", answer)
        self.assertIn(b"https://", answer)
        for noise in (b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x80\x2e\x01\x00\x02" + b"\x00" * 41, os.urandom(4096)):
            with socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW) as client:
                with contextlib.suppress(OSError):
                    client.sendall(noise)
                    client.shutdown(socket.SHUT_WR)
                    self.assertNotIn(b"HTTP", client.recv(65536))
        self.assertIsNone(server.process.poll())
        self.assertTrue(self.curl(port, "/livez").endswith("200"))


if __name__ == "__main__":
    unittest.main()
