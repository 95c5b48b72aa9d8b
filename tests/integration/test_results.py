# SPDX-License-Identifier: Apache-2.0
"""Results of real jobs: what is in them, that they are judged as the daemon judged, and that a change is noticed."""
import contextlib
import importlib.util
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import unittest

from harness import BIN, ROOT, TestCase, await_true, need_root

MIB = 1 << 20
SCHEMA_FILE = ROOT / "api/results.schema.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text())
SIZE = 67 * MIB  # no device of another test has it


@need_root
class Results(TestCase):
    def setUp(self):
        self.tmp = pathlib.Path(self.directory())

    def open(self, *arguments, **options):
        self.current = self.daemon(*arguments, allow=["/dev/loop*"], **options)
        return self.current

    def ctl(self, *arguments):
        return subprocess.run([BIN / "splicectl", "--server", f"unix:{self.current.socket}", *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)

    def results(self, job_id, device=""):
        answer = self.current.call("GET", f"/v1/jobs/{job_id}/results" + (f"?device={device}" if device else ""))
        self.assertEqual(200, answer.status, answer.raw)
        path = self.tmp / f"{job_id}{device.replace('/', '_')}.json"
        path.write_bytes(answer.raw)
        self.assert_fits_the_schema(answer.json)
        return path, answer.json

    def assert_fits_the_schema(self, document):
        try:
            import jsonschema
        except ImportError:
            return  # the next test says so
        jsonschema.Draft202012Validator(SCHEMA).validate(document)

    def test_the_schema_is_that_of_the_interface(self):
        for module, package in (("jsonschema", "python3-jsonschema"), ("yaml", "python3-yaml")):
            if importlib.util.find_spec(module) is None:
                self.skipTest(f"no {package} for {sys.executable}: documents are not validated")
        made = subprocess.run([sys.executable, ROOT / "tests/results_schema.py"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(made, SCHEMA_FILE.read_text(), "tests/results_schema.py --write makes it anew")
        import jsonschema
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        for wrong in ({}, {"format": 1}, {"format": 2, "devices": []}):
            self.assertFalse(jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong))

    def assert_agrees(self, path, verdict, code):
        done = self.ctl("judge", "--json", path)
        self.assertEqual("", done.stderr)
        judged = json.loads(done.stdout)
        self.assertEqual([], judged["differences"] + [line for one in judged["devices"] for line in one["differences"]])
        self.assertTrue(judged["agrees"])
        self.assertEqual(verdict, judged["verdict"])
        self.assertEqual(code, done.returncode)
        return judged

    def test_a_job_with_stages_of_all_kinds_can_be_judged_again(self):
        self.open()
        loop = self.loop(SIZE)[0]
        stages = [{"name": "fill", "workload": {"rw": "write", "bs": "64k"}},
                  {"name": "check", "verify": {"of": "fill"}},
                  {"name": "rest", "wait": "200ms"},
                  {"name": "mix", "workload": {"rw": "randrw", "bs": "4k", "runtime": "2s", "time_based": True}},
                  {"name": "scan", "workload": {"rw": "read", "bs": "1M"}}]
        job = self.current.run(targets=[loop], stages=stages, destructive=True,
                               criteria={"latency": {"read": {"p99": "10s"}}, "min_rate": {"write": "1kB"}, "min_coverage": "100%",
                                         "max_slow_zone": "12% if measurable"})
        path, document = self.results(job["id"])
        device, = document["devices"]
        self.assertEqual((1, 1, job["id"]), (document["format"], document["device_count"], document["job"]["id"]))
        figures = {stage["name"]: stage["figures"] for stage in device["stages"]}
        bands = figures["fill"]["bands"]["write"]
        self.assertEqual(SIZE, sum(bands["bytes"]))
        self.assertEqual(SIZE, bands["size_bytes"])
        self.assertIsNone(figures["fill"]["bands"]["read"])
        self.assertEqual(SIZE // 65536, figures["fill"]["latency"]["write"]["count"])
        self.assertEqual(SIZE, sum(figures["check"]["bands"]["read"]["bytes"]))
        points = device["over_time"]["points"]
        self.assertGreaterEqual(len(points), 2)
        starts = [point["start_seconds"] for point in points]
        self.assertEqual(sorted(starts), starts)
        moved = sum(point[op]["bytes_per_second"][0] * point["length_seconds"] for point in points for op in ("read", "write")
                    if op in point)
        counted = sum(device["io"][op]["bytes"] for op in ("read", "write"))
        self.assertLess(abs(moved - counted), 0.1 * counted)
        judged = self.assert_agrees(path, "INCONCLUSIVE" if job["verdict"] == "INCONCLUSIVE" else "PASS", 6 if job["verdict"] == "INCONCLUSIVE" else 0)
        self.assertEqual(judged["devices"][0]["stages"], judged["devices"][0]["stages_worked_out"])

    def test_what_failed_is_judged_so_again_and_names_its_place(self):
        self.open()
        mount = self.fuse_disk(SIZE, "uncached")
        loop = self.loop(image=mount / "disk")[0]
        (mount / "control").write_text(f"damage read flipped {17 * MIB} 4096 7")
        job = self.current.run(targets=[loop], destructive=True, error_policy={"max_errors": 1000},
                               stages=[{"name": "fill", "workload": {"rw": "write", "bs": "64k"}},
                                       {"name": "check", "verify": {"of": "fill"}}])
        path, document = self.results(job["id"])
        damage = document["devices"][0]["stages"][1]["figures"]["damage"]
        self.assertEqual([{"band": 0, "kind": "bitflip", "count": 1}], damage)
        self.assertEqual(1, len(document["devices"][0]["stages"][1]["verify"]["miscompares"]))
        self.assert_agrees(path, "FAIL", 1)

    def test_of_several_devices_there_is_a_summary_and_each_by_itself(self):
        self.open()
        loops = [self.loop(SIZE + i * MIB)[0] for i in range(3)]
        job = self.current.run(targets=loops, workload={"rw": "read", "bs": "1M"}, criteria={"max_peer_deviation": "50% if measurable"})
        path, document = self.results(job["id"])
        self.assertEqual(3, len(document["devices"]))
        self.assertEqual([None] * 3, [one["over_time"] for one in document["devices"]])
        self.assert_agrees(path, "PASS", 0)
        name = pathlib.Path(loops[1]).name
        for device in (name, loops[1]):
            path, document = self.results(job["id"], device)
            self.assertEqual([name], [one["device"] for one in document["devices"]])
            self.assertIsNotNone(document["devices"][0]["over_time"])
            self.assertEqual(3, document["device_count"])
            self.assertTrue(self.assert_agrees(path, "PASS", 0)["partial"])
        answer = self.current.call("GET", f"/v1/jobs/{job['id']}/results?device=nowhere")
        self.assertEqual(404, answer.status)
        self.assertIn("nowhere", answer.json["detail"])
        self.assertEqual(404, self.current.call("GET", "/v1/jobs/none/results").status)
        self.assertEqual(400, self.current.call("GET", f"/v1/jobs/{job['id']}/results?devise=x").status)

    def test_they_outlive_the_daemon_and_a_job_goes_on_with_them(self):
        state = self.directory()
        self.open(directory=state)
        loop = self.loop(SIZE)[0]
        stages = [{"name": "fill", "workload": {"rw": "write", "bs": "64k"}},
                  {"name": "check", "verify": {"of": "fill"}},
                  {"name": "slow", "workload": {"rw": "randread", "bs": "4k", "rate_iops": 1000, "size": "24000k"}}]
        id_ = self.current.submit_to_go_on(targets=[loop], stages=stages, destructive=True, criteria={"min_coverage": "100%"})["id"]
        device = lambda: self.current.call("GET", f"/v1/jobs/{id_}").json["devices"][0]
        await_true(lambda: device()["stage"] == "slow" and device()["stages"][2]["io"]["read"]["operations"] > 2500, "half of it", 60)
        path, running = self.results(id_)
        self.assert_agrees(path, None, 5)
        self.assertIsNone(running["job"]["verdict"])
        self.assertGreaterEqual(len(running["devices"][0]["over_time"]["points"]), 2)
        self.assertEqual(SIZE, sum(running["devices"][0]["stages"][0]["figures"]["bands"]["write"]["bytes"]))
        self.current.stop()
        self.open(directory=state)
        job = self.current.wait(id_)
        self.assertEqual("PASS", job["verdict"], job["reason"])
        path, document = self.results(id_)
        self.assert_agrees(path, "PASS", 0)
        points = document["devices"][0]["over_time"]["points"]
        self.assertGreater(len(points), len(running["devices"][0]["over_time"]["points"]))
        self.assertEqual(running["devices"][0]["over_time"]["began_at"], document["devices"][0]["over_time"]["began_at"])
        slow = document["devices"][0]["stages"][2]["figures"]
        self.assertEqual(6000, slow["latency"]["read"]["count"] + document["devices"][0]["io"]["read"]["operations_across_pause"])
        self.current.stop()
        self.open(directory=state)
        again = self.results(id_)[1]
        for one in (document, again):
            del one["made_at"], one["sha256"]
        self.assertEqual(document, again)

    def test_a_job_that_nobody_goes_on_with_is_judged_by_what_was_recorded(self):
        state = self.directory()
        self.open(directory=state)
        mount = self.fuse_disk(SIZE, "uncached")
        loop = self.loop(image=mount / "disk")[0]
        (mount / "control").write_text(f"fail read {5 * MIB} 4096 5")
        id_ = self.current.submit(targets=[loop], stages=[{"name": "scan", "workload": {"rw": "read", "bs": "1M"}},
                                                          {"name": "slow", "workload": {"rw": "read", "bs": "4k", "rate_iops": 10}}],
                                  criteria={"min_coverage": "100%"}, error_policy={"max_errors": 1000})["id"]
        job = lambda: self.current.call("GET", f"/v1/jobs/{id_}").json
        await_true(lambda: job()["devices"][0]["stage"] == "slow", "the second stage", 60)
        if not job()["devices"][0]["io"]["read"]["errors"]:
            self.skipTest("this FUSE disk fails no read on demand")
        self.assertIsNone(job()["verdict"])
        await_true(lambda: self.stored_errors(state, id_), "the error to be on record", 30)
        self.current.process.kill()
        self.current.process.wait()
        self.open(directory=state)
        self.assertEqual(("INTERRUPTED", "FAIL"), (job()["state"], job()["verdict"]))
        path, document = self.results(id_)
        self.assertIsNotNone(document["devices"][0]["stages"][0]["figures"], "of the stage that had ended")
        self.assert_agrees(path, "FAIL", 1)

    def test_what_is_on_record_as_ended_has_its_figures_whatever_comes_next(self):
        """A kill at the moment at which the end is on the disk."""
        for _ in range(3):
            state = self.directory()
            self.open(directory=state)
            id_ = self.current.submit(targets=[self.loop(SIZE)[0]], workload={"rw": "read", "bs": "1M"})["id"]
            await_true(lambda: self.has_ended(state, id_), "the end to be on record", 30)
            self.current.process.kill()
            self.current.process.wait()
            self.open(directory=state)
            path, document = self.results(id_)
            self.assertEqual("PASS", document["job"]["verdict"])
            self.assertEqual(SIZE, sum(document["devices"][0]["stages"][0]["figures"]["bands"]["read"]["bytes"]))
            self.assertIsNotNone(document["devices"][0]["over_time"])
            self.assert_agrees(path, "PASS", 0)
            self.current.stop()

    @staticmethod
    def has_ended(state, id_):
        with contextlib.closing(sqlite3.connect(f"file:{state}/state/state.db?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM jobs WHERE id=? AND ended_ms IS NOT NULL", (id_,)).fetchall()

    @staticmethod
    def stored_errors(state, id_):
        database = sqlite3.connect(f"file:{state}/state/state.db?mode=ro", uri=True)
        with contextlib.closing(database):
            rows = database.execute("SELECT figures FROM devices WHERE job=?", (id_,)).fetchall()
        return rows and json.loads(rows[0][0])["io"]["read"]["errors"] and json.loads(rows[0][0])["stage"] == "slow"

    def test_a_signature_and_a_changed_byte(self):
        key, public, other = self.tmp / "key.pem", self.tmp / "public.pem", self.tmp / "other.pem"
        for path in (key, other):
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
            path.chmod(0o600)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
        self.open("--results-key", str(key), "--results-key-name", "intake line 7")
        job = self.current.run(targets=[self.loop(SIZE)[0]], workload={"rw": "read", "bs": "1M", "size": "4M"})
        file = self.tmp / "results.json"
        done = self.ctl("results", job["id"], "-o", file)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertEqual(["intake line 7"], [json.loads(file.read_text())["signer"]["name"]])
        for arguments in ((), ("--public-key", public)):
            done = self.ctl("check", file, *arguments)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn('"intake line 7"', done.stdout)
        done = self.ctl("check", file, "--public-key", other)
        self.assertEqual(4, done.returncode)
        self.assertIn("signed by the key", done.stderr)
        # Anybody can verify it without this program.
        document = json.loads(file.read_text())
        (self.tmp / "message").write_text("spliced results sha256:" + document["sha256"])
        (self.tmp / "signature").write_bytes(bytes.fromhex(document["signature"]))
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", self.tmp / "message",
                        "-sigfile", self.tmp / "signature"], check=True, capture_output=True)
        raw = file.read_bytes()
        draw = random.Random(7)
        for at in [0, len(raw) - 1, len(raw) - 100, *draw.sample(range(len(raw)), 40)]:
            changed = bytearray(raw)
            changed[at] ^= 1 << draw.randrange(8)
            file.write_bytes(changed)
            self.assertEqual(4, self.ctl("check", file).returncode, at)
        file.write_bytes(raw[:-1])
        self.assertEqual(4, self.ctl("check", file).returncode)
        file.write_text(json.dumps(json.loads(raw), indent=2))
        self.assertIn("laid out anew", self.ctl("check", file).stderr)

    def test_what_is_none_is_refused_in_words(self):
        self.open()
        for text in ("", "{}", "[1]", "nothing", '{"format": 2}', '{"format": 1}', '{"format": 1, "job": {}, "devices": [{"stages": [{}]}]}',
                     '{"format": 1, "job": 7, "devices": {"a": 1}}', "[" * 100_000, "[" * 100_000 + "]" * 100_000,
                     '{"format": 1, "job": {"run_id": "x", "y": ' + "[" * 100_000 + "]" * 100_000 + '}, "devices": []}'):
            file = self.tmp / "none.json"
            file.write_text(text)
            for deed in ("judge", "check"):
                done = self.ctl(deed, file)
                self.assertIn(done.returncode, (4, 5), (deed, text[:40], done.stdout))
                self.assertNotEqual("", done.stderr)
        self.assertEqual(2, self.ctl("judge", self.tmp / "missing").returncode)
        self.assertEqual(2, self.ctl("check", file, "--public-key", file).returncode)
        self.assertEqual(4, self.ctl("results", "none", "-o", self.tmp / "out").returncode)
        self.assertEqual([], list(self.tmp.glob("out*")))
        self.assertEqual(2, self.ctl("results", "none", "-o", self.tmp / "nowhere/out").returncode)


if __name__ == "__main__":
    unittest.main()
