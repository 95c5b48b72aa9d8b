# SPDX-License-Identifier: Apache-2.0
"""One thing that hangs must hang nothing else: somebody else's loop device, a target, both."""
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest

from harness import SLOW, TestCase, await_true, need_root

MIB = 1 << 20
QUICK = 1.0 * SLOW  # seconds


class Clients:
    """Requests that are sent at once and answered whenever."""

    def __init__(self, daemon, count, method, path, body):
        self.answers = []
        self.threads = [threading.Thread(target=self._call, args=(daemon, method, path, body), daemon=True)
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _call(self, daemon, method, path, body):
        begun = time.monotonic()
        try:
            answer = daemon.call(method, path, body, timeout=60)
            self.answers.append((time.monotonic() - begun, answer))
        except OSError as error:
            self.answers.append((time.monotonic() - begun, error))

    def join(self, timeout=60):
        for thread in self.threads:
            thread.join(timeout)


@need_root
class Hangs(TestCase):
    ALONE = True  # files beside a file that hangs may not be used meanwhile

    def hung_disk(self, size=16 * MIB):
        """A loop device over a file whose server is stopped and goes on at the end of the test; its path."""
        mount, server = self.fuse_disk_and_server(size)
        device, _ = self.loop(image=mount / "disk")

        def go_on():
            os.kill(server.pid, signal.SIGCONT)

        self.addCleanup(go_on)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(1.1)  # the kernel believes what it knows of a FUSE file for a second
        return device, go_on

    def quick(self, what, call):
        begun = time.monotonic()
        result = call()
        took = time.monotonic() - begun
        self.assertLess(took, QUICK, what)
        return result

    def assert_serves(self, daemon):
        """Everything that has nothing to do with what hangs is quick."""
        disk, _ = self.loop(4 * MIB)
        self.assertEqual(200, self.quick("version", lambda: daemon.call("GET", "/v1/version")).status)
        self.assertEqual(200, self.quick("livez", lambda: daemon.call("GET", "/livez")).status)
        self.assertEqual(200, self.quick("list", lambda: daemon.call("GET", "/v1/jobs")).status)
        body = {"targets": [disk], "destructive": True,
                "workload": {"rw": "write", "bs": "64k", "runtime": "60s", "time_based": True}}
        self.assertEqual(200, self.quick("validate", lambda: daemon.call("POST", "/v1/jobs:validate", body)).status)
        job = self.quick("submit", lambda: daemon.call("POST", "/v1/jobs", body))
        self.assertEqual(201, job.status, job.raw)
        self.assertEqual(200, self.quick("cancel", lambda: daemon.call("POST", f"/v1/jobs/{job.json['id']}:cancel")).status)
        self.assertEqual("CANCELLED", daemon.wait(job.json["id"])["state"])
        self.quick("scrape", daemon.metrics)

    def test_somebody_elses_loop_device_holds_up_neither_start_nor_work_nor_end(self):
        hung, go_on = self.hung_disk()
        begun = time.monotonic()
        daemon = self.daemon(allow=["/dev/loop*"])
        self.addCleanup(go_on)  # before the daemon is waited for
        self.assertLess(time.monotonic() - begun, 2.0 * SLOW, "the start")
        self.assert_serves(daemon)
        begun = time.monotonic()
        devices = daemon.call("GET", "/v1/devices")
        self.assertLess(time.monotonic() - begun, 3.0 * SLOW, "the devices")
        entry = next(d for d in devices.json["devices"] if d["path"] == hung)
        self.assertFalse(entry["may_write"])
        begun = time.monotonic()
        os.kill(daemon.pid(), signal.SIGTERM)
        await_true(lambda: not daemon.listens(), "the listener to close", 6)
        self.assertLess(time.monotonic() - begun, 6.0 * SLOW)

    def hung_layer(self):
        """An overlay whose lower directory, by its name, is now on a file system that does not answer."""
        mount, server = self.fuse_disk_and_server(32 * MIB)
        device, _ = self.loop(image=mount / "disk")
        subprocess.run(["mkfs.ext4", "-q", device], check=True, capture_output=True)
        top = self.directory("/tmp")
        for name in ("place/lower", "upper", "work", "merged"):
            (top / name).mkdir(parents=True)
        options = f"lowerdir={top}/place/lower,upperdir={top}/upper,workdir={top}/work"
        done = subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", top / "merged"], capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"no overlay: {done.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", top / "merged"], capture_output=True)
        with open(mount / "disk", "rb") as image:  # nobody may know the answer already
            subprocess.run(["blockdev", "--flushbufs", device], check=True)
            os.fsync(image.fileno())
            os.posix_fadvise(image.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        subprocess.run(["mount", device, top / "place"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", top / "place"], capture_output=True)

        def go_on():
            os.kill(server.pid, signal.SIGCONT)

        self.addCleanup(go_on)
        os.kill(server.pid, signal.SIGSTOP)
        return top, go_on

    def test_a_layer_of_an_overlay_that_does_not_answer_holds_up_nobody(self):
        top, go_on = self.hung_layer()
        asked = subprocess.Popen(["stat", top / "place/lower"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(asked.wait)
        self.addCleanup(go_on)  # before it is waited for
        await_true(lambda: pathlib.Path(f"/proc/{asked.pid}/stat").read_text().split()[2] == "D", "the look to hang")
        begun = time.monotonic()
        daemon = self.daemon(allow=["/dev/loop*", f"{top}/"])
        self.addCleanup(go_on)
        self.assertLess(time.monotonic() - begun, 2.0 * SLOW, "the start")
        self.assert_serves(daemon)
        file = top / "upper/file"
        file.write_bytes(bytes(MIB))
        body = {"targets": [str(file)], "destructive": True, "workload": {"rw": "write", "direct": False}}
        answer = self.quick("a file in another layer", lambda: daemon.call("POST", "/v1/jobs", body))
        self.assertEqual(409, answer.status, answer.raw)
        self.assertIn(f"the upper directory of the overlay mounted at {top}/merged", answer.raw.decode())

    def test_a_file_on_another_file_system_may_be_used_and_one_beside_the_hung_file_may_not(self):
        mount, server = self.fuse_disk_and_server(16 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        self.addCleanup(os.kill, server.pid, signal.SIGCONT)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(1.1)
        daemon = self.daemon(allow=[f"{mount}/"])
        job = daemon.run(targets=[str(daemon.dir / "scratch")], destructive=True,
                         workload={"rw": "write", "bs": "64k", "size": "1M", "direct": False})
        self.assertEqual("PASS", job["verdict"])

    def test_clients_of_a_target_that_hangs_hold_up_nobody_else(self):
        hung, go_on = self.hung_disk()
        daemon = self.daemon(allow=["/dev/loop*"])
        self.addCleanup(go_on)  # before the daemon is waited for
        body = {"targets": [hung], "workload": {"rw": "write"}, "destructive": True}
        clients = Clients(daemon, 45, "POST", "/v1/jobs:validate", body)
        self.assert_serves(daemon)
        clients.join()
        self.assertEqual(45, len(clients.answers))
        for took, answer in clients.answers:
            self.assertEqual(200, answer.status)
            self.assertFalse(answer.json["accepted"])
            self.assertIn("does not answer", " ".join(answer.json["targets"][0]["refusals"]))
            self.assertLess(took, 12 * SLOW)
        again = daemon.call("POST", "/v1/jobs", body)
        self.assertEqual(409, again.status)
        self.assertIn(f"{hung} does not answer", again.json["detail"])
        self.assert_serves(daemon)
        go_on()
        await_true(lambda: daemon.call("POST", "/v1/jobs:validate", body).json["accepted"], "the disk to be usable again")

    def test_a_hung_target_names_itself_among_others(self):
        hung, go_on = self.hung_disk()
        good, _ = self.loop(4 * MIB)
        daemon = self.daemon(allow=["/dev/loop*"])
        self.addCleanup(go_on)
        answer = daemon.call("POST", "/v1/jobs", {"targets": [good, hung], "workload": {"rw": "write"}, "destructive": True})
        self.assertEqual(409, answer.status)
        self.assertEqual(["/targets/1"], [error["pointer"] for error in answer.json["errors"]])
        self.assertEqual("PASS", daemon.run(targets=[good], workload={"rw": "read"})["verdict"])

    def test_a_look_that_hangs_does_not_keep_the_daemon_from_ending_and_is_named(self):
        hung, go_on = self.hung_disk()
        daemon = self.daemon(allow=["/dev/loop*"])
        self.addCleanup(go_on)  # before the daemon is waited for
        Clients(daemon, 1, "POST", "/v1/jobs:validate", {"targets": [hung], "workload": {"rw": "write"}, "destructive": True})
        time.sleep(0.3)
        begun = time.monotonic()
        os.kill(daemon.pid(), signal.SIGTERM)
        await_true(lambda: not daemon.listens(), "the listener to close", 6)
        self.assertLess(time.monotonic() - begun, 6.0 * SLOW)
        await_true(lambda: f"{hung} keeps a thread" in daemon.text(), "the log to name the device", 6)
        go_on()
        self.assertEqual(0, daemon.process.wait(10 * SLOW))

    def test_a_hung_neighbour_a_hung_target_and_an_unread_log_at_once(self):
        _, neighbour_goes_on = self.hung_disk()
        hung, go_on = self.hung_disk()
        begun = time.monotonic()
        daemon, _ = self.daemon_with_unread_log("--log-level", "debug", allow=["/dev/loop*"])
        self.addCleanup(neighbour_goes_on)  # before the daemon is waited for
        self.addCleanup(go_on)
        await_true(lambda: daemon.listens(), "the daemon to start", 2)
        self.assertLess(time.monotonic() - begun, 2.0 * SLOW, "the start")
        body = {"targets": [hung], "workload": {"rw": "write"}, "destructive": True}
        clients = Clients(daemon, 45, "POST", "/v1/jobs:validate", body)
        self.assert_serves(daemon)
        disk, _ = self.loop(4 * MIB)
        job = daemon.submit(targets=[disk], destructive=True,
                            workload={"rw": "write", "bs": "64k", "runtime": "60s", "time_based": True})
        await_true(lambda: self.written(daemon, job) > 0, "the job to write")
        begun = time.monotonic()
        os.kill(daemon.pid(), signal.SIGTERM)
        await_true(lambda: not daemon.listens(), "the listener to close", 6)
        self.assertLess(time.monotonic() - begun, 6.0 * SLOW)
        clients.join()
        if os.environ.get("SPLICED_PRESET") != "tsan":  # which has one descriptor table for all threads
            await_true(lambda: self.state_of_leader(daemon.pid()) in (None, "Z"), "all but the hung thread to end", 6)
            again = self.daemon(directory=daemon.dir, allow=["/dev/loop*"])
            self.addCleanup(neighbour_goes_on)
            self.addCleanup(go_on)
            ended = again.call("GET", f"/v1/jobs/{job['id']}").json
            self.assertEqual("INTERRUPTED", ended["state"])
            self.assertGreater(self.written(again, job), 0)

    def written(self, daemon, job):
        return daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["io"]["write"]["bytes"]

    @unittest.skipIf(os.environ.get("SPLICED_PRESET") == "tsan", "under ThreadSanitizer threads share one descriptor table")
    def test_a_killed_daemon_whose_thread_hangs_keeps_nothing_that_the_next_one_needs(self):
        self.end_with_a_hung_thread(signal.SIGKILL)

    @unittest.skipIf(os.environ.get("SPLICED_PRESET") == "tsan", "under ThreadSanitizer threads share one descriptor table")
    def test_a_daemon_that_ended_without_its_hung_thread_keeps_nothing_that_the_next_one_needs(self):
        self.end_with_a_hung_thread(signal.SIGTERM)

    def end_with_a_hung_thread(self, how):
        """The next one has the same socket, port and state directory within 5 s, and refuses the disk that hangs alone."""
        mount, server = self.fuse_disk_and_server(16 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        other, _ = self.loop(4 * MIB)
        self.addCleanup(os.kill, server.pid, signal.SIGCONT)
        (mount / "control").write_text("hang read 0 16777216")
        daemon = self.daemon(allow=["/dev/loop*"])
        self.addCleanup((mount / "control").write_text, "clear")  # before the daemon is waited for
        job = daemon.submit(targets=[loop], workload={"rw": "read", "bs": "64k"})
        await_true(lambda: daemon.metric("spliced_io_inflight") == 1, "the read to hang")
        port = daemon.metrics_port
        pid = daemon.pid()
        os.kill(pid, how)
        await_true(lambda: self.state_of_leader(pid) in (None, "Z"), "the process to end but for its thread")
        begun = time.monotonic()
        again = self.daemon(metrics_port=port, directory=daemon.dir, allow=["/dev/loop*"])
        self.assertEqual("INTERRUPTED", again.call("GET", f"/v1/jobs/{job['id']}").json["state"])
        self.assertLess(time.monotonic() - begun, 5 * SLOW)
        refused = again.call("POST", "/v1/jobs", {"targets": [loop], "workload": {"rw": "read"}})
        self.assertIn(refused.status, (409, 422), refused.json)
        self.assertEqual("PASS", again.run(targets=[other], workload={"rw": "read", "bs": "64k"})["verdict"])
        (mount / "control").write_text("clear")

    @staticmethod
    def state_of_leader(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return None

    def test_a_pause_of_the_daemon_is_no_stall_and_no_latency(self):
        disks = [self.loop(4 * MIB)[0] for _ in range(3)]
        daemon = self.daemon(allow=["/dev/loop*"])
        jobs = [daemon.submit(targets=[disk], error_policy={"stall_timeout": f"{2 * SLOW}s"},
                              workload={"rw": "randread", "bs": "4k", "runtime": f"{6 * SLOW}s", "time_based": True})
                for disk in disks]
        await_true(lambda: daemon.metric("spliced_io_operations_total", op="read") > 0, "I/O")
        os.kill(daemon.pid(), signal.SIGSTOP)
        time.sleep(4 * SLOW)
        os.kill(daemon.pid(), signal.SIGCONT)
        for job in jobs:
            ended = daemon.wait(job["id"])
            self.assertEqual(("SUCCEEDED", "PASS"), (ended["state"], ended["verdict"]))
            self.assertLess(ended["devices"][0]["io"]["read"]["latency_seconds"]["max"], 2 * SLOW)


if __name__ == "__main__":
    unittest.main()
