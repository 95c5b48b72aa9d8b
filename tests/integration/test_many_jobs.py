# SPDX-License-Identifier: Apache-2.0
"""A store with as many jobs as may be kept."""
import contextlib
import sqlite3
import time
import unittest

from harness import PRESET, TestCase

JOBS = 10_000
TABLES = {"jobs": "id", "devices": "job", "stages": "job", "events": "job"}


@unittest.skipUnless(PRESET == "release", "what is measured is the release build")
class ManyJobs(TestCase):
    ALONE = True  # it is measured how long a start takes, and a list

    def fill(self, directory):
        """Copies of a job that was run."""
        daemon = self.daemon(directory=directory)
        (directory / "target").write_bytes(bytes(65536))
        job = daemon.run(name="one of many", targets=[str(directory / "target")], workload={"rw": "read", "direct": False})
        self.assertEqual(0, daemon.stop())
        with contextlib.closing(sqlite3.connect(directory / "state/state.db")) as store:
            for table, column in TABLES.items():
                names = [row[1] for row in store.execute(f"PRAGMA table_info({table})") if row[1] != "id" or table == "jobs"]
                values = [f"printf('%08d', n) || substr({name}, 9)" if name == column else name for name in names]
                store.execute(f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {JOBS - 1}) "
                              f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table}, numbers WHERE {column} = ?",
                              [job["id"]])
            store.commit()
        return job

    @staticmethod
    def median(call):
        times = []
        for _ in range(9):
            begun = time.monotonic()
            call()
            times.append(time.monotonic() - begun)
        return sorted(times)[4]

    def test_they_take_a_second_to_start_with_and_little_memory(self):
        directory = self.directory()
        job = self.fill(directory)
        begun = time.monotonic()
        daemon = self.daemon("--keep-jobs", JOBS, directory=directory)
        started = time.monotonic() - begun
        page = self.median(lambda: daemon.call("GET", "/v1/jobs"))
        one = self.median(lambda: daemon.call("GET", f"/v1/jobs/00000007{job['id'][8:]}"))
        rss = daemon.rss()
        print(f"\n{JOBS} jobs: {started:.2f} s to start, first page {1000 * page:.1f} ms, a job of the store {1000 * one:.1f} ms, "
              f"{rss / (1 << 20):.0f} MiB resident")
        seen, token = 0, ""
        while token is not None:
            answer = daemon.call("GET", f"/v1/jobs?page_size=500&page_token={token}" if token else "/v1/jobs?page_size=500").json
            seen += len(answer["jobs"])
            token = answer["next_page_token"]
        self.assertEqual(JOBS, seen)
        self.assertEqual("one of many", daemon.call("GET", f"/v1/jobs/00000007{job['id'][8:]}").json["name"])
        self.assertLess(started, 1)
        self.assertLess(page, 0.05)
        self.assertLess(rss, 64 << 20)
