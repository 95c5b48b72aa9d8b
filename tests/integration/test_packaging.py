"""What is shipped beside the programs."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import BIN, PRESET, ROOT, TestCase, need_root


class Packaging(TestCase):
    @need_root
    def test_systemd_has_no_complaint_about_the_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        # The unit names the installed program and its manual: they are installed on an overlay of /usr that nobody else sees.
        work = self.directory()
        script = f"""
          mkdir -p {work}/upper {work}/work
          mount -t overlay overlay -o lowerdir=/usr,upperdir={work}/upper,workdir={work}/work /usr || exit 77
          install -D {BIN}/spliced /usr/bin/spliced && install -D {BIN}/splicectl /usr/bin/splicectl
          install -D -m 644 {ROOT}/packaging/man/spliced.8 /usr/share/man/man8/spliced.8
          systemd-analyze verify {ROOT}/systemd/*.service
        """
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
        if done.returncode == 77:
            self.skipTest(f"no overlay can be mounted here: {done.stderr.strip()}")
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_the_unit_is_well_guarded(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=45",
                               str(ROOT / "systemd/spliced.service")], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout[-1500:])

    def test_every_example_is_valid(self):
        daemon = self.daemon()
        for path in sorted((ROOT / "api/examples").glob("*.json")):
            answer = daemon.call("POST", "/v1/jobs:validate", json.loads(path.read_text()))
            self.assertEqual(200, answer.status, (path, answer.raw))

    def test_the_openapi_document_passes_its_linter(self):
        if PRESET != "release":
            self.skipTest("once is enough")
        if not shutil.which("npx"):
            self.skipTest("no npx")
        done = subprocess.run(["npx", "--yes", "@redocly/cli", "lint", str(ROOT / "api/openapi.yaml")],
                              capture_output=True, text=True, timeout=300, cwd=self.directory("/tmp"),
                              env={**os.environ, "REDOCLY_TELEMETRY": "off"})
        if "npm error" in done.stderr:
            self.skipTest(f"npm cannot fetch the linter here: {done.stderr.strip().splitlines()[0]}")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertNotIn("Warning was generated", done.stdout + done.stderr)

    def test_scripts_are_valid_shell(self):
        for name in ("packaging/quickstart", "packaging/install-deps", "tests/run", ".ci/run",
                     "packaging/completions/splicectl.bash"):
            path = pathlib.Path(ROOT / name)
            self.assertEqual(0, subprocess.run(["bash", "-n", path]).returncode, name)

    def test_completion_knows_every_command(self):
        text = subprocess.run([BIN / "splicectl", "--help"], capture_output=True, text=True).stdout
        completion = (ROOT / "packaging/completions/splicectl.bash").read_text()
        for command in ("submit", "run", "list", "show", "cancel", "devices", "capabilities"):
            self.assertIn(command, text)
            self.assertIn(command, completion)

    def test_manuals_name_every_flag(self):
        for program, manual in (("spliced", "spliced.8"), ("splicectl", "splicectl.1")):
            shown = subprocess.run([BIN / program, "--help"], capture_output=True, text=True).stdout
            page = (ROOT / "packaging/man" / manual).read_text().replace("\\-", "-")
            flags = set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", shown, re.M))
            self.assertGreater(len(flags), 4)
            self.assertEqual(set(), {flag for flag in flags if flag not in page}, manual)


if __name__ == "__main__":
    unittest.main()
