# SPDX-License-Identifier: Apache-2.0
"""Jobs that lead each device through several stages."""
import errno
import time

from harness import TestCase, await_true, need_root

MIB = 1 << 20
OPS = ("read", "write", "trim")


def workload(**members):
    return {"workload": {"direct": False} | members}


def moved(figures):
    return {op: figures["io"][op]["bytes"] for op in OPS}


class Stages(TestCase):
    def test_a_workload_is_a_short_way_of_writing_one_stage(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        short = daemon.run(targets=[str(path)], destructive=True, engine={"batch": 4}, error_policy={"max_errors": 3},
                           workload={"rw": "write", "size": "1M", "direct": False})
        self.assertNotIn("workload", short)
        stage, = short["stages"]
        self.assertEqual(("workload", "write", 4, 3), (stage["name"], stage["workload"]["rw"], stage["engine"]["batch"],
                                                       stage["error_policy"]["max_errors"]))
        device, = short["devices"]
        self.assertEqual([moved(device)], [moved(one) for one in device["stages"]])
        # What is shown is a definition.
        keys = ("targets", "stages", "engine", "error_policy", "criteria", "destructive")
        again = daemon.run(**{key: short[key] for key in keys})
        self.assertEqual(short["stages"], again["stages"])

    def test_each_field_is_named_where_it_was_written(self):
        daemon = self.daemon()
        path = str(daemon.dir / "scratch")
        wrong = [({"workload": {"bs": 1}}, ["/workload/bs"]),
                 ({"stages": [workload(bs=1), workload(), workload(loops=0)]}, ["/stages/0/workload/bs", "/stages/2/workload/loops"]),
                 ({"stages": []}, ["/stages"]),
                 ({"stages": {}}, ["/stages"]),
                 ({"stages": [7, workload()]}, ["/stages/0"]),
                 ({"stages": [{}]}, ["/stages/0"]),
                 ({"stages": [{"wait": 1} | workload()]}, ["/stages/0"]),
                 ({"stages": [{"wait": "soon"}]}, ["/stages/0/wait"]),
                 ({"stages": [workload()], "workload": {}}, ["/workload"]),
                 ({"stages": [{"name": "a"} | workload(), {"name": "a", "wait": 1}]}, ["/stages/1/name"]),
                 ({"stages": [workload(), {"wait": 1, "engine": {}}]}, ["/stages/1/engine"]),
                 ({"stages": [{"engine": {"batch": 99}} | workload()]}, ["/stages/0/engine/batch"]),
                 ({"stages": [workload()], "engine": {"batch": 99}}, ["/engine/batch"]),
                 ({"stages": [workload(direct=True), workload()]}, ["/stages/1/workload/direct"]),
                 ({"stages": [workload(), workload(rw="write")]}, ["/destructive"]),
                 ({"stages": [workload(colour=1)]}, ["/stages/0/workload/colour"])]
        for definition, pointers in wrong:
            for call in ("/v1/jobs", "/v1/jobs:validate"):
                answer = daemon.call("POST", call, {"targets": [path]} | definition)
                self.assertEqual((422, pointers), (answer.status, [one["pointer"] for one in answer.json["errors"]]), definition)

    def test_ranges_are_refused_where_they_were_written(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        path.write_bytes(bytes(MIB))
        answer = daemon.call("POST", "/v1/jobs", {"targets": [str(path)], "stages": [workload(), {"wait": 1}, workload(size="2M")]})
        self.assertEqual((422, ["/stages/2/workload/size"]), (answer.status, [one["pointer"] for one in answer.json["errors"]]))
        plan = daemon.call("POST", "/v1/jobs:validate", {"targets": [str(path)], "stages": [workload(rate="1M"), {"wait": 2}]}).json
        target, = plan["targets"]
        self.assertEqual([1.0, 2.0], [stage["estimated_seconds"] for stage in target["stages"]])
        self.assertEqual(3.0, target["estimated_seconds"])

    def test_a_cancel_ends_a_wait(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        path.write_bytes(bytes(MIB))
        job = daemon.submit(targets=[str(path)], stages=[{"name": "cool", "wait": "1h"}, workload()])
        self.assertEqual("cool", job["devices"][0]["stage"])
        begun = time.monotonic()
        daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
        job = daemon.wait(job["id"])
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(("CANCELLED", None), (job["state"], job["verdict"]))
        self.assertEqual(["CANCELLED", "PENDING"], [one["state"] for one in job["devices"][0]["stages"]])


@need_root
class Devices(TestCase):
    def test_five_stages_on_three_devices_each_at_its_own_pace(self):
        size = 16 * MIB
        broken, slow = self.fuse_disk(size, "uncached"), self.fuse_disk(size)
        failing = self.loop(image=broken / "disk")[0]
        loops = [self.loop(size)[0], failing, self.loop(image=slow / "disk")[0]]
        (broken / "control").write_text(f"fail read {size // 2} 4096 {errno.EIO}")
        (slow / "control").write_text("delay 3")
        daemon = self.daemon(allow=["/dev/loop*"])
        stages = [{"name": "fill", "workload": {"rw": "write", "bs": "1M"}}, {"name": "cool", "wait": "300ms"},
                  {"name": "check", "workload": {"rw": "read", "bs": "256k", "workers": 2}},
                  {"name": "mix", "workload": {"rw": "randrw", "bs": "64k", "loops": 2}},
                  {"name": "clear", "workload": {"rw": "trim", "bs": "1M"}}]
        # The second device fails in its second stage of I/O, and leaves the others alone.
        job = daemon.submit(targets=loops, destructive=True, stages=stages)
        self.assertEqual([stage["name"] for stage in stages], [stage["name"] for stage in job["stages"]])
        job = daemon.wait(job["id"])
        self.assertEqual(("FAILED", "FAIL"), (job["state"], job["verdict"]))
        for loop in loops:
            device = next(one for one in job["devices"] if one["path"] == loop)
            states = [one["state"] for one in device["stages"]]
            if loop == failing:
                self.assertEqual(["SUCCEEDED", "SUCCEEDED", "FAILED", "PENDING", "PENDING"], states)
                self.assertEqual("check", device["stage"])
                continue
            self.assertEqual(["SUCCEEDED"] * 5, states, device)
            self.assertIsNone(device["stage"])
            by_stage = [moved(one) for one in device["stages"]]
            self.assertEqual({"read": 0, "write": size, "trim": 0}, by_stage[0])
            self.assertEqual({"read": 0, "write": 0, "trim": 0}, by_stage[1])
            self.assertEqual({"read": size, "write": 0, "trim": 0}, by_stage[2])
            self.assertEqual(2 * size, by_stage[3]["read"] + by_stage[3]["write"])
            self.assertEqual({"read": 0, "write": 0, "trim": size}, by_stage[4])
            self.assertEqual({op: sum(one[op] for one in by_stage) for op in OPS}, moved(device))
            self.assertEqual({op: moved(device)[op] for op in ("read", "write")},
                             {op: device["kernel"][f"{op}_bytes"] for op in ("read", "write")})


class Pauses(TestCase):
    def test_a_pause_stops_all_io_and_the_clock(self):
        daemon = self.daemon()
        path = daemon.dir / "scratch"
        path.write_bytes(bytes(16 * MIB))
        job = daemon.submit(targets=[str(path)], workload={"rw": "randread", "direct": False, "workers": 3, "time_based": True,
                                                           "runtime": "2s"})
        at = f"/v1/jobs/{job['id']}"
        await_true(lambda: daemon.call("GET", at).json["devices"][0]["io"]["read"]["operations"] > 0, "the first reads")
        for _ in range(2):  # idempotent
            answer = daemon.call("POST", f"{at}:pause")
            self.assertEqual((200, "PAUSED"), (answer.status, answer.json["state"]))
        device = answer.json["devices"][0]
        self.assertEqual((0, 0), (device["io"]["read"]["bytes_per_second"], daemon.metric("spliced_io_inflight", device=str(path))))
        self.assertEqual(1, daemon.metric("spliced_device_state", device=str(path), state="paused"))
        progress, operations = device["progress"], device["io"]["read"]["operations"]
        busy = daemon.call("POST", "/v1/jobs", {"targets": [str(path)], "workload": {"direct": False}})
        self.assertEqual((409, "urn:spliced:problem:busy"), (busy.status, busy.json["type"]), "the claim stays")
        time.sleep(2.5)  # longer than the runtime
        device = daemon.call("GET", at).json["devices"][0]
        self.assertEqual((progress, operations), (device["progress"], device["io"]["read"]["operations"]))
        for _ in range(2):
            self.assertEqual("RUNNING", daemon.call("POST", f"{at}:resume").json["state"])
        job = daemon.wait(job["id"])
        self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]))
        read = job["devices"][0]["io"]["read"]
        self.assertGreater(read["operations"], operations)
        self.assertAlmostEqual(read["operations"] / read["operations_per_second"], 2, delta=0.2)
        self.assertGreater(job["elapsed_seconds"], 4.4)

    def test_a_paused_job_can_be_cancelled_and_the_daemon_ended(self):
        daemon = self.daemon()
        paths = [daemon.dir / name for name in ("one", "two")]
        for path in paths:
            path.write_bytes(bytes(MIB))
        endless = {"direct": False, "time_based": True, "runtime": "1h"}
        first, second = (daemon.submit(targets=[str(path)], workload=endless) for path in paths)
        for job in (first, second):
            daemon.call("POST", f"/v1/jobs/{job['id']}:pause")
        daemon.call("POST", f"/v1/jobs/{first['id']}:cancel")
        self.assertEqual("CANCELLED", daemon.wait(first["id"])["state"])
        begun = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - begun, 5)
