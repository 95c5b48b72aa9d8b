# SPDX-License-Identifier: Apache-2.0
"""Each thing that can go wrong with a request has a name of its own."""
import http.client
import json
import os
import subprocess

from harness import TestCase, need_root
from test_http import post, raw

MIB = 1 << 20


def request(line, headers=b"Host: x\r\n"):
    return line + b" HTTP/1.1\r\n" + headers + b"\r\n"


class OfRequests(TestCase):
    def test_what_the_request_is_refused_for(self):
        server = self.daemon()
        for reason, status, data in (
                (dict(reason="bad-request"), 400, request(b"GET /livez?x=1")),
                (dict(reason="malformed"), 400, post(b"{")),
                (dict(reason="invalid"), 422, post(b"{}")),
                (dict(reason="not-found"), 404, request(b"GET /v1/jobs/none")),
                (dict(reason="not-found"), 404, request(b"GET /nowhere")),
                (dict(reason="method-not-allowed"), 405, request(b"DELETE /livez")),
                (dict(reason="length-required"), 411, request(b"POST /v1/jobs")),
                (dict(reason="too-large"), 413, post(b"", length=2 << 20)),
                (dict(reason="uri-too-long"), 414, request(b"GET /" + b"x" * 5000)),
                (dict(reason="media-type"), 415, request(b"POST /v1/jobs", b"Host: x\r\nContent-Length: 0\r\n")),
                (dict(reason="expectation"), 417, post(b"{}", b"Expect: mercy\r\n")),
                (dict(reason="head-too-large"), 431, request(b"GET /", b"Host: x\r\n" + 100 * b"X: 1\r\n")),
                (dict(reason="not-implemented"), 501, request(b"BREW /livez"))):
            with self.subTest(**reason):
                got, answer = raw(server, data)
                self.assertEqual(status, got, answer)
                self.assertIn(f'"type": "urn:spliced:problem:{reason["reason"]}"'.encode(), answer)

    def test_who_has_no_token_and_who_comes_by_another_name(self):
        _, port = self.daemon_on_tcp()
        for host, status, kind in (("localhost", 401, "urn:spliced:problem:unauthorized"),
                                   ("evil.example", 421, "urn:spliced:problem:wrong-host")):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
            self.addCleanup(client.close)
            client.request("GET", "/v1/jobs", headers={"Host": host})
            answer = client.getresponse()
            self.assertEqual((status, kind), (answer.status, json.loads(answer.read())["type"]))


class OfTargets(TestCase):
    def setUp(self):
        self.dir = self.directory()
        self.server = self.daemon(allow=[f"{self.dir}/", "/dev/loop*"])

    def file(self, name="file", size=MIB):
        path = self.dir / name
        path.write_bytes(bytes(size))
        return path

    def refused(self, *targets, status, reason, **job):
        job = {"targets": [str(target) for target in targets], "destructive": True,
               "workload": {"rw": "write", "bs": "4k", "direct": False, **job.pop("workload", {})}, **job}
        answer = self.server.call("POST", "/v1/jobs", job)
        self.assertEqual((status, f"urn:spliced:problem:{reason}"), (answer.status, answer.json["type"]), answer.raw)
        if reason != "several":
            self.assertEqual({answer.json["type"]}, {error["type"] for error in answer.json["errors"]})

    def test_files(self):
        path = self.file()
        self.refused("/etc/passwd", status=409, reason="not-allowed")
        self.refused(self.dir / "none", status=422, reason="missing")
        (self.dir / "directory").mkdir()
        self.refused(self.dir / "directory", status=422, reason="not-a-target")
        self.refused(self.file("nothing", 0), status=409, reason="empty")
        self.refused(path, status=422, reason="out-of-range", workload={"offset": "2M"})
        self.refused(self.dir / "huge", status=422, reason="no-space", workload={"size": "1024T"})
        self.refused(self.dir / "none", "/etc/passwd", status=409, reason="several")
        self.refused(path, f"{self.dir}/./{path.name}", status=422, reason="named-twice")
        self.refused(path, path, status=422, reason="named-twice")
        os.link(path, self.dir / "other")
        self.refused(path, status=409, reason="hard-links")
        self.refused(next((self.server.dir / "state").glob("*.db")), status=409, reason="own-file")
        self.refused(self.server.dir / "state" / "new", status=409, reason="own-file", workload={"size": "4k"})

    def test_a_file_that_direct_io_does_not_reach(self):
        attribute = "/sys/kernel/uevent_seqnum"
        if not os.path.exists(attribute):
            self.skipTest(f"there is no {attribute}")
        self.server = self.daemon(allow=[attribute])
        self.refused(attribute, status=422, reason="no-direct-io", destructive=False, workload={"rw": "read", "direct": True})

    def test_a_job_that_runs_cannot_be_forgotten(self):
        job = self.server.submit(targets=[str(self.file())],
                                 workload={"bs": "4k", "direct": False, "runtime": "1h", "time_based": True, "rate_iops": 10})
        answer = self.server.call("DELETE", f"/v1/jobs/{job['id']}")
        self.assertEqual((409, "urn:spliced:problem:not-ended"), (answer.status, answer.json["type"]))

    def test_a_job_that_has_ended_cannot_be_paused(self):
        job = self.server.run(targets=[str(self.file())], workload={"direct": False})
        for deed in ("pause", "resume"):
            answer = self.server.call("POST", f"/v1/jobs/{job['id']}:{deed}")
            self.assertEqual((409, "urn:spliced:problem:not-running"), (answer.status, answer.json["type"]))

    @need_root
    def test_devices(self):
        loop, image = self.loop(32 * MIB)
        self.server = self.daemon(allow=[f"{image.parent}/", "/dev/loop*"])
        self.refused(image, status=409, reason="held")
        self.refused(loop, status=422, reason="not-aligned", workload={"direct": True, "offset": 100})
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, capture_output=True)
        self.refused(loop, status=409, reason="signature")
        directory = self.directory("/tmp")
        subprocess.run(["mount", loop, directory], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", directory], capture_output=True)
        self.refused(loop, status=409, reason="mounted", overwrite_signatures=["all"])
        self.refused(loop, status=409, reason="several")
