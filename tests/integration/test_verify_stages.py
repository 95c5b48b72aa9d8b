# SPDX-License-Identifier: Apache-2.0
"""Jobs of several stages that write and check the same places, or had no time to."""
import os
import unittest

from verified import BLOCK, MIB, SIZE, Verify, mismatches, stages, verified


class Stages(Verify):
    def setUp(self):
        self.daemon_ = self.daemon()
        self.path = self.daemon_.dir / "target"
        with open(self.path, "wb") as file:
            file.truncate(SIZE)

    def refused(self, *all_stages):
        answer = self.daemon_.call("POST", "/v1/jobs", {"targets": [str(self.path)], "destructive": True, "stages": list(all_stages)})
        self.assertEqual(422, answer.status, answer.raw)
        return {one["pointer"]: one["detail"] for one in answer.json["errors"]}

    def test_whatever_is_written_where_something_is_checked_is_whole_sectors(self):
        fill = {"name": "a", "workload": {"rw": "write", "bs": BLOCK, "direct": False}}
        check = {"name": "check", "verify": {"of": "a"}}
        for odd, pointer in (({"size": 10_000_100}, "/stages/1/workload/size"), ({"offset": 1000}, "/stages/1/workload/offset")):
            errors = self.refused(fill, {"name": "b", "workload": {"rw": "write", "bs": 4096, "direct": False} | odd}, check)
            self.assertIn("512", errors[pointer])
        os.truncate(self.path, SIZE - 100)
        self.assertIn("512", self.refused(fill, check)["/stages/0/workload/size"])
        self.assertEqual("PASS", self.file_job(self.daemon_, self.path, [fill], )["verdict"], "without a check any size will do")

    def test_a_stage_that_found_nothing_to_check_is_no_pass(self):
        job = self.file_job(self.daemon_, self.path, [
            {"name": "first", "verify": {"only": {"adopt": True}, "size": "50%"}},
            {"name": "fill", "workload": {"rw": "write", "offset": "50%", "size": "50%", "bs": BLOCK}},
            {"name": "check", "verify": {"of": "fill"}}])
        self.assertEqual("INCONCLUSIVE", job["verdict"], job["reason"])
        self.assertIn("first", job["reason"])

    def test_a_lost_write_over_an_earlier_stage_with_another_seed_is_stale(self):
        mount = self.fuse_disk(SIZE, "uncached")
        daemon = self.daemon(allow=[f"{mount}/"])
        control = mount / "control"

        def definition(seconds):
            control.write_text("clear")
            return {"targets": [str(mount / "disk")], "destructive": True,
                    "stages": [{"name": "before", "workload": {"rw": "write", "bs": BLOCK, "seed": 4}},
                               {"name": "pause", "wait": seconds}, *stages(seed=7)]}

        job = daemon.run_with_waits(definition, {"pause": lambda: control.write_text(f"damage write stale {MIB} 4096")})
        self.assertEqual(("FAIL", {"stale": 1}), (job["verdict"], mismatches(verified(job))), job["reason"])

    def test_intervals_of_a_megabyte_keep_few_of_their_sectors(self):
        mount = self.fuse_disk(SIZE, "uncached")
        daemon = self.daemon(allow=[f"{mount}/"])
        (mount / "control").write_text(f"damage write zeroed 0 {SIZE}")
        job = self.file_job(daemon, mount / "disk", [{"name": "fill", "workload": {"rw": "write", "bs": MIB}},
                                                     {"name": "check", "verify": {"of": "fill", "interval": MIB}}])
        verify = verified(job)
        self.assertEqual({"zeroed": 16}, mismatches(verify))
        one = verify["miscompares"][0]
        self.assertEqual((64, MIB // 512 - 64), (len(one["sectors"]), one["sectors_omitted"]))

    def test_what_was_trimmed_and_never_written_is_none_of_a_later_check(self):
        loop, _ = self.loop(SIZE)
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.run(targets=[loop], destructive=True, stages=[
            {"name": "trim", "workload": {"rw": "trim", "bs": MIB}},
            {"name": "mix", "workload": {"rw": "randrw", "bs": 4096, "loops": 3, "verify": "inline"}}])
        self.assertEqual("PASS", job["verdict"], job["reason"])
        self.assertEqual(0, verified(job, "mix")["indeterminate_bytes"])


if __name__ == "__main__":
    unittest.main()
