"""splicectl against a real daemon."""
import concurrent.futures
import json
import os
import pty
import signal
import subprocess
import unittest

from harness import BIN, ROOT, SLOW, TestCase, await_true


class Splicectl(TestCase):
    def setUp(self):
        self.server = self.daemon()
        self.env = {**os.environ, "SPLICED_SERVER": f"unix:{self.server.socket}"}

    def ctl(self, *arguments, stdin=None):
        return subprocess.run([BIN / "splicectl", *map(str, arguments)], capture_output=True, text=True, env=self.env,
                              input=stdin, timeout=60 * SLOW)

    def definition(self, **workload):
        path = self.server.dir / "job.json"
        path.write_text(json.dumps({"name": "by hand", "targets": [str(self.server.dir / "scratch")], "destructive": True,
                                    "workload": {"rw": "write", "size": "1M", "direct": False, **workload}}))
        return path

    def test_run_passes_and_prints_the_result(self):
        done = self.ctl("run", self.definition())
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("SUCCEEDED, verdict PASS", done.stdout)
        self.assertIn("256 ops", done.stdout)
        done = self.ctl("run", "--json", "-", stdin=self.definition().read_text())
        self.assertEqual((0, "PASS"), (done.returncode, json.loads(done.stdout)["verdict"]))

    def test_a_failed_job_gives_1(self):
        path = self.server.dir / "scratch"
        path.write_bytes(bytes(1 << 20))
        (self.server.dir / "job.json").write_text(json.dumps({
            "targets": [str(path)], "workload": {"rw": "read", "direct": False, "rate_iops": 20, "bs": "64k"}}))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            run = pool.submit(self.ctl, "run", self.server.dir / "job.json")
            await_true(lambda: self.server.metric("spliced_io_operations_total", device=str(path)) > 0, "I/O")
            os.truncate(path, 0)
            done = run.result()
        self.assertEqual(1, done.returncode)
        self.assertIn("verdict FAIL", done.stdout)

    def test_a_refused_job_gives_1_and_every_reason(self):
        done = self.ctl("submit", "-", stdin='{"targets": ["x"], "oops": 1}')
        self.assertEqual(1, done.returncode)
        self.assertIn("/targets/0: ", done.stderr)
        self.assertIn("/oops: ", done.stderr)

    def test_submit_list_show_cancel(self):
        job_id = self.ctl("submit", self.definition(runtime="1h", time_based=True)).stdout.strip()
        self.assertIn(job_id, self.ctl("list").stdout)
        self.assertIn(job_id, self.ctl("list", "--state", "RUNNING").stdout)
        self.assertNotIn(job_id, self.ctl("list", "--state", "FAILED").stdout)
        self.assertIn("RUNNING", self.ctl("show", job_id).stdout)
        self.assertEqual(0, self.ctl("cancel", job_id).returncode)
        await_true(lambda: "CANCELLED" in self.ctl("show", job_id).stdout, "the job to end")
        self.assertEqual(1, self.ctl("show", "nothing").returncode)

    def test_a_name_does_not_draw_on_the_terminal(self):
        job_id = self.server.submit(targets=[str(self.server.dir / "s")], name="evil\x1b[31m\r\nFAKE", destructive=True,
                                    workload={"rw": "write", "size": "4k", "direct": False})["id"]
        for command in (("list",), ("show", job_id)):
            text = self.ctl(*command).stdout
            self.assertIn("evil?[31m??FAKE", text)
            self.assertNotIn("\x1b", text)

    def complete(self, line):
        script = (f"source {ROOT}/packaging/completions/splicectl.bash; COMP_LINE=$1; COMP_POINT=${{#1}}; shift; "
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _splicectl; printf "%s\n" "${COMPREPLY[@]}"')
        words = line.replace(":", " : ").split(" ")  # as bash takes them apart
        done = subprocess.run(["bash", "-c", script, "-", line, *words], capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
        self.assertEqual("", done.stderr)
        return done.stdout.split()

    def test_completion(self):
        job_id = self.ctl("submit", self.definition(runtime="1h", time_based=True)).stdout.strip()
        self.addCleanup(self.ctl, "cancel", job_id)
        self.assertEqual([job_id], self.complete(f"splicectl --server unix:{self.server.socket} cancel "))
        self.assertEqual([], self.complete("splicectl --server unix:/nowhere cancel "))
        self.assertEqual(["cancel", "capabilities"], self.complete("splicectl --json ca"))
        self.assertEqual(["list"], self.complete("splicectl list"))
        self.assertIn("--state", self.complete("splicectl list --"))
        self.assertNotIn("--state", self.complete("splicectl run --"))

    def test_devices_and_capabilities(self):
        self.assertIn("MAY BE WRITTEN", self.ctl("devices").stdout)
        text = self.ctl("capabilities").stdout
        for word in ("read path copy", "writes without a copy", "largest pipe"):
            self.assertIn(word, text)
        self.assertIn("read_paths", json.loads(self.ctl("capabilities", "--json").stdout))

    def test_wrong_usage_gives_2_and_no_daemon_3(self):
        for arguments in ((), ("fly",), ("run",), ("run", "/nowhere"), ("--server", "ftp://x", "list")):
            self.assertEqual(2, self.ctl(*arguments).returncode, arguments)
        self.assertEqual(3, self.ctl("--server", "unix:/nowhere", "list").returncode)
        self.assertEqual(3, self.ctl("--server", "unix:/nowhere", "run", self.definition()).returncode)
        self.assertEqual(0, self.ctl("--help").returncode)
        self.assertEqual(0, self.ctl("--version").returncode)

    def test_ctrl_c_cancels_and_a_terminal_sees_progress(self):
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        run = subprocess.Popen([BIN / "splicectl", "run", self.definition(runtime="1h", time_based=True, rate_iops=100)],
                               stdout=subprocess.PIPE, stderr=follower, text=True, env=self.env)
        os.close(follower)
        self.addCleanup(run.stdout.close)
        seen = b""
        while b"ETA" not in seen or b"IOPS" not in seen:
            seen += os.read(leader, 4096)
        run.send_signal(signal.SIGINT)
        self.assertEqual(1, run.wait(20 * SLOW))
        self.assertIn("CANCELLED", run.stdout.read())


if __name__ == "__main__":
    unittest.main()
