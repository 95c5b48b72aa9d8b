# SPDX-License-Identifier: Apache-2.0
"""What is submitted twice makes one job: by a key of the client, or with an id of its own."""
import concurrent.futures
import http.client
import os
import signal
import time
import unittest
import uuid

from harness import BIN, SLOW, TestCase, await_true
from test_http import raw

MANY = 16
BAD_REQUEST = "urn:spliced:problem:bad-request"
INVALID = "urn:spliced:problem:invalid"
MISSING = "urn:spliced:problem:missing"
EXISTS = "urn:spliced:problem:exists"
GONE = "urn:spliced:problem:gone"
KEY_REUSED = "urn:spliced:problem:key-reused"
NO_PRECONDITION = "urn:spliced:problem:no-precondition"
JSON = {"Content-Type": "application/json"}
NEW = JSON | {"If-None-Match": "*"}


class Once(TestCase):
    def setUp(self):
        super().setUp()
        self.dir = self.directory()
        self.server = self.daemon(directory=self.dir)

    def reading(self, name="file", **workload):
        path = self.dir / name
        path.write_bytes(bytes(64 << 10))
        return {"targets": [str(path)], "workload": {"rw": "read", "direct": False} | workload}

    def post(self, body, key=None):
        return self.server.call("POST", "/v1/jobs", body, JSON | ({"Idempotency-Key": key} if key else {}))

    def put(self, job_id, body, headers=NEW):
        return self.server.call("PUT", f"/v1/jobs/{job_id}", body, headers)

    def made(self, answer):
        self.assertEqual(201, answer.status, answer.raw)
        self.assertEqual(f"/v1/jobs/{answer.json['id']}", answer.headers["Location"])
        return self.server.wait(answer.json["id"])["id"]

    def refused(self, answer, status, kind):
        self.assertEqual((status, kind), (answer.status, answer.json["type"]), answer.raw)
        return answer.json

    def jobs(self):
        return [job["id"] for job in self.server.call("GET", "/v1/jobs").json["jobs"]]

    def restart(self):
        os.kill(self.server.pid(), signal.SIGKILL)
        self.server.process.wait(30)
        self.server = self.daemon(directory=self.dir)

    def test_by_a_key(self):
        body = self.reading()
        job = self.made(self.post(body, "a-key"))
        again = self.post(body, "a-key")
        self.assertEqual((200, job, f"/v1/jobs/{job}"), (again.status, again.json["id"], again.headers["Location"]))
        self.assertEqual("SUCCEEDED", again.json["state"])
        problem = self.refused(self.post(body | {"name": "another"}, "a-key"), 422, KEY_REUSED)
        self.assertIn(job, problem["detail"])
        self.assertIn("a-key", problem["detail"])
        other = self.made(self.post(body, "another-key"))
        self.assertEqual([other, job], self.jobs())

    def test_with_an_id(self):
        body = self.reading()
        job = str(uuid.uuid4())
        self.assertEqual(job, self.made(self.put(job, body)))
        for same in (job, job.upper()):
            problem = self.refused(self.put(same, body | {"name": "another"}), 412, EXISTS)
            self.assertEqual((job, "SUCCEEDED"), (problem["job"]["id"], problem["job"]["state"]))
            self.assertEqual(job, self.server.call("GET", f"/v1/jobs/{same}").json["id"])
        self.assertEqual([job], self.jobs())

    def test_what_is_wrong_is_said_and_makes_no_job(self):
        body = self.reading()
        job = str(uuid.uuid4())
        self.refused(self.put(job, body, JSON), 428, NO_PRECONDITION)
        self.refused(self.put(job, body, JSON | {"If-None-Match": '"x"'}), 400, BAD_REQUEST)
        for wrong in ("x", job[:-1], job + "0", job.replace("-", ""), "00000000-0000-0000-0000-000000000000", "g" + job[1:]):
            with self.subTest(wrong):
                self.assertIn(wrong, self.refused(self.put(wrong, body), 422, INVALID)["detail"])
        for wrong in ("", " ", "a b", "naïve", "x" * 256):
            with self.subTest(wrong):
                answer = self.server.call("POST", "/v1/jobs", body, JSON | {"Idempotency-Key": wrong.encode("latin-1")})
                self.refused(answer, 400, BAD_REQUEST)
        status, answer = raw(self.server, b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                             b"Idempotency-Key: a\r\nidempotency-key: b\r\nContent-Length: 2\r\n\r\n{}")
        self.assertEqual(400, status, answer)
        self.assertEqual(405, self.server.call("PUT", "/v1/jobs", body, NEW).status)
        self.assertEqual([], self.jobs())

    def test_what_was_refused_binds_nothing(self):
        body = self.reading()
        job = str(uuid.uuid4())
        bad = body | {"targets": [str(self.dir / "missing")]}
        self.refused(self.post(bad, "key"), 422, MISSING)
        self.refused(self.put(job, bad), 422, MISSING)
        self.made(self.post(body, "key"))
        self.assertEqual(job, self.made(self.put(job, body)))

    def test_many_at_once_make_one(self):
        bodies = [self.reading(f"file{i}") for i in range(2)]
        job = str(uuid.uuid4())
        for send, repeated in ((lambda body: self.post(body, "key"), 200), (lambda body: self.put(job, body), 412)):
            with self.subTest(repeated), concurrent.futures.ThreadPoolExecutor(MANY) as pool:
                answers = list(pool.map(send, [bodies[0]] * MANY))
                self.assertEqual([201] + [repeated] * (MANY - 1) if repeated > 201 else [repeated] * (MANY - 1) + [201],
                                 sorted(answer.status for answer in answers))
                told = {answer.json["id"] if answer.status < 400 else answer.json["job"]["id"] for answer in answers}
                self.assertEqual(1, len(told))
                self.server.wait(told.pop())
        self.assertEqual(2, len(self.jobs()))

    def test_two_hundred_with_twenty_names_over_restarts_make_twenty(self):
        bodies = [self.reading(f"file{i}") for i in range(20)]
        ids = [str(uuid.uuid4()) for _ in bodies]

        def send(number):
            """Until it is answered, as a client would."""
            name = number % 20
            while True:
                try:
                    answer = self.put(ids[name], bodies[name]) if name % 2 else self.post(bodies[name], f"key-{name}")
                except (OSError, http.client.HTTPException):
                    time.sleep(0.05)  # the daemon is away
                    continue
                if answer.status != 503:
                    return answer

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            sent = [pool.submit(send, number) for number in range(200)]
            for enough in (40, 100, 160):
                await_true(lambda: sum(one.done() for one in sent) >= enough, f"{enough} answers", 60)
                self.restart()
            answers = [one.result(timeout=60 * SLOW) for one in sent]
        self.assertLessEqual({answer.status for answer in answers}, {200, 201, 412})
        self.assertEqual(20, len(self.jobs()))
        for job in self.jobs():
            self.server.wait(job)

    def test_keys_and_ids_outlive_the_daemon(self):
        body = self.reading()
        job = str(uuid.uuid4())
        by_key = self.made(self.post(body, "key"))
        self.made(self.put(job, body))
        gone = str(uuid.uuid4())
        for forgotten in (self.made(self.post(body, "gone")), self.made(self.put(gone, body))):
            self.assertEqual(204, self.server.call("DELETE", f"/v1/jobs/{forgotten}").status)
        for again in (False, True):
            if again:
                self.restart()
            self.assertEqual(by_key, self.post(body, "key").json["id"])
            self.refused(self.post(body | {"name": "another"}, "key"), 422, KEY_REUSED)
            self.refused(self.put(job, body), 412, EXISTS)
            self.refused(self.post(body, "gone"), 410, GONE)
            self.refused(self.put(gone, body), 410, GONE)
            self.assertEqual([job, by_key], self.jobs())

    def test_a_repeat_of_one_that_runs_shows_it_running(self):
        body = self.reading(time_based=True, runtime="1h", rate_iops=10)
        job = str(uuid.uuid4())
        self.assertEqual(201, self.put(job, body).status)
        self.assertEqual("RUNNING", self.refused(self.put(job, body), 412, EXISTS)["job"]["state"])
        self.server.call("POST", f"/v1/jobs/{job}:cancel")
        self.server.wait(job)

    @unittest.skipIf(SLOW > 1, "a sanitizer is the first to be loaded")
    def test_a_key_holds_for_a_day(self):
        self.assertEqual(0, self.server.stop())
        offset = self.dir / "offset"
        offset.write_text("0")
        self.server = self.daemon(directory=self.dir, env={"LD_PRELOAD": str(BIN / "wall_clock.so"), "WALL_CLOCK_OFFSET": str(offset)})
        body = self.reading()
        job = self.made(self.post(body, "key"))
        offset.write_text(str(23 * 3600))
        self.assertEqual(200, self.post(body, "key").status)
        offset.write_text(str(25 * 3600))
        self.assertNotEqual(job, self.made(self.post(body | {"name": "another"}, "key")))


if __name__ == "__main__":
    unittest.main()
