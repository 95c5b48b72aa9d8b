# SPDX-License-Identifier: Apache-2.0
"""Kernels and disks that refuse, fail, hang and interrupt."""
import os
import shutil
import signal
import subprocess
import unittest

from blocks import Blocks
from harness import BIN, PRESET, SLOW, TestCase, await_true, need_root

MIB = 1 << 20
NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer does not work under ptrace


def fallbacks(device):
    return {(f["from"], f["to"], f["errno"]): f["count"] for f in device["engine"]["events"] if f["event"] == "fallback"}


def count(device, event):
    return sum(e["count"] for e in device["engine"]["events"] if e["event"] == event)


class Fallbacks(TestCase):
    def tracer(self, *inject):
        if not shutil.which("strace"):
            self.skipTest("no strace")
        calls = ",".join(rule.split(":")[0] for rule in inject)
        return ["strace", "-f", "-qq", "-o", "/dev/null", f"-etrace={calls}", *[f"-einject={rule}" for rule in inject]]

    def both_ways(self, daemon):
        """Writes and reads a file; the two devices of the jobs. What is on the file is checked by other means. With a rate
        the workers take turns: else the first may have done everything before the other begins."""
        path = daemon.dir / "scratch"
        both = {"bs": "128k", "workers": 2, "rate_iops": 200, "direct": False}
        write = daemon.run(targets=[str(path)], destructive=True, workload={"rw": "write", "size": "4M"} | both)
        read = daemon.run(targets=[str(path)], workload={"rw": "read"} | both)
        self.assertEqual({True}, set(Blocks(1, 131072).check(path, 4 * MIB).values()))
        self.assertEqual(["PASS", "PASS"], [write["verdict"], read["verdict"]])
        return write["devices"][0], read["devices"][0]

    def test_each_reading_worker_falls_back_from_map_to_copy_once(self):
        daemon = self.daemon()
        write, read = self.both_ways(daemon)
        self.assertEqual({}, fallbacks(write))
        self.assertEqual({("map", "copy", "EFAULT"): 2}, fallbacks(read))
        self.assertEqual(2, daemon.metric("spliced_vmsplice_fallbacks_total", **{"from": "map", "reason": "EFAULT"}))

    def test_ebadf_from_vmsplice_is_counted(self):
        daemon = self.daemon(wrap=self.tracer("vmsplice:error=EBADF"), env=NO_LEAK_CHECK)
        _, read = self.both_ways(daemon)
        self.assertEqual(2, fallbacks(read)[("copy", "read", "EBADF")])
        self.assertEqual("read", read["engine"]["read_path"])
        self.assertEqual(2, daemon.metric("spliced_vmsplice_fallbacks_total", **{"from": "copy", "to": "read",
                                                                                 "reason": "EBADF"}))

    def test_a_filter_that_refuses_vmsplice(self):
        for name in ("EPERM", "ENOSYS"):
            with self.subTest(name):
                daemon = self.daemon(wrap=[BIN / "refuse_call", "vmsplice", name])
                write, read = self.both_ways(daemon)
                self.assertEqual({("vmsplice", "write", name): 2}, fallbacks(write))
                self.assertEqual({("map", "copy", name): 2, ("copy", "read", name): 2}, fallbacks(read))

    def test_what_the_host_refuses_is_not_the_disks_fault(self):
        refused = [("splice", "EPERM"), ("splice", "ENOSYS")]
        if PRESET != "asan":  # which tries out through a pipe what may be read
            refused += [("pipe2", "ENFILE"), ("pipe2", "EMFILE")]
        for call, error in refused:
            with self.subTest(call=call, error=error):
                daemon = self.daemon(wrap=[BIN / "refuse_call", call, error])
                path = daemon.dir / "scratch"
                path.write_bytes(bytes(MIB))
                job = daemon.run(targets=[str(path)], workload={"rw": "read", "direct": False},
                                 error_policy={"max_errors": 1000})
                self.assertEqual(("FAILED", None), (job["state"], job["verdict"]))
                self.assertIn("not the device's doing", job["devices"][0]["reason"])
                self.assertEqual(error, job["devices"][0]["errors"][0]["errno"])
                self.assertEqual([0], [c["measured"] for c in job["devices"][0]["criteria"]])
                self.assertGreater(daemon.metric("spliced_io_errors_total", error="host"), 0)
                self.assertEqual(0, daemon.metric("spliced_io_errors_total", error="io"))

    def test_interruptions_and_storms_change_no_data(self):
        daemon = self.daemon(wrap=self.tracer("splice:error=EAGAIN:when=3+7", "vmsplice:error=EINTR:when=2+5"),
                             env=NO_LEAK_CHECK)
        write, read = self.both_ways(daemon)
        self.assertGreater(count(write, "retry"), 0)
        self.assertGreater(count(read, "retry"), 0)

    def test_a_pipe_that_cannot_grow(self):
        daemon = self.daemon()
        # An unprivileged user past the soft limit gets pipes that cannot grow; an explicit size beyond the limit is
        # the same for root: the job goes on with what was granted.
        path = daemon.dir / "scratch"
        job = daemon.run(targets=[str(path)], destructive=True, engine={"pipe_size": 512 * MIB},
                         workload={"rw": "write", "bs": "1M", "size": "4M", "direct": False})
        self.assertEqual("PASS", job["verdict"])
        self.assertEqual({True}, set(Blocks(1, MIB).check(path, 4 * MIB).values()))
        self.assertGreater(job["devices"][0]["engine"]["pipe_size_bytes"], 0)


