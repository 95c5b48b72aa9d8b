# SPDX-License-Identifier: Apache-2.0
"""Many and large jobs: what the start, the list and whole documents cost."""
import os
import pathlib
import subprocess
import threading
import time
import unittest

import job_database
from harness import SLOW, PRESET, TestCase

JOBS = int(os.environ.get("SPLICED_LIST_JOBS", 100 if SLOW == 1 else 20))  # 1000 is what a daemon keeps: 1.5 GB of documents
DEVICES, ERRORS = 24, 256
READERS = 4 if SLOW == 1 else 1  # a sanitizer makes each ten times as long
MIB = 1 << 20


class Lists(TestCase):
    def full(self, jobs, version=3):
        """A directory with a state database of so many jobs, and their ids."""
        directory = self.directory(os.environ.get("SPLICED_LIST_DIR", "/dev/shm"))
        (directory / "state").mkdir()
        return directory, job_database.make(directory / "state" / "state.db", jobs, DEVICES, ERRORS, version)

    def stream(self, daemon, path):
        """How many bytes, seconds and complete answers it took; nothing is kept."""
        done = subprocess.run(["curl", "-sS", "--unix-socket", daemon.socket, "-o", "/dev/null", "-w",
                               "%{http_code} %{size_download} %{time_total}", f"http://localhost{path}"],
                              capture_output=True, text=True, check=True)
        code, size, seconds = done.stdout.split()
        self.assertEqual("200", code)
        return int(size), float(seconds)

    def small(self, daemon, limit):
        if PRESET not in ("asan", "tsan"):  # what they add to the memory is their own
            self.assertLess(self.peak(daemon), limit * MIB)

    def peak(self, daemon):
        lines = pathlib.Path(f"/proc/{daemon.pid()}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    @unittest.skipIf(PRESET == "tsan", "so many documents take minutes under ThreadSanitizer")
    def test_the_start_loads_no_documents_and_the_longest_pages_fit_into_memory(self):
        directory, ids = self.full(JOBS)
        begun = time.monotonic()
        daemon = self.daemon(directory=directory)
        self.assertLess(time.monotonic() - begun, 2 * SLOW)
        self.small(daemon, 64)
        begun = time.monotonic()
        page = daemon.call("GET", "/v1/jobs?page_size=500").json
        self.assertLess(time.monotonic() - begun, 1 * SLOW)
        self.assertEqual(list(reversed(ids))[:500], [job["id"] for job in page["jobs"]])
        self.assertEqual(DEVICES * ERRORS, page["jobs"][0]["errors"])
        self.small(daemon, 80)
        sizes = []
        readers = [threading.Thread(target=lambda: sizes.append(self.stream(daemon, "/v1/jobs?view=full")))
                   for _ in range(READERS)]
        for reader in readers:
            reader.start()
        slowest = 0
        while any(reader.is_alive() for reader in readers):
            begun = time.monotonic()
            self.assertEqual(404, daemon.call("GET", "/v1/jobs/none").status)
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.02)
        for reader in readers:
            reader.join()
        self.assertEqual(READERS, len(sizes))
        self.assertGreater(min(size for size, _ in sizes), 20 * DEVICES * ERRORS * 100)
        self.assertLess(slowest, 1 * SLOW)
        self.small(daemon, 200)
        print(f"\n{JOBS} jobs: peak {self.peak(daemon) / MIB:.0f} MiB, {READERS} pages of "
              f"{sizes[0][0] / MIB:.0f} MiB in {max(s for _, s in sizes):.1f} s, others waited {slowest:.2f} s at most")
        daemon.stop()

    def test_a_whole_job_is_what_was_stored(self):
        directory, ids = self.full(2)
        daemon = self.daemon(directory=directory)
        job = daemon.call("GET", f"/v1/jobs/{ids[0]}").json
        self.assertEqual(DEVICES, len(job["devices"]))
        self.assertEqual(ERRORS, len(job["devices"][-1]["errors"]))
        both = daemon.call("GET", "/v1/jobs?view=full").json
        self.assertEqual([ids[1], ids[0]], [j["id"] for j in both["jobs"]])
        self.assertEqual(job, both["jobs"][1])
        self.assertIsNone(both["next_page_token"])
        daemon.stop()

    def test_a_database_of_the_version_before_is_taken_over(self):
        directory, ids = self.full(30, version=2)
        begun = time.monotonic()
        daemon = self.daemon(directory=directory)
        self.assertLess(time.monotonic() - begun, 2 * SLOW)
        self.small(daemon, 64)
        page = daemon.call("GET", "/v1/jobs").json["jobs"]
        self.assertEqual(list(reversed(ids)), [job["id"] for job in page])
        self.assertEqual(DEVICES, page[0]["device_count"])
        job = daemon.call("GET", f"/v1/jobs/{ids[3]}").json
        self.assertEqual(ERRORS, len(job["devices"][5]["errors"]))
        self.small(daemon, 100)
        daemon.stop()


if __name__ == "__main__":
    unittest.main()
