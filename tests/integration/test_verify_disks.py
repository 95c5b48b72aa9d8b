# SPDX-License-Identifier: Apache-2.0
"""What a disk does to data in silence, end to end: told as what it is, with its place, and nothing else."""
import os
import random
import time
import unittest

from harness import await_true, need_root
from verified import BLOCK, MIB, SIZE, Verify, mismatches, stages, verified

SECONDS = int(os.environ.get("SPLICED_VERIFY_SECONDS", "4"))


@need_root
class OnDamagedDisks(Verify):
    def disk(self, size=SIZE):
        mount = self.fuse_disk(size, "uncached")
        loop, _ = self.loop(image=mount / "disk")
        return loop, mount / "control"

    def run_on(self, loop, stages, **job):
        daemon = self.daemon(allow=["/dev/loop*"])
        return daemon.run(targets=[loop], destructive=True, overwrite_signatures=["all"], stages=stages, **job)

    def one(self, job, kind, offset, length=4096):
        self.assertEqual(("SUCCEEDED", "FAIL"), (job["state"], job["verdict"]), job["reason"])
        verify = verified(job)
        self.assertEqual({kind: length // 4096}, mismatches(verify))
        self.assertEqual(list(range(offset // 4096 * 4096, offset + length, 4096)), [one["offset"] for one in verify["miscompares"]])
        return verify["miscompares"][0]

    def test_each_kind_of_damage_on_the_medium(self):
        at = 5 * MIB
        for damage, kind, length in ((f"write zeroed {at} 4096", "zeroed", 4096), (f"write ones {at} 4096", "ones", 4096),
                                     (f"write flipped {at} 4096 4000", "bitflip", 4096), (f"write slipped {at} 4096 24", "misdirected", 4096),
                                     (f"write zeroed {at + 4096} 8192", "zeroed", 8192)):
            with self.subTest(damage=damage):
                loop, control = self.disk()
                control.write_text(f"damage {damage}")
                job = self.run_on(loop, stages())
                one = self.one(job, kind, at if length == 4096 else at + 4096, length)
                self.assertEqual("medium", one["finding"], one["rereads"])
                self.assertEqual({"same"}, {again["result"] for again in one["rereads"]})
                if kind == "misdirected":
                    self.assertEqual(24, one["shift_bytes"])
                if kind == "bitflip":
                    self.assertEqual((500, 500, 1), (one["first_byte"], one["last_byte"], one["bits"]))

    def test_lost_torn_and_misdirected_writes(self):
        at = 7 * MIB
        for damage, kind in ((f"write stale {at} 4096", "stale"), (f"write torn {at} 4096 1536", "torn"),
                             (f"write stale {at} 512", "torn")):
            with self.subTest(damage=damage):
                loop, control = self.disk()
                daemon = self.daemon(allow=["/dev/loop*"])

                def definition(seconds):
                    control.write_text("clear")
                    return {"targets": [loop], "destructive": True,
                            "stages": [{"name": "before", "workload": {"rw": "write", "bs": BLOCK}},
                                       {"name": "pause", "wait": seconds}, *stages()]}

                job = daemon.run_with_waits(definition, {"pause": lambda: control.write_text(f"damage {damage}")})
                one = self.one(job, kind, at)
                self.assertEqual((1, 2), (one["found"]["pass"], one["expected"]["pass"]))
        loop, control = self.disk()
        control.write_text(f"damage write misdirected {at} 4096 {MIB}")
        job = self.run_on(loop, stages(rw="write"))
        verify = verified(job)
        # What was there before is zeros; where it went to is written later, and is right again.
        self.assertEqual({"zeroed": 1}, mismatches(verify))
        loop, control = self.disk()
        control.write_text(f"damage write misdirected {at} 4096 -{MIB}")
        verify = verified(self.run_on(loop, stages(rw="write")))
        self.assertEqual({"zeroed": 1, "misdirected": 1}, mismatches(verify))
        found = next(one for one in verify["miscompares"] if one["kind"] == "misdirected")
        self.assertEqual((at - MIB, at), (found["offset"], found["found"]["offset"]))

    def test_damage_on_the_path_only(self):
        loop, control = self.disk()
        control.write_text(f"damage read flipped {3 * MIB} 4096 77 1")
        one = self.one(self.run_on(loop, stages()), "bitflip", 3 * MIB)
        self.assertEqual("read_path", one["finding"], one["rereads"])
        self.assertEqual({"right"}, {again["result"] for again in one["rereads"]})

    def test_what_cannot_be_read_back_is_no_pass(self):
        loop, control = self.disk()
        control.write_text(f"fail read {6 * MIB} 512 5")
        job = self.run_on(loop, stages(), error_policy={"max_errors": 100}, criteria={"max_io_errors": 100})
        verify = verified(job)
        self.assertEqual(("SUCCEEDED", "INCONCLUSIVE"), (job["state"], job["verdict"]), job["reason"])
        self.assertEqual((BLOCK, SIZE - BLOCK, {}), (verify["unread_bytes"], verify["bytes"], mismatches(verify)))

    def test_a_disk_that_ignores_all_writes(self):
        size = 5 * MIB
        loop, control = self.disk(size)
        daemon = self.daemon(allow=["/dev/loop*"])
        submission = dict(targets=[loop], destructive=True, stages=stages(), name="twice")
        self.assert_clean(daemon.run(**submission), size)
        control.write_text(f"damage write stale 0 {size}")
        again = self.daemon(allow=["/dev/loop*"]).run(**submission)
        self.assertEqual("FAIL", again["verdict"])
        verify = verified(again)
        self.assertEqual({"foreign": size // 4096}, mismatches(verify), "a lost write over the data of another job")
        self.assertIn("nothing of what was written is there", again["reason"])
        self.assertTrue(all(one["other_job"] for one in verify["miscompares"]))
        # A loop device has no number of its own: it is known by the job.
        self.assertEqual(1000, len(verify["miscompares"]))
        self.assertEqual(size // 4096 - 1000, verify["miscompares_omitted"])

    def test_writes_that_fail_are_in_doubt_and_no_miscompare(self):
        loop, control = self.disk()
        for offset in (MIB, 9 * MIB + 4096):
            control.write_text(f"fail write {offset} 512 5")
        daemon = self.daemon(allow=["/dev/loop*"])
        job = daemon.submit(targets=[loop], destructive=True, error_policy={"max_errors": 100}, criteria={"max_io_errors": 100},
                            stages=stages(bs=BLOCK, workers=2))
        job = daemon.wait(job["id"])
        verify = verified(job)
        self.assertEqual({}, mismatches(verify))
        self.assertEqual([{"offset": MIB, "length": BLOCK}, {"offset": 9 * MIB, "length": BLOCK}],
                         sorted(verified(job, "fill")["indeterminate"], key=lambda one: one["offset"]))
        self.assertEqual((2, 2 * BLOCK, SIZE - 2 * BLOCK),
                         (verify["indeterminate_ranges"], verify["indeterminate_bytes"], verify["bytes"]))
        self.assertEqual("INCONCLUSIVE", job["verdict"])

    def test_a_sync_that_fails_leaves_in_doubt_what_came_before_it(self):
        mount = self.fuse_disk(SIZE, "uncached")
        (mount / "control").write_text("fsync 1 5")
        daemon = self.daemon(allow=[f"{mount}/"])
        job = daemon.run(targets=[str(mount / "disk")], destructive=True, error_policy={"max_errors": 100},
                         criteria={"max_io_errors": 100}, stages=stages(direct=False))
        verify = verified(job)
        self.assertEqual({}, mismatches(verify))
        self.assertEqual(SIZE, verify["indeterminate_bytes"])
        self.assertEqual("INCONCLUSIVE", job["verdict"], job["reason"])
        self.assertGreater(job["devices"][0]["io"]["sync"]["errors"], 0)

    def test_mixed_workloads_find_what_is_put_into_them(self):
        """Rounds upon rounds on a small range, with one bit flipped in one write now and then."""
        size = 8 * MIB
        loop, control = self.disk(size)
        daemon = self.daemon(allow=["/dev/loop*"])
        for workload in ({"rw": "randrw", "rwmixread": 70}, {"rw": "randwrite"}):
            with self.subTest(workload=workload):
                job = daemon.submit(targets=[loop], destructive=True, overwrite_signatures=["all"],
                                    workload=workload | {"bs": 4096, "workers": 4, "time_based": True, "runtime": "1h",
                                                         "verify": "inline"})

                way = f"/v1/jobs/{job['id']}"

                def found(state):
                    return mismatches(verified(state, "workload")).get("bitflip", 0)

                rng = random.Random(1)
                begun = time.monotonic()
                injected = 0
                # No block twice: two flips in one write would be one.
                for block in rng.sample(range(size // 4096), size // 4096):
                    if time.monotonic() - begun > SECONDS:
                        break
                    control.write_text(f"damage write flipped {block * 4096} 4096 {rng.randrange(4096 * 8)} 1")
                    injected += 1
                    time.sleep(0.2)
                # A block may be written again before it is read; a mixed one may be read several times.
                wanted = injected if workload["rw"] == "randwrite" else 1
                await_true(lambda: found(daemon.call("GET", way).json) >= wanted, "what was put in to be found", timeout=120)
                daemon.call("POST", f"{way}:cancel")
                ended = daemon.wait(job["id"])
                self.assertEqual({"bitflip"}, set(mismatches(verified(ended, "workload"))))
                if workload["rw"] == "randwrite":
                    self.assertEqual(injected, found(ended))
                control.write_text("clear")


if __name__ == "__main__":
    unittest.main()
