# SPDX-License-Identifier: Apache-2.0
"""Every recipe on a disk that is good, and on one with one bit that is not."""
import subprocess
import unittest

from harness import PRESET, TestCase, await_true, need_root

MIB = 1 << 20
SIZE = 61 * MIB  # no device of another test has it
# What makes each of them short.
SHORT = {"quick": {"runtime": "1s"}, "burnin-hdd": {"patterns": True}, "burnin-ssd": {"mix_runtime": "1s"}, "read-scan": {},
         "wipe-verify": {}, "precondition": {"random_passes": 1, "round": "1s", "max_rounds": 40}}
if PRESET != "release":
    SHORT["precondition"]["until"] = "none"  # a sanitizer has speeds of its own
COMPARES = [name for name in SHORT if name != "read-scan"]


@need_root
class Recipes(TestCase):
    def setUp(self):
        self.mount = self.fuse_disk(SIZE, "uncached")
        self.loop_ = self.loop(image=self.mount / "disk")[0]
        self.current = self.daemon(allow=["/dev/loop*"])

    def control(self, line):
        (self.mount / "control").write_text(line)

    def run_recipe(self, name, **parameters):
        return self.current.run(recipe=name, parameters=parameters, targets=[self.loop_], destructive=True,
                                overwrite_signatures=["all"], timeout=120)

    def test_each_passes_on_a_good_disk(self):
        for name, parameters in SHORT.items():
            with self.subTest(recipe=name):
                if name == "precondition":
                    self.control("delay 2")  # what is waited for is steady on a busy machine, too
                job = self.run_recipe(name, **parameters)
                self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job["reason"])
                self.assertEqual(name, job["recipe"])
                self.assertEqual(parameters, {key: job["parameters"][key] for key in parameters})
                if name != "precondition":
                    self.assertEqual(1, job["devices"][0]["coverage"])

    def test_each_that_compares_fails_on_one_flipped_bit(self):
        for name in COMPARES:
            with self.subTest(recipe=name):
                self.control("clear")
                self.control(f"damage read flipped {17 * MIB} 4096 7")
                job = self.run_recipe(name, **SHORT[name])
                self.assertEqual("FAIL", job["verdict"], job["reason"])
                self.assertIn("bitflip", job["devices"][0]["reason"])

    def test_what_a_job_wrote_is_judged_by_verify_only(self):
        written = self.run_recipe("power-cycle")
        self.assertEqual("PASS", written["verdict"], written["reason"])
        for name, parameters in (("verify-only", {}), ("verify-only", {"run_id": written["run_id"]}),
                                 ("power-cycle", {"half": "check"}), ("power-cycle", {"half": "check", "run_id": written["run_id"]})):
            with self.subTest(recipe=name, **parameters):
                self.control("clear")
                self.assertEqual("PASS", self.run_recipe(name, **parameters)["verdict"])
                self.control(f"damage read flipped {17 * MIB} 4096 7")
                self.assertEqual("FAIL", self.run_recipe(name, **parameters)["verdict"])

    def test_a_scan_fails_on_what_cannot_be_read(self):
        self.control(f"fail read {17 * MIB} 4096 5")
        self.assertEqual("FAIL", self.run_recipe("read-scan")["verdict"])

    def test_they_are_listed_with_their_parameters(self):
        names = [one["name"] for one in self.current.call("GET", "/v1/recipes").json["recipes"]]
        self.assertEqual(sorted([*SHORT, "verify-only", "power-cycle"]), names)
        for name in names:
            recipe = self.current.call("GET", f"/v1/recipes/{name}").json
            self.assertEqual(name, recipe["name"])
            self.assertTrue(all(one["description"] and "default" in one for one in recipe["parameters"]))
        self.assertEqual(404, self.current.call("GET", "/v1/recipes/slow").status)

    def test_validate_shows_what_one_becomes(self):
        answer = self.current.call("POST", "/v1/jobs:validate", {"recipe": "burnin-hdd", "targets": [self.loop_], "destructive": True})
        self.assertTrue(answer.json["accepted"], answer.json)
        self.assertEqual(["random#1.fill", "random#1.check"], [stage["name"].replace("fill#1", "random#1.fill").replace(
            "check#1", "random#1.check") for stage in answer.json["targets"][0]["stages"]][:2])


if __name__ == "__main__":
    unittest.main()
