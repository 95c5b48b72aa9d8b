# SPDX-License-Identifier: Apache-2.0
"""What one daemon wrote is checked by another one that has only the data, also when the first never came to its end."""
import os
import pathlib
import sys
import unittest

from harness import await_true
from verified import BLOCK, MIB, SIZE, Verify, mismatches, stages, verified

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "verify"))
import format1  # noqa: E402

SMALL = 2 * MIB


class FromTheDataAlone(Verify):
    def setUp(self):
        self.daemon_ = self.daemon()
        self.path = self.daemon_.dir / "target"
        with open(self.path, "wb") as file:
            file.truncate(SIZE)

    def only(self, job, payload=None, **verify):
        other = self.daemon(allow=[f"{self.path.parent}/"])
        only = {"run_id": job["run_id"]} | ({"payload": payload} if payload else {})
        return other.run(targets=[str(self.path)],
                         stages=[{"name": "check", "verify": {"only": only} | verify}])

    def cut_off(self, how, **workload):
        """A job that is ended `how` while it writes, over the data of another job."""
        os.truncate(self.path, SMALL)
        self.file_job(self.daemon_, self.path, stages())
        job = self.daemon_.submit(targets=[str(self.path)], destructive=True,
                                  stages=[{"name": "cut", "workload": {"rw": "write", "bs": BLOCK, "workers": 3} | workload},
                                          {"name": "check", "verify": {"of": "cut"}}])

        def moved():
            status = self.daemon_.call("GET", f"/v1/jobs/{job['id']}").json
            return status["devices"][0]["io"]["write"]["bytes"] > SMALL / 4

        await_true(moved, "a quarter to be written")
        if how == "cancel":
            self.assertEqual(200, self.daemon_.call("POST", f"/v1/jobs/{job['id']}:cancel").status)
            ended = self.daemon_.wait(job["id"])
            self.assertNotEqual("PASS", ended["verdict"])
            self.assertNotIn("miscompares", ended["reason"])
        else:
            {"stop": self.daemon_.process.terminate, "kill": self.daemon_.process.kill}[how]()
            self.daemon_.process.wait(30)
        return job

    def place_of(self, job):
        """An offset at which the file holds a block of that job."""
        run = job["run_id"].replace("-", "")
        data = self.path.read_bytes()
        for at in range(0, SMALL, 4096):
            header = format1.parse_header(data[at:at + 64])
            if header and header["run_id"] == run:
                return at
        return self.fail("nothing of the job is there")

    def flip(self, at):
        with open(self.path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 4]))

    def test_a_job_that_never_came_to_its_end_is_no_damage(self):
        slow = {"rw": "write", "rate": SMALL // 2}
        for how, order in (("kill", slow), ("kill", slow | {"payload": "pattern:a55a"}), ("stop", slow),
                           ("kill", slow | {"rw": "randwrite", "bs": 4096}), ("cancel", slow | {"rw": "randwrite", "bs": 4096})):
            with self.subTest(how=how, order=order):
                self.setUp()
                job = self.cut_off(how, **order)
                payload = order.get("payload")
                found = self.only(job, payload)
                verify = verified(found)
                self.assertEqual(({}, []), (mismatches(verify), verify["miscompares"]))
                self.assertEqual("INCONCLUSIVE", found["verdict"], found["reason"])
                self.assertGreater(verify["bytes"], SMALL / 8)
                self.assertGreater(verify["untraced_bytes"], SMALL / 8)
                self.assertEqual(SMALL, verify["bytes"] + verify["untraced_bytes"] + verify["indeterminate_bytes"])
                self.flip(self.place_of(job) + 2000)
                found = self.only(job, payload)
                self.assertEqual(("FAIL", {"bitflip": 1}), (found["verdict"], mismatches(verified(found))))

    def test_a_gap_is_no_damage_though_there_is_data_on_both_sides_of_it(self):
        job = self.file_job(self.daemon_, self.path, [
            {"name": "tail", "workload": {"rw": "write", "bs": BLOCK, "offset": "90%"}},
            {"name": "head", "workload": {"rw": "write", "bs": BLOCK, "size": "40%"}}])
        verify = verified(self.only(job))
        self.assertEqual({}, mismatches(verify))
        self.assertGreater(verify["untraced_bytes"], SIZE * 0.4)

    def test_a_part_of_a_write_is_in_doubt_where_nobody_knows_whether_it_ended(self):
        self.file_job(self.daemon_, self.path, stages())
        before = self.path.read_bytes()
        job = self.file_job(self.daemon_, self.path, stages(size="9M"))
        with open(self.path, "r+b") as file:
            file.seek(9 * MIB - 2048)
            file.write(before[9 * MIB - 2048:9 * MIB])
        cut = self.only(job)
        self.assertEqual(("INCONCLUSIVE", {}), (cut["verdict"], mismatches(verified(cut))), cut["reason"])
        self.assertEqual((4096, 7 * MIB), (verified(cut)["indeterminate_bytes"], verified(cut)["untraced_bytes"]))
        whole = self.only(job, size="9M")
        self.assertEqual(("FAIL", {"foreign": 1}), (whole["verdict"], mismatches(verified(whole))), whole["reason"])

    def test_a_slow_disk_that_was_written_as_a_whole_is_told_from_one_that_was_not(self):
        mount = self.fuse_disk(SIZE, "uncached")
        daemon = self.daemon(allow=[f"{mount}/"])
        job = self.file_job(daemon, mount / "disk", stages(bs=MIB))
        with open(mount / "disk", "r+b") as file:
            file.seek(5 * MIB)
            file.write(bytes(4096))
        (mount / "control").write_text("delay 6")
        found = daemon.run(targets=[str(mount / "disk")], stages=[{"name": "check", "verify": {"only": {"run_id": job["run_id"]}}}])
        self.assertEqual(("FAIL", {"zeroed": 1}), (found["verdict"], mismatches(verified(found))), found["reason"])

    def test_a_disk_that_hangs_while_it_is_looked_at_fails_and_holds_up_nobody(self):
        mount = self.fuse_disk(SIZE, "uncached")
        daemon = self.daemon(allow=[f"{mount}/", f"{self.path.parent}/"])
        job = self.file_job(daemon, mount / "disk", stages(bs=MIB))
        (mount / "control").write_text(f"hang read {9 * MIB} {MIB}")
        self.addCleanup((mount / "control").write_text, "clear")
        found = daemon.submit(targets=[str(mount / "disk")], error_policy={"stall_timeout": "1s"},
                              stages=[{"name": "check", "verify": {"only": {"run_id": job["run_id"]}, "workers": 3}}])
        ended = daemon.wait(found["id"])
        self.assertEqual(("FAILED", "FAIL"), (ended["state"], ended["verdict"]))
        self.assertIn("a read that looks at the data has not come back", ended["devices"][0]["reason"])
        self.assertEqual("PASS", self.file_job(daemon, self.path, stages())["verdict"])

    def test_another_daemon_checks_what_the_first_wrote(self):
        job = self.file_job(self.daemon_, self.path, stages(loops=2))
        other = self.daemon(allow=[f"{self.daemon_.dir}/"])
        for only in ({"adopt": True}, {"run_id": job["run_id"]}, {"run_id": job["run_id"], "seed": 1}):
            found = other.run(targets=[str(self.path)], stages=[{"name": "check", "verify": {"only": only}}])
            self.assertEqual("PASS", found["verdict"], found["reason"])
            verify = verified(found)
            self.assertEqual((SIZE, {"2": SIZE}, job["run_id"], 1),
                             (verify["bytes"], verify["passes"], verify["run_id"], verify["seed"]))
        with open(self.path, "r+b") as file:
            file.seek(5 * MIB + 300)
            byte = file.read(1)[0]
            file.seek(5 * MIB + 300)
            file.write(bytes([byte ^ 16]))
        found = other.run(targets=[str(self.path)], stages=[{"name": "check", "verify": {"only": {"adopt": True}}}])
        self.assertEqual(("FAIL", {"bitflip": 1}), (found["verdict"], mismatches(verified(found))))
        with open(self.path, "r+b") as file:
            file.seek(5 * MIB + 300)
            file.write(bytes([byte]))
            file.seek(9 * MIB + 8192)
            file.write(bytes(SIZE - 9 * MIB - 8192))
        cut = other.run(targets=[str(self.path)], stages=[{"name": "check", "verify": {"only": {"adopt": True}}}])
        self.assertEqual(("INCONCLUSIVE", {}, SIZE - 9 * MIB - 8192),
                         (cut["verdict"], mismatches(verified(cut)), verified(cut)["untraced_bytes"]), cut["reason"])
        with open(self.path, "r+b") as file:
            file.seek(3 * MIB)
            file.write(bytes(4096))
        hole = other.run(targets=[str(self.path)], stages=[{"name": "check", "verify": {"only": {"adopt": True}, "size": "9M"}}])
        self.assertEqual(("FAIL", {"zeroed": 1}), (hole["verdict"], mismatches(verified(hole))))
        nothing = other.run(targets=[str(self.path)],
                            stages=[{"name": "check", "verify": {"only": {"run_id": "0" * 32}}}])
        self.assertEqual("INCONCLUSIVE", nothing["verdict"], "what was not measured is no PASS")


if __name__ == "__main__":
    unittest.main()
