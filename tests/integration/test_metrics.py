# SPDX-License-Identifier: Apache-2.0
"""The metrics before a real Prometheus, and every query of the dashboard."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

from harness import ROOT, SLOW, TestCase, await_true


class Metrics(TestCase):
    def test_promtool_has_no_complaint(self):
        if not shutil.which("promtool"):
            self.skipTest("no promtool")
        daemon = self.daemon()
        daemon.run(targets=[str(daemon.dir / 'odd "name"\\')], destructive=True, name='quotes " and \\',
                   workload={"rw": "randrw", "bs": "4k", "size": "1M", "direct": False})
        done = subprocess.run(["promtool", "check", "metrics"], input=daemon.metrics(), capture_output=True, text=True)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_counters_outlive_jobs(self):
        daemon = self.daemon()
        path = str(daemon.dir / "scratch")
        for n in (1, 2, 3):
            daemon.run(targets=[path], destructive=True, workload={"rw": "write", "bs": "4k", "size": "1M", "direct": False})
            self.assertEqual(n << 20, daemon.metric("spliced_io_bytes_total", device=path, op="write"))
            self.assertEqual(n, daemon.metric("spliced_jobs_finished_total", state="SUCCEEDED", verdict="PASS"))

    def test_known_series_begin_at_zero(self):
        daemon = self.daemon()
        path = str(daemon.dir / "scratch")
        daemon.run(targets=[path], destructive=True, workload={"rw": "write", "bs": "4k", "size": "4k", "direct": False})
        text = daemon.metrics()
        for series in ('spliced_io_errors_total{device="%s",error="io"} 0' % path,
                       'spliced_pipe_resets_total{device="%s"} 0' % path,
                       'spliced_vmsplice_fallbacks_total{device="%s",from="vmsplice",to="write",reason="EPERM"} 0' % path):
            self.assertIn(series, text)
        self.assertNotIn('op="read"', text)

    def gauges(self, daemon, device):
        """The names of its gauges."""
        text = daemon.metrics()
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)", text, re.M))
        return {name for name, labels in re.findall(r"^(spliced_[a-z_]+)\{(.*)\} ", text, re.M)
                if types.get(name) == "gauge" and f'device="{device}"' in labels}

    def test_gauges_go_and_follow_and_counters_stay(self):
        with open(self.directory() / "image", "wb") as image:
            image.truncate(8 << 20)
        loop, _ = self.loop(image=image.name)
        name = os.path.basename(loop)
        daemon = self.daemon(allow=["/dev/loop*"])
        path = daemon.dir / "file"
        path.write_bytes(bytes(1 << 20))
        for target, device, size in ((loop, name, 8 << 20), (str(path), str(path), 1 << 20)):
            daemon.run(targets=[target], workload={"bs": "64k", "direct": False})
            self.assertEqual(size, daemon.metric("spliced_device_capacity_bytes", device=device))
            self.assertEqual(1, daemon.metric("spliced_device_last_verdict", device=device, verdict="PASS"))
        os.truncate(image.name, 12 << 20)
        subprocess.run(["losetup", "-c", loop], check=True)
        os.truncate(path, 3 << 20)
        await_true(lambda: daemon.metric("spliced_device_capacity_bytes", device=name) == 12 << 20, "the loop device to grow")
        await_true(lambda: daemon.metric("spliced_device_capacity_bytes", device=str(path)) == 3 << 20, "the file to grow")
        subprocess.run(["losetup", "-d", loop], check=True)
        path.unlink()
        for device, size in ((name, 8 << 20), (str(path), 1 << 20)):
            await_true(lambda: not self.gauges(daemon, device), f"the gauges of {device} to go")
            self.assertEqual(size, daemon.metric("spliced_io_bytes_total", device=device, op="read"))

    def test_a_file_server_that_hangs_holds_up_no_scrape(self):
        mount, server = self.fuse_disk_and_server(1 << 20)
        daemon = self.daemon(allow=[f"{mount}/"])
        daemon.run(targets=[str(mount / "disk")], workload={"bs": "64k", "direct": False})
        server.send_signal(signal.SIGSTOP)
        self.addCleanup(server.send_signal, signal.SIGCONT)
        for _ in range(20):
            begun = time.monotonic()
            self.assertEqual(1 << 20, daemon.metric("spliced_device_capacity_bytes", device=str(mount / "disk")))
            self.assertLess(time.monotonic() - begun, 0.25 * SLOW)
            time.sleep(0.1)  # so that there are several looks

    def test_a_device_has_few_series(self):
        loop, _ = self.loop(8 << 20)
        idle, _ = self.loop(8 << 20)
        daemon = self.daemon(allow=[loop, idle])
        daemon.run(targets=[loop], destructive=True, workload={"rw": "randrw", "bs": "64k", "end_fsync": True})
        daemon.submit(targets=[loop], workload={"rw": "read", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 10})
        count = {device: len(re.findall(rf'^spliced_.*device="{os.path.basename(device)}"', daemon.metrics(), re.M))
                 for device in (loop, idle)}
        self.assertLessEqual(count[loop], 120)
        self.assertLessEqual(count[idle], 30)
        self.assertGreater(min(count.values()), 5)

    def test_control_and_metrics_listener_tell_the_same(self):
        daemon = self.daemon()
        names = [set(re.findall(r"^# TYPE (\S+)", text, re.M))
                 for text in (daemon.metrics(), daemon.call("GET", "/metrics").raw.decode())]
        names[1].discard("spliced_http_requests_total")
        self.assertLessEqual(names[1], names[0] | {"spliced_http_request_duration_seconds"})


class Dashboard(TestCase):
    def prometheus(self, *daemons):
        directory = self.directory("/tmp")
        config = (ROOT / "packaging/prometheus/prometheus.yml").read_text()
        targets = ", ".join(f'"127.0.0.1:{daemon.metrics_port}"' for daemon in daemons)
        config = config.replace('"127.0.0.1:9650"', targets).replace("5s", "1s")
        (directory / "prometheus.yml").write_text(config)
        subprocess.run(["promtool", "check", "config", directory / "prometheus.yml"], check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = open(directory / "log", "wb")
        self.addCleanup(log.close)
        server = subprocess.Popen(["prometheus", f"--config.file={directory}/prometheus.yml",
                                   f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}"],
                                  stdout=log, stderr=log)

        def end():
            server.send_signal(signal.SIGTERM)
            server.wait(30)

        self.addCleanup(end)
        return f"http://127.0.0.1:{port}"

    def query(self, server, expression):
        url = f"{server}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []

    def dashboard(self):
        return json.loads((ROOT / "packaging/grafana/spliced.json").read_text())

    def expressions(self):
        return [target["expr"] for panel in self.dashboard()["panels"] for target in panel["targets"]]

    def two_hosts(self):
        """Two daemons that have a device of the same name, with errors, operations in flight and a verdict."""
        mount = self.fuse_disk(1 << 20)
        bad, _ = self.loop(image=mount / "disk")
        good, _ = self.loop(1 << 20)
        (mount / "control").write_text("delay 20\n")
        (mount / "control").write_text("fail read 65536 131072 5\n")
        daemons = [self.daemon(allow=["/dev/loop*"]) for _ in range(2)]
        server = self.prometheus(*daemons)
        for daemon in daemons:
            await_true(lambda: self.query(server, f'up{{instance="127.0.0.1:{daemon.metrics_port}"}} == 1'), "the scrape", 30)
            reading = {"allow_in_use": True, "workload": {"rw": "read", "bs": "64k"}}
            self.assertEqual("PASS", daemon.run(targets=[good], **reading)["verdict"])
            reading["workload"].update(runtime="1h", time_based=True)
            daemon.submit(targets=[bad], error_policy={"max_errors": 1 << 30}, **reading)
        return server, daemons

    def test_every_query_keeps_two_hosts_apart(self):
        if not shutil.which("prometheus"):
            self.skipTest("no prometheus")
        server, daemons = self.two_hosts()
        instances = {f"127.0.0.1:{daemon.metrics_port}" for daemon in daemons}
        self.assertGreater(len(self.expressions()), 10)
        for expression in self.expressions():
            for name, value in (("$__rate_interval", "10s"), ("$device", ".*"), ("$instance", ".*"), ("$job", ".*")):
                expression = expression.replace(name, value)
            self.assertNotIn("$", expression)

            def apart():
                lines = [result["metric"] for result in self.query(server, expression)]
                return {line.get("instance") for line in lines} == instances and all(line.get("job") for line in lines)

            await_true(apart, f"both hosts in {expression}", 30)
        known = set(re.findall(r"^# TYPE (\S+)", daemons[0].metrics(), re.M))
        used = {name for expression in self.expressions() for name in re.findall(r"spliced_[a-z_]+", expression)}
        self.assertLessEqual({re.sub("_bucket$", "", name) for name in used}, known)

    def test_every_query_and_legend_has_the_host(self):
        dashboard = self.dashboard()
        self.assertFalse(dashboard["editable"])
        self.assertLessEqual({"job", "instance", "device"}, {one["name"] for one in dashboard["templating"]["list"]})
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                self.assertIn("{{instance}}", target["legendFormat"], panel["title"])
                chosen = re.findall(r"spliced_[a-z_]+\{([^}]*)\}", target["expr"])
                self.assertEqual(len(re.findall(r"spliced_[a-z_]+", target["expr"])), len(chosen), target["expr"])
                for selector in chosen:
                    self.assertIn('job=~"$job",instance=~"$instance"', selector)
                for grouping in re.findall(r"(?:by|on) \(([^)]*)\)", target["expr"]):
                    self.assertTrue(grouping.startswith("job, instance, device"), grouping)
                for window in re.findall(r"\[([^]]*)\]", target["expr"]):
                    self.assertEqual("$__rate_interval", window)
            seconds = ["_seconds" in target["expr"] for target in panel["targets"]]
            self.assertEqual(1, len(set(seconds)), f"seconds and counts on one axis: {panel['title']}")


if __name__ == "__main__":
    unittest.main()
