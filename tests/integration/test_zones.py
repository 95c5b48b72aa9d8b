# SPDX-License-Identifier: Apache-2.0
"""A disk that is slower in one place than in the others."""
import subprocess
import unittest

from harness import PRESET, TestCase, await_true, need_root

MIB = 1 << 20
BAND = 64 * MIB
BANDS = 52
SIZE = BANDS * BAND
SCAN = {"rw": "read", "bs": "1M"}


@need_root
class Zones(TestCase):
    ALONE = True  # how fast parts of a disk are is measured

    def setUp(self):
        if PRESET != "release":
            self.skipTest("a sanitizer has speeds of its own")
        self.mount = self.fuse_disk(SIZE, "uncached")
        self.loop_ = self.loop(image=self.mount / "disk")[0]
        if subprocess.run(["losetup", "--direct-io=on", self.loop_], capture_output=True).returncode != 0:
            self.skipTest("no direct I/O on FUSE")
        self.control("delay 1")
        self.current = self.daemon(allow=["/dev/loop*"])

    def control(self, line):
        (self.mount / "control").write_text(line)

    def slow_down(self, first, last, microseconds=600):
        self.control(f"slow {first * BAND} {(last - first + 1) * BAND} {microseconds}")

    def scan(self, stages=None, **job):
        stages = stages or [{"name": "scan", "workload": SCAN}]
        return self.current.run(targets=[self.loop_], stages=stages, timeout=180, **{"criteria": {"max_slow_zone": "12%"}} | job)

    @staticmethod
    def criterion(job):
        return next(one for one in job["devices"][0]["criteria"] if one["name"] == "max_slow_zone")

    def test_a_disk_that_is_alike_everywhere_passes(self):
        job = self.scan()
        self.assertEqual("PASS", job["verdict"], job["reason"])
        self.assertEqual(["scan", "slow-zones"], [stage["name"] for stage in job["devices"][0]["stages"]])
        self.assertEqual("met", self.criterion(job)["result"])
        self.assertLess(self.criterion(job)["measured"], 0.12)

    def test_a_slow_zone_is_found_and_named(self):
        self.slow_down(20, 22)
        job = self.scan()
        self.assertEqual("FAIL", job["verdict"])
        criterion = self.criterion(job)
        self.assertEqual("not_met", criterion["result"])
        self.assertGreater(criterion["measured"], 0.12)
        zone, = job["devices"][0]["slow_zones"]
        self.assertEqual("read", zone["op"])
        self.assertLessEqual(abs(zone["offset_bytes"] - 20 * BAND), BAND)
        self.assertLessEqual(abs(zone["offset_bytes"] + zone["size_bytes"] - 23 * BAND), BAND)
        self.assertLess(zone["bytes_per_second"], 0.88 * zone["expected_bytes_per_second"])
        again = job["devices"][0]["stages"][1]
        self.assertGreaterEqual(again["io"]["read"]["bytes"], 7 * BAND)
        self.assertLess(again["io"]["read"]["bytes"], 14 * BAND)

    def test_what_was_slow_for_a_while_is_not(self):
        """Read again, it is as fast as the rest."""
        self.slow_down(30, 34)
        job = self.current.submit(targets=[self.loop_], stages=[{"name": "scan", "workload": SCAN}, {"wait": "3s"}],
                                  criteria={"max_slow_zone": "12%"})
        await_true(lambda: self.current.call("GET", f"/v1/jobs/{job['id']}").json["devices"][0]["stage"] == "stage-2",
                   "the scan to end", 120)
        self.control("clear")
        self.control("delay 1")
        ended = self.current.wait(job["id"], 120)
        self.assertEqual("PASS", ended["verdict"], ended["reason"])
        self.assertGreater(ended["devices"][0]["stages"][2]["io"]["read"]["bytes"], 0)

    def test_where_it_cannot_be_measured_it_is_no_pass(self):
        job = self.scan(stages=[{"name": "scan", "workload": SCAN | {"size": "1G"}}])
        self.assertEqual("INCONCLUSIVE", job["verdict"])
        self.assertEqual(("not_measurable", None), (self.criterion(job)["result"], self.criterion(job)["met"]))
        self.assertIn("it takes 50", job["reason"])

    def test_a_part_that_was_reached_says_nothing_of_the_rest(self):
        """Fifty bands would be enough; some of them the stage does not come to."""
        job = self.scan(stages=[{"name": "scan", "workload": SCAN | {"runtime": "1s"}}])
        self.assertEqual("INCONCLUSIVE", job["verdict"])
        self.assertEqual("not_measurable", self.criterion(job)["result"])
        self.assertIn(f"of {BANDS} bands were reached", job["reason"])

    def test_what_nothing_can_measure_is_refused(self):
        for workload in (SCAN | {"rw": "randread"}, SCAN | {"rate": "10M"}, SCAN | {"direct": False}):
            answer = self.current.call("POST", "/v1/jobs", {"targets": [self.loop_], "workload": workload,
                                                            "criteria": {"max_slow_zone": "12%"}})
            self.assertEqual(422, answer.status)
            self.assertEqual("/criteria/max_slow_zone", answer.json["errors"][0]["pointer"])


if __name__ == "__main__":
    unittest.main()
