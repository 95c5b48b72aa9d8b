# SPDX-License-Identifier: Apache-2.0
"""What is told of a device whose speed is known: by a throttle of the kernel, and by a server that logs what it did."""
import os
import pathlib
import threading
import time
import unittest

from harness import PRESET, TestCase, need_root

MIB = 1 << 20
# Seconds that each job takes about. From a minute on its time of arrival has to be right.
LONG = int(os.environ.get("SPLICED_TRUTH_SECONDS", "8"))


@need_root
class Truth(TestCase):
    ALONE = True

    def setUp(self):
        if PRESET != "release":
            self.skipTest("a sanitizer adds to every time")

    def throttle(self, device, daemon):
        """A control group with the daemon in it; sets the bytes per second that it may read from the device."""
        root = pathlib.Path("/sys/fs/cgroup/blkio")
        second = not (root / "blkio.throttle.read_bps_device").exists()
        if second:
            root = pathlib.Path("/sys/fs/cgroup")
        group = root / f"spliced-test-{os.getpid()}-{time.monotonic_ns()}"
        try:
            group.mkdir()
            self.addCleanup(self._remove_group, group)
            setting = group / ("io.max" if second else "blkio.throttle.read_bps_device")
            if not setting.exists():
                raise OSError(f"no {setting.name}")
            number = os.stat(device).st_rdev
            name = f"{os.major(number)}:{os.minor(number)}"

            def limit(bytes_per_second):
                setting.write_text(f"{name} rbps={bytes_per_second}" if second else f"{name} {bytes_per_second}")

            limit(1 << 30)
            (group / "cgroup.procs").write_text(str(daemon.pid()))
        except OSError as error:
            self.skipTest(f"no control group that limits I/O can be made here: {error}")
        self.addCleanup(lambda: daemon.process.poll() is None and (root / "cgroup.procs").write_text(str(daemon.pid())))
        return limit

    def throttled(self, seconds, rate):
        """A device that takes so long at that rate, a daemon, and what sets the rate."""
        loop, _ = self.loop(seconds * rate)
        daemon = self.daemon(allow=["/dev/loop*"])
        limit = self.throttle(loop, daemon)
        limit(rate)
        return loop, daemon, limit

    def follow(self, daemon, job):
        """(seconds to its end, ETA, bytes per second) of each moment, when it is over."""
        seen = []
        while True:
            device = daemon.call("GET", f"/v1/jobs/{job}").json["devices"][0]
            now = time.monotonic()
            if device["state"] not in ("PENDING", "RUNNING"):
                return [(now - at, eta, rate) for at, eta, rate in seen], device
            seen.append((now, device["eta_seconds"], device["io"]["read"]["bytes_per_second"]))
            time.sleep(0.25)

    def test_rates_and_the_time_of_arrival_on_a_throttled_device(self):
        rate = 8 * MIB
        loop, daemon, _ = self.throttled(LONG, rate)
        job = daemon.submit(targets=[loop], workload={"rw": "read", "bs": "64k"})["id"]
        seen, device = self.follow(daemon, job)
        told = device["io"]["read"]["bytes_per_second"]
        print(f"\nthrottle {rate}, told {told:.0f} ({told / rate - 1:+.2%})", end=" ")
        self.assertAlmostEqual(1, told / rate, delta=0.01)
        whole = seen[0][0]
        late = [(left, eta) for left, eta, _ in seen if whole - left >= min(60, LONG / 3) and left > 1]
        worst = max(late, key=lambda one: abs(one[1] - one[0]) / one[0])
        print(f"ETA off by {abs(worst[1] - worst[0]) / worst[0]:.1%} at most, {worst[0]:.0f} s before the end", end=" ")
        for left, eta in late:
            self.assertAlmostEqual(left, eta, delta=max(0.2 * left, 0.5))

    def test_the_time_of_arrival_follows_a_step_either_way(self):
        for before, after in ((16 * MIB, 4 * MIB), (4 * MIB, 16 * MIB)):
            with self.subTest(before=before, after=after):
                loop, daemon, limit = self.throttled(LONG // 2 + LONG * after // before // 2, before)
                job = daemon.submit(targets=[loop], workload={"rw": "read", "bs": "64k"})["id"]
                begun = time.monotonic()
                timer = threading.Timer(LONG / 2, limit, [after])
                timer.start()
                self.addCleanup(timer.cancel)
                seen, _ = self.follow(daemon, job)
                end = time.monotonic()
                # As soon as it is right, it stays so.
                stepped = begun + LONG / 2
                wrong = [end - left - stepped for left, eta, _ in seen
                         if end - left > stepped and left > 1 and abs(eta - left) > max(0.2 * left, 0.5)]
                settled = max(wrong, default=0)
                print(f"\n{before >> 20} to {after >> 20} MiB/s: right {settled:.1f} s after the step", end=" ")
                self.assertLess(settled, 3.5, "three seconds, and what is between two looks")

    def test_latencies_are_those_that_the_server_logged(self):
        if "SPLICED_TRUTH_SECONDS" not in os.environ:
            self.skipTest("needs a machine that does nothing else: set SPLICED_TRUTH_SECONDS")
        mount = self.fuse_disk(4 * MIB)
        log = self.directory() / "log"
        daemon = self.daemon(allow=[f"{mount}/"])
        (mount / "control").write_text("delay 2 20 10 50 30\n")
        (mount / "control").write_text(f"log {log}\n")
        job = daemon.submit(targets=[str(mount / "disk")],
                            workload={"rw": "randread", "bs": "4k", "time_based": True, "runtime": LONG})["id"]
        device = daemon.wait(job, LONG + 60)["devices"][0]
        self.assertEqual("PASS", device["verdict"], device)
        took = sorted(int(line) / 1e6 for line in log.read_text().split())
        read = device["io"]["read"]
        self.assertLess(abs(len(took) - read["operations"]), 5, "one request for each operation")
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            logged = took[min(len(took) - 1, int(len(took) * share))]
            told = read["latency_seconds"][name]
            print(f"\n{name}: logged {logged * 1e3:.3f} ms, told {told * 1e3:.3f} ms", end=" ")
            self.assertAlmostEqual(logged, told, delta=0.02 * logged + 100e-6)


if __name__ == "__main__":
    unittest.main()
