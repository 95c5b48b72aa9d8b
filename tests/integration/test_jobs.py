# SPDX-License-Identifier: Apache-2.0
"""Jobs on real devices: what the job, the metrics and the kernel say must agree."""
import json
import os
import pathlib
import re
import subprocess
import unittest

from blocks import Blocks
from harness import BIN, PRESET, ROOT, SLOW, TestCase, await_true, kernel_counters, need_root

MIB = 1 << 20
SECONDS = int(os.environ.get("SPLICED_AGREEMENT_SECONDS", "4"))


class FileJobs(TestCase):
    def test_a_sequential_write_leaves_every_block_at_its_place(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        job = daemon.run(targets=[str(path)], destructive=True, workload={
            "rw": "write", "bs": "64k", "size": 8 * MIB + 12288, "workers": 3, "seed": 7, "direct": False})
        self.assertEqual("PASS", job["verdict"], job)
        self.assertEqual(8 * MIB + 12288, job["devices"][0]["io"]["write"]["bytes"])
        self.assertEqual(129, job["devices"][0]["io"]["write"]["operations"])
        found = Blocks(7, 65536).check(path, 8 * MIB + 12288)
        self.assertEqual({True}, set(found.values()), found)

    def test_a_random_pass_writes_every_block_exactly_once(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        job = daemon.run(targets=[str(path)], destructive=True,
                         workload={"rw": "randwrite", "bs": "4k", "size": "4M", "workers": 3, "direct": False})
        self.assertEqual(1024, job["devices"][0]["io"]["write"]["operations"])
        self.assertEqual({True}, set(Blocks(1, 4096).check(path, 4 * MIB).values()))

    def test_each_read_path_reads_all_and_reports_itself(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        path.write_bytes(os.urandom(2 * MIB))
        for pinned in ("copy", "read", "discard"):
            job = daemon.run(targets=[str(path)], engine={"read_path": pinned},
                             workload={"rw": "read", "bs": "128k", "direct": False})
            device = job["devices"][0]
            self.assertEqual((2 * MIB, pinned, []),
                             (device["io"]["read"]["bytes"], device["engine"]["read_path"], device["engine"]["events"]))
        job = daemon.run(targets=[str(path)], engine={"read_path": "map"}, workload={"direct": False})
        self.assertEqual("FAILED", job["state"])
        self.assertIn("pinned", job["devices"][0]["reason"])

    def test_psync_writes_and_reads_what_splice_does(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        for kind, bs in (("psync", "64k"), ("splice", "64k"), ("psync", "1536")):
            job = daemon.run(targets=[str(path)], destructive=True, engine={"kind": kind},
                             workload={"rw": "randwrite", "bs": bs, "size": "3M", "seed": 7, "direct": False, "workers": 3})
            self.assertEqual(("PASS", kind), (job["verdict"], job["devices"][0]["engine"]["kind"]))
            block = 1536 if bs == "1536" else 65536
            self.assertEqual({True}, set(Blocks(7, block).check(path, 3 * MIB).values()))
        job = daemon.run(targets=[str(path)], engine={"kind": "psync"}, workload={"rw": "read", "bs": "1M", "direct": False})
        device = job["devices"][0]
        self.assertEqual((3 * MIB, []), (device["io"]["read"]["bytes"], device["engine"]["events"]))
        self.assertNotIn("read_path", device["engine"])
        self.assertEqual(0, daemon.metric("spliced_psync_retries_total"))
        self.assertEqual(0, daemon.metric("spliced_vmsplice_fallbacks_total", **{"from": "vmsplice"}))

    def test_workers_keep_to_the_cpus_that_a_job_allows(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        path.write_bytes(os.urandom(MIB))
        here = sorted(os.sched_getaffinity(0))
        job = daemon.submit(targets=[str(path)], workload={"rw": "randread", "direct": False, "workers": 2, "runtime": "10s",
                                                           "time_based": True, "cpus_allowed": str(here[-1])})
        tasks = pathlib.Path(f"/proc/{daemon.pid()}/task")
        workers = [task for task in tasks.iterdir() if "scratch/" in (task / "comm").read_text()]
        self.assertEqual(2, len(workers))
        await_true(lambda: all(os.sched_getaffinity(int(task.name)) == {here[-1]} for task in workers), "both to be bound")
        # Two of them on one CPU: each waits for it half of the time.
        await_true(lambda: daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["cpu_wait_seconds"] > 0.3,
                   "what they waited for the CPU to be told")
        self.assertGreater(daemon.metric("spliced_worker_cpu_wait_seconds_total"), 0.3)
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
        refused = daemon.call("POST", "/v1/jobs", {"targets": [str(path)], "workload": {"cpus_allowed": "0,1000"}})
        self.assertEqual(422, refused.status)
        self.assertEqual("/workload/cpus_allowed", refused.json["errors"][0]["pointer"])

    def test_rate_is_kept_and_sync_is_counted(self):
        daemon = self.daemon()
        job = daemon.run(targets=[str(daemon.dir / "scratch")], destructive=True, workload={
            "rw": "randwrite", "bs": "4k", "size": "4M", "runtime": "2s", "time_based": True, "rate_iops": 500,
            "workers": 2, "fsync": 100, "end_fsync": True, "direct": False})
        io = job["devices"][0]["io"]
        self.assertGreater(io["sync"]["operations"], 5)
        self.assertAlmostEqual(1000, io["write"]["operations"], delta=20)

    def test_loops_and_runtime_end_a_job(self):
        daemon = self.daemon()
        job = daemon.run(targets=[str(daemon.dir / "a")], destructive=True,
                         workload={"rw": "write", "bs": "64k", "size": "1M", "loops": 3, "direct": False})
        self.assertEqual(3 * MIB, job["devices"][0]["io"]["write"]["bytes"])
        job = daemon.run(targets=[str(daemon.dir / "b")], destructive=True, workload={
            "rw": "write", "bs": "64k", "size": "1M", "loops": 1000000000, "runtime": "1s", "direct": False})
        self.assertEqual("SUCCEEDED", job["state"])

    def test_a_job_is_refused_whole(self):
        daemon = self.daemon()
        created = daemon.dir / "created"
        answer = daemon.call("POST", "/v1/jobs", {"targets": [str(created), "/etc/hostname"], "destructive": True,
                                                  "workload": {"rw": "write", "size": "1M"}})
        self.assertEqual(409, answer.status, answer.raw)
        self.assertEqual(["/targets/1"], [e["pointer"] for e in answer.json["errors"]])
        self.assertFalse(created.exists())

    def test_the_odd_end_of_a_file_is_not_left_out_in_silence(self):
        daemon = self.daemon(allow=["/tmp/"])
        path = self.directory("/tmp") / "odd"  # a file system that has direct I/O
        path.write_bytes(os.urandom(MIB + 1000))
        job = {"targets": [str(path)], "workload": {"rw": "read", "bs": "64k"}}
        refused = daemon.call("POST", "/v1/jobs", job)
        self.assertEqual((422, ["/workload/size"]), (refused.status, [e["pointer"] for e in refused.json["errors"]]),
                         refused.raw)
        detail = refused.json["errors"][0]["detail"]
        size = re.search(r"a size of (\d+)", detail)
        self.assertTrue(size and '"direct": false' in detail, detail)
        self.assertFalse(daemon.call("POST", "/v1/jobs:validate", job).json["accepted"])
        for way, reached in (({"size": int(size[1])}, int(size[1])), ({"direct": False}, MIB + 1000)):
            done = daemon.run(**job | {"workload": job["workload"] | way})
            self.assertEqual(("PASS", reached), (done["verdict"], done["devices"][0]["io"]["read"]["bytes"]), done)
            self.assertEqual(17, done["devices"][0]["io"]["read"]["operations"], "the last block is a short one")

    def test_hugetlbfs_cannot_splice_and_the_job_says_so(self):
        mount = self.directory("/tmp")
        if subprocess.run(["mount", "-t", "hugetlbfs", "none", mount], capture_output=True).returncode != 0:
            self.skipTest("no hugetlbfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], capture_output=True)
        path = mount / "file"
        try:
            path.touch()
            os.truncate(path, 2 * MIB)
        except OSError as error:
            self.skipTest(f"no file on hugetlbfs: {error}")
        daemon = self.daemon(allow=[f"{mount}/"])
        job = daemon.run(targets=[str(path)], workload={"rw": "read", "direct": False})
        self.assertEqual("FAILED", job["state"])
        self.assertRegex(job["devices"][0]["reason"], "splice_unsupported.*hugetlbfs")


class JobsAndMeans(TestCase):
    """What the daemon itself is short of is no fault of a disk."""

    def targets(self, daemon, count):
        paths = [daemon.dir / f"target{i}" for i in range(count)]
        for path in paths:
            path.write_bytes(bytes(MIB))
        return [str(path) for path in paths]

    @unittest.skipIf(PRESET == "tsan", "under ThreadSanitizer threads share one descriptor table")
    def test_few_descriptors_refuse_jobs_and_fail_none(self):
        daemon = self.daemon(wrap=["prlimit", "--nofile=256:256"])
        targets = self.targets(daemon, 40)
        accepted = 0
        for workers in (1, 2, 8, 16, 32):
            job = {"targets": targets, "workload": {"rw": "read", "direct": False, "workers": workers}}
            answer = daemon.call("POST", "/v1/jobs", job)
            self.assertIn(answer.status, (201, 429), answer.raw)
            if answer.status == 429:
                self.assertRegex(answer.json["detail"], r"needs \d+ descriptors; the limit is \d+: raise LimitNOFILE=")
                continue
            accepted += 1
            self.assertEqual("PASS", daemon.wait(answer.json["id"])["verdict"])
        self.assertGreaterEqual(accepted, 2)
        self.assertEqual(429, answer.status, "32 workers have more pipes than 128 descriptors")
        self.assertEqual(0, daemon.metric("spliced_io_errors_total"))

    def test_the_soft_limit_on_descriptors_is_raised(self):
        daemon = self.daemon(wrap=["prlimit", "--nofile=256:16384"])
        job = daemon.run(targets=self.targets(daemon, 40), workload={"rw": "read", "direct": False, "workers": 8})
        self.assertEqual("PASS", job["verdict"], [d["reason"] for d in job["devices"]])

    @unittest.skipIf(PRESET in ("asan", "tsan"), "what sanitizers add to the memory is their own")
    @need_root
    def test_jobs_beyond_the_memory_of_the_group_are_refused_and_the_daemon_lives(self):
        group = self.memory_group(256 * MIB)
        daemon = self.daemon(wrap=["sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh"])
        going_on = daemon.submit(targets=self.targets(daemon, 1), workload={
            "rw": "read", "direct": False, "runtime": "1h", "time_based": True, "rate_iops": 100})
        path = daemon.dir / "large"
        greedy = {"targets": [str(path)], "destructive": True,
                  "workload": {"rw": "write", "bs": "64M", "size": "64M", "workers": 8, "direct": False}}
        answer = daemon.call("POST", "/v1/jobs", greedy)
        self.assertEqual(429, answer.status, answer.raw)
        self.assertRegex(answer.json["detail"], rf"{group}/memory\.\w+ allows {256 * MIB} bytes")
        self.assertFalse(path.exists())
        # Many that fit one by one, until they do not fit together.
        statuses = []
        for i in range(20):
            statuses.append(daemon.call("POST", "/v1/jobs", {
                "targets": [str(daemon.dir / f"small{i}")], "destructive": True,
                "workload": {"rw": "write", "bs": "8M", "size": "8M", "workers": 2, "direct": False, "runtime": "1h",
                             "time_based": True, "rate_iops": 1}}).status)
        self.assertEqual(({201, 429}, 201), (set(statuses), statuses[0]), statuses)
        self.assertEqual("RUNNING", daemon.call("GET", f"/v1/jobs/{going_on['id']}").json["state"])
        setting = group / ("memory.max" if (group / "memory.max").exists() else "memory.limit_in_bytes")
        setting.write_text(str(2048 * MIB))
        self.assertEqual("PASS", daemon.run(**greedy)["verdict"], "the limit is asked for anew")
        self.assertIsNone(daemon.process.poll())


@need_root
class DeviceJobs(TestCase):
    def test_job_metrics_and_kernel_agree(self):
        loops = [self.loop(256 * MIB)[0] for _ in range(2)]
        daemon = self.daemon(allow=["/dev/loop*"])
        before = [kernel_counters(loop) for loop in loops]
        job = daemon.run(timeout=SECONDS + 30, targets=loops, destructive=True, workload={
            "rw": "randrw", "rwmixread": 70, "bs": "64k", "workers": 2, "runtime": f"{SECONDS}s", "time_based": True})
        self.assertEqual("SUCCEEDED", job["state"], job)
        for loop, then, device in zip(loops, before, job["devices"]):
            now = kernel_counters(loop)
            io = device["io"]
            name = device["device"]
            print(f"\n{name}: job {io['read']['bytes']} + {io['write']['bytes']} bytes, "
                  f"{io['read']['operations']} + {io['write']['operations']} operations", end=" ")
            # The safety checks read, too, before the job; how much is told.
            self.assertEqual(io["read"]["bytes"] + device["safety_read_bytes"], now["read_bytes"] - then["read_bytes"])
            self.assertEqual(io["write"]["bytes"], now["write_bytes"] - then["write_bytes"])
            self.assertEqual((io["read"]["bytes"], io["write"]["bytes"]),
                             (device["kernel"]["read_bytes"], device["kernel"]["write_bytes"]))
            self.assertEqual((io["read"]["operations"], io["write"]["operations"]),
                             (device["kernel"]["read_operations"], device["kernel"]["write_operations"]))
            for op in ("read", "write"):
                self.assertEqual(0, io[op]["errors"])
                self.assertEqual(io[op]["bytes"], daemon.metric("spliced_io_bytes_total", device=name, op=op))
                self.assertEqual(io[op]["operations"], daemon.metric("spliced_io_operations_total", device=name, op=op))
                rate = io[op]["operations"] / SECONDS
                self.assertAlmostEqual(rate, io[op]["operations_per_second"], delta=rate * 0.02)
            self.assertEqual(0, daemon.metric("spliced_io_errors_total", device=name))

    def test_sectors_of_512_and_4096_bytes(self):
        for sector in (512, 4096):
            loop, _ = self.loop(4 * MIB, sector=sector)
            daemon = self.daemon(allow=["/dev/loop*"])
            job = daemon.run(targets=[loop], destructive=True, workload={"rw": "randwrite", "bs": sector, "size": "1M"})
            self.assertEqual(("PASS", MIB // sector),
                             (job["verdict"], job["devices"][0]["io"]["write"]["operations"]), job)
            bad = daemon.call("POST", "/v1/jobs", {"targets": [loop], "destructive": True,
                                                   "workload": {"rw": "write", "bs": "8k", "offset": sector // 2}})
            self.assertEqual(422, bad.status)
            self.assertIn({"pointer": "/workload/offset",
                           "detail": f"{sector // 2} is not aligned: with direct I/O, {loop} needs a multiple of "
                                     f"{sector} bytes",
                           "type": "urn:spliced:problem:not-aligned"}, bad.json["errors"])

    def test_the_end_of_the_device_in_the_middle_of_a_block(self):
        loop, _ = self.loop(MIB + 3 * 512)
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.run(targets=[loop], destructive=True, workload={"rw": "write", "bs": "64k", "seed": 3})
        io = job["devices"][0]["io"]["write"]
        self.assertEqual(("PASS", MIB + 1536, 17), (job["verdict"], io["bytes"], io["operations"]))
        self.assertEqual({True}, set(Blocks(3, 65536).check(loop, MIB + 1536).values()))

    def test_trim_reaches_the_device(self):
        loop, image = self.loop(8 * MIB)
        daemon = self.daemon(allow=["/dev/loop*"])
        daemon.run(targets=[loop], destructive=True, workload={"rw": "write", "bs": "1M"})
        full = os.stat(image).st_blocks
        job = daemon.run(targets=[loop], destructive=True, workload={"rw": "trim", "bs": "1M"})
        self.assertEqual(("PASS", 8 * MIB), (job["verdict"], job["devices"][0]["io"]["trim"]["bytes"]), job)
        self.assertLess(os.stat(image).st_blocks, full // 4)

    def test_a_scan_that_goes_on_through_bad_blocks_has_no_pass(self):
        mount = self.fuse_disk(8 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        for offset in (MIB + 4096, 5 * MIB):
            (mount / "control").write_text(f"fail read {offset} 512 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        definition = json.loads((ROOT / "api/examples/read-scan.json").read_text()) | {"targets": [loop]}
        job = daemon.run(**definition)
        device = job["devices"][0]
        self.assertEqual(("SUCCEEDED", "FAIL", "SUCCEEDED", "FAIL"),
                         (job["state"], job["verdict"], device["state"], device["verdict"]), job)
        self.assertEqual((2, 6 * MIB), (device["io"]["read"]["errors"], device["io"]["read"]["bytes"]))
        self.assertEqual("2 I/O errors, 0 allowed by criteria.max_io_errors", job["reason"])
        self.assertEqual([{"name": "max_io_errors", "limit": 0, "measured": 2, "met": False}], [{key: one[key] for key in ("name", "limit", "measured", "met")} for one in device["criteria"]])
        self.assertEqual(1, daemon.metric("spliced_jobs_finished_total", state="SUCCEEDED", verdict="FAIL"))
        self.assertEqual("PASS", daemon.run(**definition, criteria={"max_io_errors": 2})["verdict"])
        path = daemon.dir / "scan.json"
        path.write_text(json.dumps(definition))
        done = subprocess.run([BIN / "splicectl", "--server", f"unix:{daemon.socket}", "run", path], capture_output=True,
                              text=True)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("SUCCEEDED, verdict FAIL: 2 I/O errors, 0 allowed", done.stdout)

    @staticmethod
    def empty(loop, image):
        """A write that is under way makes the image grow again, so this may need more than one attempt."""
        os.truncate(image, 0)
        subprocess.run(["losetup", "-c", loop], check=True)
        return int(subprocess.run(["blockdev", "--getsize64", loop], capture_output=True, text=True).stdout) == 0

    def test_a_vanished_device_fails_and_the_other_goes_on(self):
        loop, image = self.loop(64 * MIB)
        other, _ = self.loop(64 * MIB)
        for mode in ("randread", "randwrite", "randtrim"):
            with self.subTest(mode):
                os.truncate(image, 64 * MIB)
                subprocess.run(["losetup", "-c", loop], check=True)
                daemon = self.daemon(allow=["/dev/loop*"])
                job = daemon.submit(targets=[loop, other], destructive=True, error_policy={"max_errors": 1000000}, workload={
                    "rw": mode, "bs": "64k", "runtime": f"{3 * SLOW}s", "time_based": True, "rate_iops": 50})
                name = os.path.basename(loop)
                await_true(lambda: daemon.metric("spliced_io_operations_total", device=name) > 10, "the job to move")
                await_true(lambda: self.empty(loop, image), "the device to be empty")
                job = daemon.wait(job["id"])
                self.assertEqual(["FAILED", "SUCCEEDED"], [d["state"] for d in job["devices"]], job["devices"][0]["reason"])
                self.assertIn("went away", job["devices"][0]["reason"])
                self.assertGreater(daemon.metric("spliced_io_errors_total", device=name, error="removed"), 0)
                # Its state goes with it once that is noticed.
                state = re.findall(rf'^spliced_device_state\{{device="{name}",state="(\w+)"\}} 1$', daemon.metrics(), re.M)
                self.assertIn(state, (["failed"], []))


if __name__ == "__main__":
    unittest.main()
