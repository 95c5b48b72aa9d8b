# SPDX-License-Identifier: Apache-2.0
"""splicectl's exit codes, each as a script sees it: in a pipe, on a terminal, and with no daemon there."""
import json
import os
import pty
import signal
import subprocess
import threading
import unittest

from harness import BIN, SLOW, TestCase, await_true, need_root

MIB = 1 << 20


def in_a_pipe(command, env):
    script = '"$@" | cat >/dev/null; exit "${PIPESTATUS[0]}"'
    return subprocess.run(["bash", "-c", script, "-", *command], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60 * SLOW).returncode


def on_a_terminal(command, env):
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, env=env, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)

    def read_all():
        try:
            while os.read(leader, 4096):
                pass
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read_all)
    reader.start()
    try:
        return process.wait(60 * SLOW)
    finally:
        process.kill()
        reader.join()
        os.close(leader)


@need_root
class ExitCodes(TestCase):
    def setUp(self):
        self.mount = self.fuse_disk(MIB)
        (self.mount / "control").write_text("fail read 65536 4096 5\n")
        self.loop, _ = self.loop(image=self.mount / "disk")
        self.server = self.daemon(allow=["/dev/loop*"])
        self.env = {**os.environ, "SPLICED_SERVER": f"unix:{self.server.socket}"}
        (self.server.dir / "good").write_bytes(bytes(MIB))

    def definition(self, target, **workload):
        path = self.directory() / "job.json"
        path.write_text(json.dumps({"targets": [str(target)], "workload": {"bs": "4k", "direct": False, **workload}}))
        return str(path)

    def rows(self):
        """(exit code, what it is, command)"""
        good = self.server.dir / "good"
        endless = {"runtime": "1h", "time_based": True, "rate_iops": 10}
        interrupted = self.server.submit(targets=[str(good)], workload={"bs": "4k", "direct": False, **endless})["id"]
        os.kill(self.server.pid(), signal.SIGKILL)
        self.server.process.wait()
        self.server = self.daemon(directory=self.server.dir, allow=["/dev/loop*"])
        failed = self.server.run(targets=[self.loop], workload={"bs": "64k"})["id"]
        cancelled = self.server.submit(targets=[str(good)], workload={"bs": "4k", "direct": False, **endless})["id"]
        self.server.call("POST", f"/v1/jobs/{cancelled}:cancel", "")
        self.server.wait(cancelled)
        return [(0, "PASS", ["run", self.definition(good)]),
                (0, "a list", ["list"]),
                (0, "a valid job", ["validate", self.definition(good)]),
                (1, "verdict FAIL", ["run", self.definition(self.loop, direct=True)]),
                (1, "of a job that has ended", ["wait", failed]),
                (2, "no command", []),
                (2, "an unknown command", ["fly"]),
                (2, "an unknown flag", ["list", "--colour"]),
                (2, "no such file", ["run", "/nowhere/job.json"]),
                (4, "a refused target", ["run", self.definition("/etc/passwd")]),
                (4, "an invalid job", ["submit", self.definition(good, bs="3")]),
                (4, "an invalid job, said beforehand", ["validate", self.definition(good, bs="3")]),
                (4, "no such job", ["show", "none"]),
                (5, "cancelled", ["wait", cancelled]),
                (5, "interrupted", ["wait", interrupted]),
                (5, "without a verdict", ["run", self.definition(good, runtime="1ns")])]

    def test_each_row_of_the_table(self):
        for code, what, arguments in self.rows():
            command = [str(BIN / "splicectl"), *arguments]
            for how in (in_a_pipe, on_a_terminal):
                with self.subTest(what, how=how.__name__):
                    self.assertEqual(code, how(command, self.env))

    def test_without_a_daemon_each_is_3_but_wrong_usage(self):
        rows = self.rows()
        self.server.stop()
        for code, what, arguments in rows:
            command = [str(BIN / "splicectl"), *arguments]
            for how in (in_a_pipe, on_a_terminal):
                with self.subTest(what, how=how.__name__):
                    self.assertEqual(2 if code == 2 else 3, how(command, self.env))

    def test_a_job_that_is_cancelled_while_it_is_followed_is_5(self):
        job = self.definition(self.server.dir / "good", runtime="1h", time_based=True, rate_iops=10)
        for how in (in_a_pipe, on_a_terminal):
            with self.subTest(how.__name__):
                got = []
                thread = threading.Thread(
                    target=lambda: got.append(how([str(BIN / "splicectl"), "run", job], self.env)))
                thread.start()

                def running():
                    return self.server.call("GET", "/v1/jobs?state=RUNNING").json["jobs"]

                await_true(running, "the job to run")
                self.server.call("POST", f"/v1/jobs/{running()[0]['id']}:cancel", "")
                thread.join()
                self.assertEqual([5], got)


if __name__ == "__main__":
    unittest.main()
