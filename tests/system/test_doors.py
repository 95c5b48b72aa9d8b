# SPDX-License-Identifier: Apache-2.0
"""Sockets that systemd holds, credentials that it puts aside, and who may come in, on a real systemd."""
import hashlib
import json
import os
import sys
import textwrap
import unittest

from certificates import Authority
from harness import await_true
from test_service import OnAMachine

RESTARTS = int(os.environ.get("SPLICED_RESTARTS", "10"))
# Asks at both sockets for as long as a file is there, and says what came of it.
CLIENT = textwrap.dedent("""
    import collections, http.client, json, os, socket, sys
    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect("/run/spliced/spliced.sock")
    seen = collections.Counter()
    while os.path.exists(sys.argv[1]):
        for name, make in (("unix", lambda: Unix("localhost", timeout=30)),
                           ("tcp", lambda: http.client.HTTPConnection("127.0.0.1", 9650, timeout=30))):
            connection = make()
            try:
                connection.request("GET", "/livez")
                seen[f"{name} {connection.getresponse().status}"] += 1
            except Exception as error:
                seen[f"{name} {error!r}"] += 1
            finally:
                connection.close()
    print(json.dumps(seen))
    """)


class Sockets(OnAMachine):
    def setUp(self):
        self.configure()
        self.run_in("systemctl stop spliced.service; systemctl enable --now spliced.socket")
        self.addCleanup(self.run_in, "systemctl disable --now spliced.socket; systemctl stop spliced; rm -f /run/asking; "
                                     "systemctl reset-failed spliced.service spliced.socket", check=False)

    def test_the_first_client_starts_the_daemon(self):
        self.assertEqual("inactive", self.show("ActiveState"))
        self.assertEqual("root spliced 660\n", self.run_in("stat -c '%U %G %a' /run/spliced/spliced.sock"))
        self.assertEqual("ok\n", self.get("/livez"))
        self.assertEqual("active", self.show("ActiveState"))
        self.assertIn("control on unix:/run/spliced/spliced.sock, from systemd", self.journal())
        self.run_in("systemctl stop spliced.service")
        self.assertIn("spliced_build_info", self.run_in("curl -sS --max-time 20 http://127.0.0.1:9650/metrics"))
        self.run_in("systemctl stop spliced.service; test -S /run/spliced/spliced.sock")

    def test_nobody_is_refused_while_it_restarts(self):
        self.write("/run-client.py", CLIENT)
        self.run_in("touch /run/asking; nohup python3 /run-client.py /run/asking >/run/asked 2>&1 &")
        for _ in range(RESTARTS):
            self.run_in("systemctl restart spliced.service")
        self.run_in("rm /run/asking")
        await_true(lambda: self.run_in("cat /run/asked").strip(), "the client to end", 40)
        seen = json.loads(self.run_in("cat /run/asked"))
        self.assertEqual({"unix 200", "tcp 200"}, set(seen), seen)
        self.assertGreater(min(seen.values()), RESTARTS, seen)
        print(f"\n{RESTARTS} restarts, {sum(seen.values())} requests", end=" ")

    def test_what_the_socket_unit_and_the_configuration_do_not_agree_on_is_named(self):
        self.configure(metrics_listen="127.0.0.1:9651")
        self.assertNotEqual(0, self.machine.run("systemctl start spliced.service", check=False).returncode)
        self.assertIn("systemd listens on 127.0.0.1:9650 for the daemon, which is neither in listen nor metrics_listen", self.journal())


class Credentials(OnAMachine):
    def setUp(self):
        self.addCleanup(self.run_in, "systemctl stop spliced; rm -rf /etc/credstore/spliced.*; systemctl reset-failed spliced",
                        check=False)
        store = self.machine.root / "etc/credstore"
        store.mkdir(mode=0o700, exist_ok=True)
        keys = self.machine.root / "keys"
        keys.mkdir(exist_ok=True)
        self.addCleanup(self.run_in, "rm -rf /keys")
        servers, clients = Authority(keys, "servers"), Authority(keys, "clients")
        cert, key = servers.issue("server", "DNS:localhost")
        clients.issue("ops", "DNS:ops.example")
        token = "a-token-for-the-board"
        for name, text in (("tokens", f"board read sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"), ("tls-cert", cert.read_text()),
                           ("tls-key", key.read_text()), ("tls-client-ca", clients.cert.read_text())):
            path = store / f"spliced.{name}"
            path.write_text(text)
            path.chmod(0o600)
        self.token = token

    def status(self, *arguments):
        return self.run_in("curl -s -o /dev/null -w '%{http_code}' --max-time 20 --cacert /keys/servers/ca.crt "
                           + " ".join(arguments), check=False)

    def test_what_lies_in_the_store_guards_tcp(self):
        self.configure(listen=["unix:/run/spliced/spliced.sock", "127.0.0.1:8650"], tls_client=["DNS:ops.example=destroy"])
        self.run_in("systemctl restart spliced")
        self.run_in("systemctl reload spliced")  # the check of the configuration has them, too
        jobs = "https://localhost:8650/v1/jobs"
        self.assertEqual("401", self.status(jobs))
        bearer = f"-H 'Authorization: Bearer {self.token}'"
        self.assertEqual("200", self.status(bearer, jobs))
        self.assertEqual("403", self.status(bearer, "-X POST -d '{}'", jobs))
        ops = "--cert /keys/clients/ops.crt --key /keys/clients/ops.key"
        self.assertEqual("415", self.status(ops, "-X POST -d '{}'", jobs))
        self.assertEqual("000", self.status("--tls-max 1.2", ops, jobs))
        done = self.machine.run("splicectl --server https://localhost:8650 --cacert /keys/servers/ca.crt --cert /keys/clients/ops.crt "
                                "--key /keys/clients/ops.key run /usr/share/doc/spliced/examples/quickstart.json", check=False, timeout=90)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual("cert:DNS:ops.example", json.loads(self.get("/v1/jobs"))["jobs"][0]["created_by"])

    def test_without_a_store_the_unit_starts_as_well(self):
        self.run_in("rm -rf /etc/credstore/spliced.*")
        self.configure()
        self.run_in("systemctl restart spliced")
        self.assertEqual("ok\n", self.get("/livez"))

    def test_those_who_may_read_do_not_write(self):
        self.configure(read_group="adm")
        self.run_in("systemctl restart spliced")
        as_nobody = "setpriv --reuid=65534 --regid=65534 --groups={} curl -s -o /dev/null -w '%{{http_code}}' --max-time 20 --unix-socket " \
                    "/run/spliced/spliced.sock {} http://localhost/v1/jobs"
        adm = self.run_in("getent group adm | cut -d: -f3").strip()
        self.assertEqual("403", self.run_in(as_nobody.format(65534, "")))
        self.assertEqual("200", self.run_in(as_nobody.format(adm, "")))
        self.assertEqual("403", self.run_in(as_nobody.format(adm, "-X POST -H 'Content-Type: application/json' -d '{}'")))


if __name__ == "__main__":
    sys.path.insert(0, "../integration")
    unittest.main()
