"""The metrics before a real Prometheus, and every query of the dashboard."""
import json
import re
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.parse
import urllib.request

from harness import ROOT, TestCase, await_true


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
        for series in ('spliced_io_errors_total{device="%s",op="read",error="io"} 0' % path,
                       'spliced_pipe_resets_total{device="%s"} 0' % path,
                       'spliced_vmsplice_fallbacks_total{device="%s",from="copy",to="read",reason="EPERM"} 0' % path):
            self.assertIn(series, text)

    def test_control_and_metrics_listener_tell_the_same(self):
        daemon = self.daemon()
        names = [set(re.findall(r"^# TYPE (\S+)", text, re.M))
                 for text in (daemon.metrics(), daemon.call("GET", "/metrics").raw.decode())]
        names[1].discard("spliced_http_requests_total")
        self.assertLessEqual(names[1], names[0] | {"spliced_http_request_duration_seconds"})


class Dashboard(TestCase):
    def prometheus(self, daemon):
        directory = self.directory("/tmp")
        config = (ROOT / "packaging/prometheus/prometheus.yml").read_text()
        config = config.replace("127.0.0.1:9650", f"127.0.0.1:{daemon.metrics_port}").replace("5s", "1s")
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

    def test_every_query_of_the_dashboard_has_an_answer(self):
        if not shutil.which("prometheus"):
            self.skipTest("no prometheus")
        daemon = self.daemon()
        daemon.submit(targets=[str(daemon.dir / "scratch")], destructive=True, workload={
            "rw": "randrw", "bs": "4k", "size": "1M", "time_based": True, "runtime": "1h", "rate_iops": 500, "direct": False})
        server = self.prometheus(daemon)
        dashboard = json.loads((ROOT / "packaging/grafana/spliced.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.assertGreater(len(expressions), 8)
        for expression in expressions:
            for name, value in (("$__rate_interval", "10s"), ("$__range", "10s"), ("$device", ".*")):
                expression = expression.replace(name, value)
            self.assertNotIn("$", expression)
            await_true(lambda: self.query(server, expression), f"an answer to {expression}", 30)
        known = set(re.findall(r"^# TYPE (\S+)", daemon.metrics(), re.M))
        used = {name for expression in expressions for name in re.findall(r"spliced_[a-z_]+", expression)}
        self.assertLessEqual({re.sub("_bucket$", "", name) for name in used}, known)


if __name__ == "__main__":
    unittest.main()