@need_root
class DyingDisks(TestCase):
    def disk(self, size):
        mount = self.fuse_disk(size)
        loop, _ = self.loop(image=mount / "disk")
        return loop, mount / "control"

    def test_what_was_reported_written_is_where_it_belongs(self):
        size, block = 32 * MIB, 65536
        loop, control = self.disk(size)
        bad = [5 * MIB + 4096, 17 * MIB, 17 * MIB + 200000, 30 * MIB + 512]
        for offset in bad:
            control.write_text(f"fail write {offset} 512 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.run(targets=[loop], destructive=True, error_policy={"max_errors": 1000},
                         workload={"rw": "write", "bs": block, "workers": 2, "seed": 99})
        device = job["devices"][0]
        failed = {error["offset"] for error in device["errors"]}
        self.assertEqual({offset // block * block for offset in bad}, failed)
        self.assertEqual({"EIO"}, {error["errno"] for error in device["errors"]})
        self.assertEqual(size // block - len(failed), device["io"]["write"]["operations"])
        # It went on through them, but a disk with errors is no good one.
        self.assertEqual(("SUCCEEDED", "FAIL"), (job["state"], job["verdict"]))
        self.assertEqual([{"name": "max_io_errors", "limit": 0, "measured": len(failed), "met": False}], [{key: one[key] for key in ("name", "limit", "measured", "met")} for one in device["criteria"]])
        self.assertGreaterEqual(count(device, "pipe_reset"), len(failed))
        subprocess.run(["blockdev", "--flushbufs", loop], check=True)
        found = Blocks(99, block).check(loop, size)
        wrong = {offset: what for offset, what in found.items() if what is not True and offset not in failed}
        self.assertEqual({}, wrong)
        print(f"\n{len(found)} blocks: {sum(v is True for v in found.values())} hold their own data, "
              f"{len(failed)} were reported failed", end=" ")

    def test_random_writes_with_errors(self):
        size, block = 16 * MIB, 4096
        loop, control = self.disk(size)
        bad = {offset + 8192 for offset in range(0, size, MIB)}
        for offset in bad:
            control.write_text(f"fail write {offset} 4096 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        for seed, batch in enumerate((1, 7, 16, "auto")):
            with self.subTest(batch=batch):
                job = daemon.run(targets=[loop], destructive=True, error_policy={"max_errors": 1000},
                                 engine={"batch": batch}, overwrite_signatures=["all"],
                                 workload={"rw": "randwrite", "bs": block, "workers": 2, "seed": seed})
                device = job["devices"][0]
                self.assertEqual(bad, {error["offset"] for error in device["errors"]})
                self.assertEqual(size // block - len(bad), device["io"]["write"]["operations"])
                self.assertEqual(len(bad), device["io"]["write"]["errors"])
                found = Blocks(seed, block).check(loop, size)
                self.assertEqual({}, {o: w for o, w in found.items() if w is not True and o not in bad})

    def test_batches_of_reads_with_errors(self):
        size, block = 16 * MIB, 4096
        loop, control = self.disk(size)
        bad = {offset + 40960 for offset in range(0, size, MIB)}
        for offset in bad:
            control.write_text(f"fail read {offset} 4096 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        for path in ("auto", "read", "discard"):
            with self.subTest(read_path=path):
                job = daemon.run(targets=[loop], error_policy={"max_errors": 1000},
                                 engine={"batch": 16, "read_path": path},
                                 workload={"rw": "randread", "bs": block, "workers": 2})
                device = job["devices"][0]
                self.assertEqual(bad, {error["offset"] for error in device["errors"]})
                self.assertEqual(size // block - len(bad), device["io"]["read"]["operations"])
                self.assertEqual(size - len(bad) * block, device["io"]["read"]["bytes"])
                self.assertEqual(size, device["kernel"]["read_bytes"], "every block was asked for once")

    def test_small_batched_writes_that_share_pages(self):
        size, block = 4 * MIB, 512
        loop, control = self.disk(size)
        bad = {offset + 512 * 9 for offset in range(0, size, MIB)}
        for offset in bad:
            control.write_text(f"fail write {offset} 512 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.run(targets=[loop], destructive=True, error_policy={"max_errors": 1000}, engine={"batch": 64},
                         workload={"rw": "randwrite", "bs": block, "seed": 3})
        self.assertEqual(size // block - len(bad), job["devices"][0]["io"]["write"]["operations"])
        found = Blocks(3, block).check(loop, size)
        self.assertEqual({}, {o: w for o, w in found.items() if w is not True and o not in bad})

    def test_one_error_more_than_allowed_fails_the_device(self):
        loop, control = self.disk(4 * MIB)
        control.write_text("fail read 65536 196608 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        for allowed, state in ((3, "SUCCEEDED"), (2, "FAILED")):
            job = daemon.run(targets=[loop], error_policy={"max_errors": allowed}, workload={"rw": "read", "bs": "64k"})
            self.assertEqual(state, job["state"])
            self.assertEqual(3, job["devices"][0]["io"]["read"]["errors"])
        self.assertEqual(6, daemon.metric("spliced_io_errors_total", error="io"))

    def test_a_disk_that_hangs_fails_alone(self):
        loop, control = self.disk(16 * MIB)
        other, _ = self.loop(16 * MIB)
        control.write_text("hang write 8388608 4096")
        daemon = self.daemon(allow=["/dev/loop*"])
        name = os.path.basename(loop)
        job = daemon.submit(targets=[loop, other], destructive=True, error_policy={"stall_timeout": f"{SLOW}s"},
                            workload={"rw": "write", "bs": "64k", "runtime": f"{3 * SLOW}s", "time_based": True})
        await_true(lambda: daemon.metric("spliced_device_state", device=name, state="stalled"), "the stall to be seen")
        self.assertGreater(daemon.metric("spliced_io_oldest_inflight_seconds", device=name), 0.9 * SLOW)
        self.assertEqual(1, daemon.metric("spliced_io_inflight", device=name))
        self.assertEqual(200, daemon.call("GET", "/livez").status)
        job = daemon.wait(job["id"])
        self.assertEqual(["FAILED", "SUCCEEDED"], [d["state"] for d in job["devices"]])
        self.assertIn("stalled", job["devices"][0]["reason"])
        # What it came to until then is kept, and what comes after that is no part of it.
        figures = lambda: daemon.call("GET", f"/v1/jobs/{job['id']}/results?device={name}").json["devices"][0]["stages"][0]["figures"]
        until_then = figures()
        self.assertGreater(sum(until_then["bands"]["write"]["bytes"]), 0)
        again = daemon.call("POST", "/v1/jobs", {"targets": [loop], "workload": {"rw": "read"}})
        self.assertEqual(409, again.status)
        self.assertIn(job["id"], again.json["detail"])
        control.write_text("clear")
        await_true(lambda: daemon.call("GET", f"/v1/devices/{name}").json["job"] is None, "the claim to be given back")
        self.assertEqual(until_then, figures())

    def test_a_target_that_hangs_when_it_is_closed_is_a_stall(self):
        mount = self.fuse_disk(4 * MIB)
        daemon = self.daemon(allow=[f"{mount}/"])
        job = daemon.submit(targets=[str(mount / "disk")], error_policy={"stall_timeout": f"{SLOW}s"},
                            workload={"rw": "read", "bs": "64k", "direct": False, "runtime": "1h", "time_based": True})
        await_true(lambda: daemon.metric("spliced_io_operations_total", op="read") > 0, "I/O")
        control = mount / "control"
        control.write_text("hang-flush")
        self.addCleanup(control.write_text, "clear")  # before the daemon is waited for
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
        ended = daemon.wait(job["id"])
        self.assertEqual("FAILED", ended["devices"][0]["state"], ended)
        self.assertIn("closing the device has not come back", ended["devices"][0]["reason"])
        control.write_text("clear")

    def test_a_hanging_disk_does_not_keep_the_daemon_from_ending(self):
        loop, control = self.disk(16 * MIB)
        control.write_text("hang read 0 16777216")
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.submit(targets=[loop], workload={"rw": "read", "bs": "64k"})
        await_true(lambda: daemon.metric("spliced_io_inflight") == 1, "the read to hang")
        os.kill(daemon.pid(), signal.SIGTERM)
        await_true(lambda: "leaving without them" in daemon.text(), "the daemon to give up on the worker", 5)
        control.write_text("clear")
        self.assertEqual(0, daemon.process.wait(10 * SLOW))
        again = self.daemon(directory=daemon.dir)
        self.assertEqual("INTERRUPTED", again.call("GET", f"/v1/jobs/{job['id']}").json["state"])

    def test_a_full_file_system_below(self):
        mount = self.directory("/tmp")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", mount], capture_output=True).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], capture_output=True)
        image = mount / "image"
        with open(image, "wb") as file:
            file.truncate(16 * MIB)
        daemon = self.daemon(allow=[f"{mount}/"])
        job = daemon.run(targets=[str(image)], destructive=True, error_policy={"max_errors": 1000000},
                         workload={"rw": "write", "bs": "64k", "direct": False, "seed": 4})
        device = job["devices"][0]
        self.assertEqual({"ENOSPC"}, {error["errno"] for error in device["errors"]})
        self.assertGreater(daemon.metric("spliced_io_errors_total", error="no_space"), 0)
        failed = {error["offset"] for error in device["errors"]}
        found = Blocks(4, 65536).check(image, 16 * MIB)
        self.assertEqual({}, {o: w for o, w in found.items() if w is not True and o not in failed})


if __name__ == "__main__":
    unittest.main()
