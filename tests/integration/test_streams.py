# SPDX-License-Identifier: Apache-2.0
"""Stages in which a device has several workloads at the same time, and stages that are repeated."""
import time

from harness import TestCase, await_true, need_root

MIB = 1 << 20
OPS = ("read", "write", "trim")


def moved(figures):
    return {op: figures["io"][op]["bytes"] for op in OPS}


def added(figures):
    return {op: sum(one[op] for one in figures) for op in OPS}


class OnAFile(TestCase):
    def file(self, daemon, size=16 * MIB):
        path = daemon.dir / "scratch"
        path.write_bytes(bytes(size))
        return str(path)

    def test_the_runtime_begins_after_the_ramp_and_so_do_the_figures(self):
        daemon = self.daemon()
        path = self.file(daemon)
        begun = time.monotonic()
        job = daemon.submit(targets=[path], workload={"rw": "randread", "direct": False, "rate_iops": 1000, "time_based": True,
                                                      "ramp_time": "1s", "runtime": "2s"})
        device = job["devices"][0]
        self.assertTrue(device["ramping"])
        job = daemon.wait(job["id"])
        self.assertGreater(time.monotonic() - begun, 2.9)
        self.assertEqual("PASS", job["verdict"])
        device = job["devices"][0]
        self.assertFalse(device["ramping"])
        read = device["io"]["read"]
        self.assertAlmostEqual(2000, read["operations"], delta=100)
        self.assertAlmostEqual(1000, read["operations_per_second"], delta=50)
        self.assertAlmostEqual(3000, daemon.metric("spliced_io_operations_total", device=path, op="read"), delta=100)

    def test_what_was_all_done_in_the_ramp_is_no_pass(self):
        daemon = self.daemon()
        path = self.file(daemon)
        job = daemon.run(targets=[path], workload={"rw": "read", "direct": False, "ramp_time": "1h"})
        self.assertEqual(("SUCCEEDED", None), (job["state"], job["verdict"]))
        self.assertIn("nothing was moved", job["devices"][0]["reason"])

    def test_streams_are_shown_each_and_end_with_their_stage(self):
        daemon = self.daemon()
        path = self.file(daemon)
        endless = {"direct": False, "time_based": True}
        definition = {"targets": [path], "destructive": True, "stages": [{
            "name": "mix", "runtime": "1s", "streams": [
                {"name": "reader", "workload": endless | {"rw": "randread", "rate_iops": 100}},
                {"name": "late", "start_delay": "500ms", "workload": endless | {"rw": "write", "rate_iops": 100}}]}]}
        plan = daemon.call("POST", "/v1/jobs:validate", definition).json
        stage, = plan["targets"][0]["stages"]
        self.assertEqual(("mix", 2, 1.0), (stage["name"], stage["workers"], stage["estimated_seconds"]))
        begun = time.monotonic()
        job = daemon.run(**definition)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual("PASS", job["verdict"], job)
        self.assertEqual(["reader", "late"], [one["name"] for one in job["stages"][0]["streams"]])
        stage, = job["devices"][0]["stages"]
        reader, late = stage["streams"]
        self.assertAlmostEqual(100, reader["io"]["read"]["operations"], delta=15)
        self.assertAlmostEqual(50, late["io"]["write"]["operations"], delta=15)
        self.assertEqual(added([moved(reader), moved(late)]), moved(stage))
        self.assertEqual(moved(stage), moved(job["devices"][0]))

    def test_a_stream_that_never_came_to_do_anything_is_no_pass(self):
        daemon = self.daemon()
        path = self.file(daemon)
        job = daemon.run(targets=[path], stages=[{"name": "mix", "runtime": "300ms", "streams": [
            {"workload": {"direct": False, "time_based": True}},
            {"name": "late", "start_delay": "1h", "workload": {"direct": False, "time_based": True}}]}])
        self.assertEqual(("SUCCEEDED", None), (job["state"], job["verdict"]))
        self.assertIn("mix/late", job["devices"][0]["reason"])

    def test_stages_are_gone_through_again_and_again(self):
        daemon = self.daemon()
        path = self.file(daemon, MIB)
        job = daemon.run(targets=[path], destructive=True, stages=[{"name": "cycle", "repeat": {"times": 3, "stages": [
            {"name": "fill", "workload": {"rw": "write", "direct": False}},
            {"name": "check", "workload": {"rw": "read", "direct": False}}]}}])
        self.assertEqual("PASS", job["verdict"])
        device, = job["devices"]
        self.assertEqual(["fill#1", "check#1", "fill#2", "check#2", "fill#3", "check#3"], [one["name"] for one in device["stages"]])
        self.assertEqual({"read": 3 * MIB, "write": 3 * MIB, "trim": 0}, moved(device))
        self.assertTrue(all(one["state"] == "SUCCEEDED" for one in device["stages"]))
        self.assertEqual(3, job["stages"][0]["repeat"]["times"])

    def test_reads_and_writes_may_have_blocks_and_rates_of_their_own(self):
        daemon = self.daemon()
        path = self.file(daemon)
        job = daemon.run(targets=[path], destructive=True, workload={
            "rw": "randrw", "rwmixread": 75, "direct": False, "bs": {"read": "4k", "write": "64k"}, "workers": 3,
            "rate_iops": {"read": 600}, "time_based": True, "runtime": "2s"})
        self.assertEqual("PASS", job["verdict"])
        io = job["devices"][0]["io"]
        self.assertEqual((4096, 65536), (io["read"]["bytes"] // io["read"]["operations"], io["write"]["bytes"] // io["write"]["operations"]))
        self.assertAlmostEqual(600, io["read"]["operations_per_second"], delta=60)
        self.assertAlmostEqual(200, io["write"]["operations_per_second"], delta=60)

    def test_a_pause_comes_after_a_burst(self):
        daemon = self.daemon()
        path = self.file(daemon)
        job = daemon.run(targets=[path], workload={"rw": "read", "direct": False, "size": "160k", "thinktime": "200ms",
                                                   "thinktime_blocks": 10})
        self.assertEqual(40, job["devices"][0]["io"]["read"]["operations"])
        self.assertTrue(0.6 <= job["elapsed_seconds"] < 2, job["elapsed_seconds"])


@need_root
class OnADevice(TestCase):
    def test_three_streams_with_a_ramp_are_told_as_the_kernel_tells_them(self):
        loop, _ = self.loop(64 * MIB)
        daemon = self.daemon(allow=["/dev/loop*"])
        endless = {"time_based": True}
        definition = {"targets": [loop], "destructive": True, "stages": [{
            "name": "mix", "ramp_time": "1s", "runtime": "2s", "streams": [
                {"name": "reader", "workload": endless | {"rw": "randread", "bs": "64k", "rate": 20 * 10**6, "workers": 2}},
                {"name": "bursts", "workload": endless | {"rw": "write", "bs": "128k", "thinktime": "100ms", "thinktime_blocks": 16}},
                {"name": "trimmer", "start_delay": "500ms", "workload": endless | {"rw": "randtrim", "bs": "1M", "rate_iops": 20}}]}]}
        job = daemon.submit(**definition)
        twice = daemon.call("POST", "/v1/jobs", definition)
        self.assertEqual((409, "urn:spliced:problem:busy"), (twice.status, twice.json["type"]))
        await_true(lambda: daemon.metric("spliced_io_bytes_total", device=loop[5:], op="read") > 0, "the ramp in the metrics")
        seen = daemon.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]
        if seen["ramping"]:
            self.assertEqual({op: 0 for op in OPS}, moved(seen))
        job = daemon.wait(job["id"])
        self.assertEqual("PASS", job["verdict"], job)
        device, = job["devices"]
        stage, = device["stages"]
        reader, bursts, trimmer = stage["streams"]
        by_stream = [moved(one) for one in stage["streams"]]
        self.assertEqual(added(by_stream), moved(stage))
        self.assertEqual(moved(stage), moved(device))
        self.assertAlmostEqual(40 * 10**6, by_stream[0]["read"], delta=2 * 10**6)
        self.assertEqual((0, 0), (by_stream[0]["write"], by_stream[1]["read"]))
        self.assertGreater(min(by_stream[1]["write"], by_stream[2]["trim"]), 0)
        self.assertAlmostEqual(40, trimmer["io"]["trim"]["operations"], delta=8)
        kernel = {op: device["kernel"][f"{op}_bytes"] for op in OPS}
        in_all = {op: daemon.metric("spliced_io_bytes_total", device=loop[5:], op=op) for op in OPS}
        self.assertEqual({op: kernel[op] for op in ("read", "write")}, {op: in_all[op] for op in ("read", "write")})
        self.assertEqual(kernel["trim"], in_all["trim"])
        for op in OPS:
            self.assertLess(moved(device)[op], in_all[op], "what was done in the ramp")

    def test_a_device_is_not_taken_twice(self):
        loop, _ = self.loop(8 * MIB)
        link = self.directory() / "link"
        daemon = self.daemon(allow=["/dev/loop*", str(link)])
        link.symlink_to(loop)
        answer = daemon.call("POST", "/v1/jobs", {"targets": [loop, str(link)], "stages": [{"streams": [{"workload": {}}]}]})
        self.assertIn(answer.status, (409, 422))
        self.assertIn("twice", str(answer.json["errors"]))

    def test_one_trim_may_have_gigabytes(self):
        loop, _ = self.loop(6 << 30)
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.run(targets=[loop], destructive=True, workload={"rw": "trim", "bs": "4G"})
        self.assertEqual("PASS", job["verdict"], job)
        trim = job["devices"][0]["io"]["trim"]
        self.assertEqual((2, 6 << 30), (trim["operations"], trim["bytes"]))
        self.assertEqual(6 << 30, job["devices"][0]["kernel"]["trim_bytes"])
