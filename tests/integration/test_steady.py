# SPDX-License-Identifier: Apache-2.0
"""Workloads that go on until what they do is steady, and limits that end a device while it runs."""
import statistics
import unittest

from harness import PRESET, TestCase, await_true, need_root

MIB = 1 << 20
ROUND = 1.0


@need_root
class Steady(TestCase):
    ALONE = True  # how fast something goes is measured

    def setUp(self):
        if PRESET != "release":
            self.skipTest("a sanitizer has speeds of its own")
        self.mount = self.fuse_disk(64 * MIB, "uncached")
        self.loop_ = self.loop(image=self.mount / "disk")[0]
        self.control("delay 5")
        self.current = self.daemon(allow=["/dev/loop*"])

    def control(self, line):
        (self.mount / "control").write_text(line)

    def submit(self, steady=None, criteria=None, **workload):
        steady = {"round": f"{ROUND:g}s", "window": 5, "max_rounds": 12} | (steady or {})
        return self.current.submit(targets=[self.loop_], destructive=True, overwrite_signatures=["all"], criteria=criteria or {},
                                   stages=[{"name": "steady", "workload": {
                                       "rw": "randwrite", "bs": "4k", "time_based": True, "until": {"steady": steady}} | workload}])

    def device(self, job):
        return self.current.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]

    def steady(self, job):
        return self.device(job)["stages"][0]["steady"] or {"rounds": [], "steady": False}

    def test_an_even_load_is_steady_after_one_window(self):
        ended = self.current.wait(self.submit()["id"])
        self.assertEqual("PASS", ended["verdict"], ended["reason"])
        result = self.steady(ended)
        self.assertTrue(result["steady"])
        self.assertEqual(5, len(result["rounds"]))
        rate = ended["devices"][0]["io"]["write"]["operations_per_second"]
        self.assertAlmostEqual(rate, result["mean"], delta=rate / 10)

    def test_a_window_with_a_step_in_it_is_not(self):
        """A third slower from round 7 on: held, it is told when the load was steady no more."""
        job = self.submit({"hold": True}, runtime="14s")
        await_true(lambda: len(self.steady(job)["rounds"]) == 6, "six rounds", 60)
        self.assertTrue(self.steady(job)["steady"])
        self.control("delay 10")
        ended = self.current.wait(job["id"])
        result = self.steady(ended)
        self.assertEqual("SUCCEEDED", ended["state"])
        self.assertIsNotNone(result["left_after_seconds"])
        self.assertLessEqual(abs(result["left_after_seconds"] - 7 * ROUND), ROUND)
        y = result["rounds"]
        self.assertLess(statistics.median(y[8:]), 0.9 * statistics.median(y[:6]))

    def test_what_falls_all_the_time_is_never_steady(self):
        criteria = {"steady": "required", "min_rate": {"write": "1T"}}
        job = self.submit({"max_rounds": 6}, criteria=criteria)
        for delay in (6, 8, 11, 15, 20):
            rounds = len(self.steady(job)["rounds"])
            await_true(lambda: len(self.steady(job)["rounds"]) > rounds or self.device(job)["state"] == "SUCCEEDED", "a round", 30)
            self.control(f"delay {delay}")
        ended = self.current.wait(job["id"])
        self.assertFalse(self.steady(ended)["steady"])
        self.assertEqual(6, len(self.steady(ended)["rounds"]))
        self.assertEqual("INCONCLUSIVE", ended["verdict"], "what was not steady fails no device")
        named = {one["name"]: one["result"] for one in ended["devices"][0]["criteria"]}
        self.assertEqual("not_met", named["steady"])
        self.assertEqual("not_measurable", named["min_rate.write"])

    def test_a_round_with_a_pause_in_it_counts_for_nothing(self):
        job = self.submit()
        await_true(lambda: len(self.steady(job)["rounds"]) == 2, "two rounds", 30)
        self.assertEqual(200, self.current.call("POST", f"/v1/jobs/{job['id']}:pause").status)
        self.assertEqual(200, self.current.call("POST", f"/v1/jobs/{job['id']}:resume").status)
        ended = self.current.wait(job["id"])
        result = self.steady(ended)
        self.assertTrue(result["steady"])
        self.assertEqual(5, len(result["rounds"]))
        self.assertGreater(ended["elapsed_seconds"], 5.5 * ROUND)

    def test_the_first_cycle_beyond_a_limit_ends_the_device(self):
        for limits, reason in (({"latency": {"write": {"max": "50ms"}, "stop": True, "cycle": "500ms"}}, "criteria.latency.write.max"),
                               ({"latency": {"write": {"p50": "15ms"}, "stop": True, "cycle": "2s"}}, "criteria.latency.write.p50"),
                               ({"min_rate": {"write": "200k", "stop": True}}, "criteria.min_rate.write")):
            with self.subTest(reason=reason):
                self.control("delay 5")
                job = self.submit({"max_rounds": 100, "window": 50}, criteria=limits)
                await_true(lambda: len(self.steady(job)["rounds"]) == 2, "two rounds", 30)
                self.control("delay 60")
                ended = self.current.wait(job["id"], 30)
                self.assertEqual(("FAILED", "FAIL"), (ended["state"], ended["verdict"]))
                self.assertIn(reason, ended["devices"][0]["reason"])

    def test_what_makes_no_sense_is_refused(self):
        for workload, pointer in (({"time_based": False}, "/stages/0/workload/until/steady"),
                                  ({"rw": "randrw"}, "/stages/0/workload/until/steady/direction"),
                                  ({"runtime": "3s"}, "/stages/0/workload/until/steady/max_rounds")):
            spec = {"rw": "randwrite", "bs": "4k", "time_based": True, "until": {"steady": {"round": "1s"}}} | workload
            answer = self.current.call("POST", "/v1/jobs:validate", {"targets": [self.loop_], "destructive": True,
                                                                     "stages": [{"workload": spec}]})
            self.assertEqual([pointer], [error["pointer"] for error in answer.json["errors"]], answer.json)


if __name__ == "__main__":
    unittest.main()
