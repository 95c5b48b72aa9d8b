# SPDX-License-Identifier: Apache-2.0
"""splicectl against a real daemon."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
import unittest

from harness import BIN, ROOT, SLOW, TestCase, await_true, need_root


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

    def test_what_is_refused_gives_4_and_every_reason(self):
        for command in ("submit", "run", "validate"):
            done = self.ctl(command, "-", stdin='{"targets": ["x"], "oops": 1}')
            self.assertEqual(4, done.returncode, command)
            self.assertIn("/targets/0: ", done.stderr)
            self.assertIn("/oops: ", done.stderr)
        for command in ("show", "wait", "cancel", "delete"):
            self.assertEqual(4, self.ctl(command, "nothing").returncode, command)
        self.assertEqual(4, self.ctl("submit", "-", stdin="no JSON").returncode)

    def test_validate_says_what_would_be_done(self):
        done = self.ctl("validate", self.definition())
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn("1.0 MiB from offset 0, would be created, about 1 s\nwould be accepted", done.stdout)
        self.assertFalse((self.server.dir / "scratch").exists())
        (self.server.dir / "job.json").write_text(json.dumps({"targets": ["/etc/passwd"], "workload": {"rw": "read"}}))
        done = self.ctl("validate", self.server.dir / "job.json")
        self.assertEqual(4, done.returncode)
        self.assertIn("would be refused", done.stdout)

    def test_wait_delete_version(self):
        job_id = self.ctl("submit", self.definition(rate_iops=200)).stdout.strip()
        self.assertEqual(4, self.ctl("delete", job_id).returncode, "it runs")
        done = self.ctl("wait", job_id)
        self.assertEqual(0, done.returncode)
        self.assertIn("SUCCEEDED, verdict PASS", done.stdout)
        self.assertEqual(0, self.ctl("delete", job_id).returncode)
        self.assertEqual(4, self.ctl("wait", job_id).returncode)
        self.assertRegex(self.ctl("version").stdout, r"^splicectl \S+\nspliced \S+ \(\w+\)\n$")

    def test_settings_are_shown_on_request(self):
        self.assertNotIn("splice: pipe", self.ctl("run", self.definition()).stdout)
        self.assertIn("engine: splice, pipe_size", self.ctl("run", "-v", self.definition()).stdout)

    def test_without_a_terminal_the_id_comes_first_and_then_lines(self):
        done = self.ctl("run", "--progress", "1", self.definition(rate_iops=100))
        self.assertEqual(0, done.returncode)
        lines = done.stderr.splitlines()
        self.assertRegex(lines[0], r"^job [0-9a-f-]{36}$")
        self.assertGreaterEqual(len(lines), 2)
        for line in lines[1:]:
            self.assertRegex(line, r"^RUNNING .*%.*IOPS.*ETA \d+ s$")
        done = self.ctl("run", "--progress", "0", "--json", self.definition())
        self.assertEqual(1, len(done.stderr.splitlines()))
        self.assertEqual("PASS", json.loads(done.stdout)["verdict"])

    def watched(self, *arguments, **workload):
        """A run of a long job that has said its id; the process and the id."""
        run = subprocess.Popen([BIN / "splicectl", *(arguments or ("run",)),
                                self.definition(runtime="1h", time_based=True, rate_iops=100, **workload)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env,
                               # Whoever runs the tests may ignore it.
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
        for stream in (run.stdout, run.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(run.kill)
        return run, run.stderr.readline().split()[1]

    def test_a_signal_cancels_the_job_which_gives_5(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run, job_id = self.watched()
            run.send_signal(number)
            self.assertEqual(5, run.wait(20 * SLOW), number)
            self.assertIn("CANCELLED", run.stdout.read())

    def test_a_signal_that_is_ignored_stays_so(self):
        run = subprocess.Popen(["nohup", BIN / "splicectl", "run", "--progress", "1", self.definition(rate_iops=100)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                               env=self.env)
        for stream in (run.stdout, run.stderr):
            self.addCleanup(stream.close)
        self.assertTrue(run.stderr.readline().startswith("job "))
        run.send_signal(signal.SIGHUP)
        self.assertEqual(0, run.wait(20 * SLOW))

    def test_a_job_that_another_one_cancels_gives_5(self):
        run, job_id = self.watched()
        self.assertEqual(0, self.ctl("cancel", job_id).returncode)
        self.assertEqual(5, run.wait(20 * SLOW))

    def test_a_job_that_is_waited_for_is_left_alone(self):
        job_id = self.ctl("submit", self.definition(runtime="1h", time_based=True)).stdout.strip()
        self.addCleanup(self.ctl, "cancel", job_id)
        wait = subprocess.Popen([BIN / "splicectl", "wait", "--progress", "1", job_id], stderr=subprocess.PIPE, text=True,
                                env=self.env)
        self.addCleanup(wait.stderr.close)
        self.assertIn("RUNNING", wait.stderr.readline())
        wait.send_signal(signal.SIGINT)
        self.assertEqual(5, wait.wait(20 * SLOW))
        self.assertIn("runs on", wait.stderr.read())
        self.assertEqual("RUNNING", self.server.call("GET", f"/v1/jobs/{job_id}").json["state"])

    def test_a_second_signal_leaves_at_once_though_the_daemon_does_not_answer(self):
        run, job_id = self.watched()
        self.addCleanup(os.kill, self.server.pid(), signal.SIGCONT)
        os.kill(self.server.pid(), signal.SIGSTOP)
        run.send_signal(signal.SIGINT)
        self.assertRegex(run.stderr.readline(), "again to leave at once")
        self.assertIsNone(run.poll())
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        self.assertEqual(5, run.wait(20 * SLOW))
        self.assertLess(time.monotonic() - begun, 1.0 * SLOW)
        self.assertIn(f"job {job_id} runs on", run.stderr.read())
        os.kill(self.server.pid(), signal.SIGCONT)
        self.ctl("cancel", job_id)

    def on_terminal(self, *arguments, columns=80, **env):
        """What a terminal of so many columns sees until the end, and the exit code."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        run = subprocess.Popen([BIN / "splicectl", *map(str, arguments)], stdout=follower, stderr=follower,
                               env={**self.env, "TERM": "xterm", **env})
        os.close(follower)
        seen = b""
        with contextlib.suppress(OSError), os.fdopen(leader, "rb", 0) as terminal:
            while data := terminal.read(4096):
                seen += data
        return seen.decode(), run.wait(20 * SLOW)

    def test_a_narrow_terminal_is_not_overrun(self):
        for columns in (20, 40, 60, 120):
            seen, code = self.on_terminal("run", self.definition(rate_iops=100), columns=columns)
            self.assertEqual(0, code)
            lines = [line for line in seen.split("\r\033[K") if line.startswith("RUNNING")]
            self.assertGreater(len(lines), 1)
            for line in lines:
                self.assertLess(len(line), columns, line)
                self.assertNotIn(" ms", line)
            self.assertEqual(columns > 40, "IOPS" in lines[-1])

    def test_the_verdict_has_a_colour_on_a_terminal_unless_it_is_not_wanted(self):
        self.assertIn("\033[1;32mPASS\033[0m", self.on_terminal("run", self.definition())[0])
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            seen, code = self.on_terminal("run", self.definition(), **env)
            self.assertIn("verdict PASS", seen)
            self.assertNotIn("\033[1;", seen)

    def test_submit_list_show_cancel(self):
        job_id = self.ctl("submit", self.definition(runtime="1h", time_based=True)).stdout.strip()
        self.assertIn(job_id, self.ctl("list").stdout)
        self.assertIn(job_id, self.ctl("list", "--state", "RUNNING").stdout)
        self.assertNotIn(job_id, self.ctl("list", "--state", "FAILED").stdout)
        self.assertIn("RUNNING", self.ctl("show", job_id).stdout)
        self.assertEqual(0, self.ctl("cancel", job_id).returncode)
        await_true(lambda: "CANCELLED" in self.ctl("show", job_id).stdout, "the job to end")

    def test_what_is_quoted_does_not_draw_on_the_terminal(self):
        done = self.ctl("submit", "-", stdin=json.dumps({"targets": ["/x\x1b[31m\r\nFAKE"], "evil\x1b[31m": 1}))
        self.assertEqual(4, done.returncode)
        self.assertIn("evil?[31m", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

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

    @need_root
    def test_one_device_and_the_jobs_on_it(self):
        path, _ = self.loop(1 << 20)
        device = os.path.basename(path)
        for line in ("list --device ", "devices "):
            self.assertIn(device, self.complete(f"splicectl --server unix:{self.server.socket} {line}"))
        for name in (device, path):
            lines = self.ctl("devices", name).stdout.splitlines()
            self.assertEqual(["DEVICE", device], [line.split()[0] for line in lines])
        self.assertEqual(device, json.loads(self.ctl("devices", "--json", device).stdout)["device"])
        self.assertEqual(4, self.ctl("devices", "nothing").returncode)
        job = self.ctl("submit", self.definition()).stdout.strip()
        self.ctl("wait", job)
        self.assertEqual(1, len(self.ctl("list", "--device", device).stdout.splitlines()), "the heading")
        self.assertIn(job, self.ctl("list", "--device", str(self.server.dir / "scratch")).stdout)

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
        self.assertEqual(5, run.wait(20 * SLOW))
        self.assertIn("CANCELLED", run.stdout.read())


if __name__ == "__main__":
    unittest.main()
