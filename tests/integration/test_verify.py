# SPDX-License-Identifier: Apache-2.0
"""Data that is written is found again, and what is not as it should be is told as what it is: end to end, on files."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

from harness import BIN
from verified import BLOCK, MIB, SIZE, Verify, mismatches, stages, verified

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "verify"))
import format1  # noqa: E402


class OnFiles(Verify):
    """Damage is put onto the medium between write and check, while the stage between them waits."""

    def setUp(self):
        self.daemon_ = self.daemon()
        self.path = self.daemon_.dir / "target"
        with open(self.path, "wb") as file:
            file.truncate(SIZE)

    def damaged(self, *damages):
        """A job that writes twice to a file for each of `damages`, waits while damage(file, the data of the first pass) works on
        that file, and checks."""
        paths = [self.daemon_.dir / f"target{index}" for index in range(len(damages))]
        for path in paths:
            with open(path, "wb") as file:
                file.truncate(SIZE)
        old = []

        def definition(seconds):
            return {"targets": [str(path) for path in paths], "destructive": True,
                    "stages": [{"name": "before", "workload": {"rw": "write", "bs": BLOCK}},
                               {"name": "first pause", "wait": seconds}, *stages({"name": "pause", "wait": seconds})]}

        def keep_old():
            old[:] = [path.read_bytes() for path in paths]

        def put_damage():
            for path, damage, before in zip(paths, damages, old):
                with open(path, "r+b") as file:
                    damage(file, before)

        return self.daemon_.run_with_waits(definition, {"first pause": keep_old, "pause": put_damage})

    def test_damage_that_is_put_onto_the_medium(self):
        def put(at, data):
            def damage(file, _old):
                file.seek(at)
                file.write(data)
            return damage

        def flip(at, bit):
            def damage(file, _old):
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << bit]))
            return damage

        def swap(a, b):
            def damage(file, _old):
                file.seek(a)
                first = file.read(4096)
                file.seek(b)
                second = file.read(4096)
                file.seek(a)
                file.write(second)
                file.seek(b)
                file.write(first)
            return damage

        def old(at, length):
            return lambda file, before: put(at, before[at:at + length])(file, before)

        cases = (
            ("a block of zeros", put(3 * MIB, bytes(4096)), "zeroed", [3 * MIB]),
            ("noise over two blocks", put(3 * MIB + 2048, os.urandom(4096)), "garbage", [3 * MIB, 3 * MIB + 4096]),
            ("one bit", flip(SIZE - 1, 7), "bitflip", [SIZE - 4096]),
            ("two blocks exchanged", swap(MIB, 9 * MIB), "misdirected", [MIB, 9 * MIB]),
            ("an old block", old(4 * MIB, 4096), "stale", [4 * MIB]),
            ("half an old block", old(4 * MIB, 2048), "torn", [4 * MIB]),
            ("nothing", lambda file, before: None, None, []))
        job = self.damaged(*(damage for _, damage, _, _ in cases))
        for index, (what, _, kind, places) in enumerate(cases):
            with self.subTest(damage=what):
                verify = verified(job, device=index)
                self.assertEqual({kind: len(places)} if kind else {}, mismatches(verify))
                self.assertEqual(places, [one["offset"] for one in verify["miscompares"]])
                self.assertEqual("FAIL" if kind else "PASS", job["devices"][index]["verdict"], job["reason"])
                for one in verify["miscompares"]:
                    self.assertEqual("medium", one["finding"], one["rereads"])
                    self.assertNotEqual(one["dump_expected"], one["dump_found"])

    def test_good_data_passes_in_each_mode(self):
        for workload in ({}, {"rw": "randwrite", "bs": 4096, "workers": 3}, {"bs": "1M", "workers": 2, "loops": 2},
                         {"rw": "randrw", "bs": 4096, "loops": 3}, {"bs": 512, "size": "1M"}, {"payload": "pattern:aa"},
                         {"payload": "pattern:deadbeef00", "header": False}, {"payload": "zero"}, {"compress": 50},
                         {"bs": 12288, "offset": 4096, "size": "3M"}):
            for kind in ("splice", "psync"):
                with self.subTest(workload=workload, engine=kind):
                    job = self.file_job(self.daemon_, self.path, stages(**workload), engine={"kind": kind})
                    self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job["reason"])
                    verify = verified(job)
                    self.assertEqual({}, mismatches(verify))
                    untold = [] if workload.get("header", True) else ["foreign", "misdirected", "ahead"]
                    self.assertEqual((untold, untold), (verify["kinds_not_told"], job["devices"][0]["verify"]["kinds_not_told"]))
                    self.assertEqual(job["devices"][0]["stages"][1]["size_bytes"],
                                     verify["bytes"] + verify["unwritten_bytes"])
                    if "rw" not in workload or workload["rw"] != "randrw":
                        self.assertEqual(0, verify["unwritten_bytes"])

    def test_what_reads_back_while_it_writes_finds_it(self):
        for workload in ({"rw": "write", "bs": BLOCK}, {"rw": "randwrite", "bs": 4096, "workers": 4},
                         {"rw": "randrw", "bs": 4096, "workers": 4, "loops": 5},
                         {"rw": "write", "bs": 4096, "verify": {"mode": "inline", "verify_distance": "1M"}, "workers": 2}):
            with self.subTest(workload=workload):
                job = self.file_job(self.daemon_, self.path,
                                    [{"name": "check", "workload": {"verify": "inline"} | workload}])
                self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job["reason"])
                verify = verified(job)
                self.assertEqual({}, mismatches(verify))
                if workload["rw"] != "randrw":
                    self.assertEqual(SIZE, verify["bytes"])
                else:
                    self.assertGreater(verify["bytes"], SIZE)

    def test_what_cannot_be_told_is_refused(self):
        for field, job in {
            "/workload/random_distribution": {"workload": {"rw": "randwrite", "random_distribution": "zipf:1.2", "verify": "inline"}},
            "/workload/bs": {"workload": {"rw": "randrw", "bs": {"read": "4k", "write": "8k", "trim": "4k"}, "verify": "inline"}},
            "/engine/gift": {"workload": {"rw": "write", "verify": "inline"}, "engine": {"gift": True}},
            "/engine/read_path": {"workload": {"rw": "write", "verify": "inline"}, "engine": {"read_path": "discard"}},
            "/workload/verify": {"workload": {"rw": "trim", "verify": "inline"}},
            "/workload/verify/interval": {"workload": {"rw": "write", "verify": {"mode": "inline", "interval": 8192}}},
            "/stages/0/verify/of": {"stages": [{"verify": {"of": "nobody"}}]},
            "/stages/1/verify/of": {"stages": [{"name": "a", "workload": {"rw": "read"}}, {"verify": {"of": "a"}}]},
            "/stages/0/workload/random_distribution": {"stages": [
                {"name": "a", "workload": {"rw": "randwrite", "random_distribution": "zipf:1"}}, {"verify": {"of": "a"}}]},
            "/stages/0/verify/only": {"stages": [{"verify": {"only": {}}}]},
            "/stages/0/verify/interval": {"stages": [{"verify": {"only": {"adopt": True}, "interval": 4096}}]},
            "/stages/0/verify/verify_distance": {"stages": [{"verify": {"only": {"adopt": True}, "verify_distance": "1M"}}]},
            "/stages/1/verify/interval": {"stages": [
                {"name": "a", "workload": {"rw": "write", "bs": 4096}}, {"verify": {"of": "a", "interval": 8192}}]},
            "/stages/2/verify/interval": {"stages": [
                {"name": "a", "workload": {"rw": "write", "bs": 4096}}, {"verify": {"of": "a", "interval": 512}},
                {"verify": {"of": "a", "interval": 1024}}]},
            "/stages/0/verify": {"stages": [{"verify": {}}]},
            "/criteria/max_mismatches": {"workload": {"rw": "read"}, "criteria": {"max_mismatches": 3}},
        }.items():
            with self.subTest(field=field):
                answer = self.daemon_.call("POST", "/v1/jobs", {"targets": [str(self.path)], "destructive": True} | job)
                self.assertEqual(422, answer.status, answer.raw)
                self.assertEqual([field], [error["pointer"] for error in answer.json["errors"]], answer.json["errors"])

    def test_the_same_job_twice_writes_other_bytes(self):
        seen = []
        for _ in range(2):
            self.assert_clean(self.file_job(self.daemon_, self.path, stages()))
            seen.append(self.path.read_bytes())
        self.assertNotEqual(seen[0], seen[1])
        headers = [format1.parse_header(data) for data in seen]
        self.assertNotEqual(headers[0]["run_id"], headers[1]["run_id"])

    def test_an_independent_reader_reads_what_was_written(self):
        job = self.file_job(self.daemon_, self.path, stages(rw="randwrite", loops=2, seed=77))
        data = self.path.read_bytes()
        run = bytes.fromhex(job["run_id"].replace("-", ""))
        origin = format1.Origin(run, format1.hash_bytes(f"{job['run_id']}#0".encode()), 77)
        self.assertEqual(data, format1.block(origin, 0, SIZE, 2), "each block in the second round")

    def ctl(self, *arguments):
        done = subprocess.run([BIN / "splicectl", "--server", f"unix:{self.daemon_.socket}", *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual("", done.stderr)
        return done.returncode, done.stdout

    def test_a_person_sees_what_is_wrong(self):
        def damage(file, _old):
            file.seek(2 * MIB + 1000)
            byte = file.read(1)[0]
            file.seek(2 * MIB + 1000)
            file.write(bytes([byte ^ 8]))

        job = self.damaged(damage)
        code, text = self.ctl("show", job["id"])
        self.assertEqual(0, code)
        self.assertIn("checked 16.0 MiB in 256 blocks: 1 bitflip", text)
        self.assertIn(f"bitflip at offset {2 * MIB}: bytes 1000 to 1000 of 4096, 1 bits", text)
        one = verified(job)["miscompares"][0]
        row = text[text.index("expected "):].splitlines()
        self.assertEqual(16 + 1, len(row[0].split()), "sixteen bytes, beside the others")
        self.assertIn(" 08 ", row[2] + " ")
        self.assertEqual(one["dump_found"][2 * 488:2 * 489], f"{int(one['dump_expected'][2 * 488:2 * 489], 16) ^ 8:02x}")

    def test_any_block_is_told_without_a_daemon(self):
        job = self.file_job(self.daemon_, self.path, stages(seed=5))
        code, text = self.ctl("block", self.path, "3M", "--length", 1024)
        self.assertEqual((0, 2), (code, len(text.splitlines())))
        for part in ("pass 1 of this place", f"run {job['run_id']}", f"offset {3 * MIB}", "seed 5", "interval 4096", "random"):
            self.assertIn(part, text.splitlines()[0])
        with open(self.path, "r+b") as file:
            file.seek(4096)
            data = file.read(4096)
            file.seek(8192)
            file.write(data)
            file.write(bytes(512))
        sectors = json.loads(self.ctl("block", "--json", self.path, 8192, "--length", 8192)[1])["sectors"]
        self.assertEqual([4096 + 512 * i for i in range(8)], [one["tags"][0]["offset"] for one in sectors[:8]])
        self.assertEqual(("zeros", []), (sectors[8]["what"], sectors[8]["tags"]))
        self.assertEqual(12288 + 512, sectors[9]["tags"][0]["offset"])
        independent = subprocess.run([sys.executable, pathlib.Path(format1.__file__), self.path, "12800", "512"], capture_output=True,
                                     text=True, timeout=60)
        self.assertIn("tag offset 12800, pass 1", independent.stdout)
        for arguments in ((self.path, "x"), (self.path, "99G"), ("/nowhere", 0), (self.path, 0, "--length", "17M")):
            done = subprocess.run([BIN / "splicectl", "block", *map(str, arguments)], capture_output=True, text=True, timeout=60)
            self.assertEqual((2, ""), (done.returncode, done.stdout))
            self.assertRegex(done.stderr, "^splicectl: .")

    def test_what_is_cut_off_is_no_miscompare(self):
        job = self.file_job(self.daemon_, self.path, stages(rw="randwrite", bs=4096, runtime="200ms", time_based=True, workers=3))
        self.assertEqual("PASS", job["verdict"], job["reason"])
        self.assertEqual({}, mismatches(verified(job)))
        slow = self.file_job(self.daemon_, self.path, stages(rw="randwrite", bs=4096, rate_iops=500, runtime="300ms", workers=3))
        verify = verified(slow)
        self.assertEqual(("PASS", {}), (slow["verdict"], mismatches(verify)))
        self.assertGreater(verify["unwritten_bytes"], 0)
        self.assertEqual(SIZE, verify["bytes"] + verify["unwritten_bytes"])


class Metrics(Verify):
    def test_what_is_checked_is_counted(self):
        daemon = self.daemon()
        path = daemon.dir / "target"
        path.write_bytes(bytes(SIZE))
        daemon.run(targets=[str(path)], destructive=True, stages=stages())
        text = daemon.metrics()
        self.assertIn(f'spliced_verify_bytes_total{{device="{path}"}} {SIZE}', text)
        self.assertIn(f'spliced_verify_mismatches_total{{device="{path}",kind="stale"}} 0', text)
        self.assertIn(f'spliced_verify_indeterminate_ranges{{device="{path}"}} 0', text)


if __name__ == "__main__":
    unittest.main()
