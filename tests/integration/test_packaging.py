# SPDX-License-Identifier: Apache-2.0
"""What is shipped beside the programs."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from certificates import Authority
from harness import BIN, PRESET, ROOT, TestCase, need_root


class Packaging(TestCase):
    def install(self, prefix="/usr"):
        """What cmake installs, below a directory of its own."""
        root = self.directory()
        done = subprocess.run(["cmake", "--install", BIN.parent, "--prefix", prefix], capture_output=True, text=True,
                              env={**os.environ, "DESTDIR": str(root)})
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return root

    @need_root
    def test_systemd_has_no_complaint_about_the_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        # The unit names the installed program and its manual: they are installed on an overlay of /usr that nobody else sees.
        work, root = self.directory(), self.install()
        script = f"""
          mkdir -p {work}/upper {work}/work
          mount -t overlay overlay -o lowerdir=/usr,upperdir={work}/upper,workdir={work}/work /usr || exit 77
          cp -a {root}/usr/. /usr/
          systemd-analyze verify /usr/lib/systemd/system/spliced.service
        """
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
        if done.returncode == 77:
            self.skipTest(f"no overlay can be mounted here: {done.stderr.strip()}")
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_the_unit_is_well_guarded(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=28",
                               str(self.install() / "usr/lib/systemd/system/spliced.service")], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout[-1500:])

    def test_each_prefix_has_its_files_where_they_are_looked_for(self):
        for prefix, policy, config in (("/usr", "/usr/share/dbus-1/system.d", True),
                                       ("/usr/local", "/etc/dbus-1/system.d", True),
                                       ("/opt/spliced", "/opt/spliced/share/dbus-1/system.d", False)):
            with self.subTest(prefix):
                root = self.install(prefix)
                unit = (root / prefix[1:] / "lib/systemd/system/spliced.service").read_text()
                self.assertIn(f"ExecStart={prefix}/bin/spliced\n", unit)
                self.assertNotIn("@bindir", unit)
                for path in (f"{prefix}/bin/spliced", f"{prefix}/bin/splicectl", f"{prefix}/lib/sysusers.d/spliced.conf",
                             f"{policy}/org.spliced.Manager1.conf", f"{prefix}/lib/systemd/system/spliced.socket",
                             f"{prefix}/share/dbus-1/system-services/org.spliced.Manager1.service",
                             f"{prefix}/share/dbus-1/interfaces/org.spliced.Job1.xml", f"{prefix}/share/polkit-1/actions/org.spliced.policy",
                             f"{prefix}/share/man/man5/spliced.json.5", f"{prefix}/share/doc/spliced/spliced.json"):
                    self.assertTrue((root / path[1:]).exists(), path)
                self.assertEqual(config, (root / "etc/spliced/spliced.json").exists())

    def test_a_configuration_that_is_there_is_not_overwritten(self):
        root = self.directory()
        (root / "etc/spliced").mkdir(parents=True)
        (root / "etc/spliced/spliced.json").write_text("mine")
        subprocess.run(["cmake", "--install", BIN.parent, "--prefix", "/usr"], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": str(root)})
        self.assertEqual("mine", (root / "etc/spliced/spliced.json").read_text())

    def test_the_sample_configuration_is_valid_with_and_without_its_comments(self):
        text = (ROOT / "packaging/spliced.json").read_text()
        path = self.directory() / "spliced.json"
        settings = self.directory()
        authority = Authority(settings)
        (settings / "clients.crt").write_bytes(authority.cert.read_bytes())
        for made, name in zip(authority.issue("tls", "DNS:localhost"), ("tls.crt", "tls.key")):
            (settings / name).write_bytes(made.read_bytes())
        (settings / "tokens").write_text("ci run sha256:" + "0" * 64)
        for name in ("tls.key", "tokens"):
            (settings / name).chmod(0o600)
        everything = re.sub(r"^( *)// (?=[,\"])", r"\1", text, flags=re.M).replace("/etc/spliced/", f"{settings}/")
        for content in (text, everything):
            path.write_text(content)
            done = subprocess.run([BIN / "spliced", "--check-config", "--config", path, "--state-dir", "/tmp"],
                                  capture_output=True, text=True)
            self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('  , "bus"', everything)

    def test_examples_and_documents_name_one_scratch_directory(self):
        scratch = "/var/lib/spliced/scratch/"
        self.assertIn(scratch, (ROOT / "packaging/spliced.json").read_text())
        for path in [*(ROOT / "api/examples").glob("*.json"), ROOT / "README.md", ROOT / "docs/OPERATIONS.md"]:
            for target in re.findall(r'"targets": \["(/var[^"]*)"', path.read_text()):
                self.assertTrue(target.startswith(scratch), (path, target))

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

    def test_a_generated_client_can_send_a_minimal_job(self):
        if PRESET != "release":
            self.skipTest("once is enough")
        if not shutil.which("npx"):
            self.skipTest("no npx")
        directory = self.directory("/tmp")
        (directory / "client.ts").write_text("""
import type { components, operations } from "./api";
type Job = operations["createJob"]["requestBody"]["content"]["application/json"];
export const minimal: Job = { targets: ["/dev/sdb"] };
export const more: Job = { targets: ["/dev/sdb"], workload: { bs: "64k", runtime: 10 }, criteria: { max_io_errors: 3 } };
export const answered = (job: components["schemas"]["Job"]): number => job.stages.length + job.targets.length;
// @ts-expect-error a job without targets is none
export const none: Job = { name: "none" };
// @ts-expect-error nor may it have a field that nobody knows
export const unknown: Job = { targets: ["/dev/sdb"], wrokload: {} };
""")
        for command in (["openapi-typescript", ROOT / "api/openapi.yaml", "-o", "api.d.ts"],
                        ["-p", "typescript", "tsc", "--strict", "--noEmit", "client.ts"]):
            done = subprocess.run(["npx", "--yes", *map(str, command)], capture_output=True, text=True, timeout=300,
                                  cwd=directory)
            if "npm error" in done.stderr:
                self.skipTest(f"npm cannot fetch it here: {done.stderr.strip().splitlines()[0]}")
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_scripts_are_valid_shell(self):
        for name in ("packaging/quickstart", "packaging/install-deps", "tests/run", ".ci/run",
                     "packaging/completions/splicectl.bash", "packaging/completions/spliced.bash"):
            path = pathlib.Path(ROOT / name)
            self.assertEqual(0, subprocess.run(["bash", "-n", path]).returncode, name)

    def test_completion_knows_every_command(self):
        text = subprocess.run([BIN / "splicectl", "--help"], capture_output=True, text=True).stdout
        completion = (ROOT / "packaging/completions/splicectl.bash").read_text()
        for zsh in re.findall(r"^    '([a-z]+):", (ROOT / "packaging/completions/_splicectl").read_text(), re.M):
            self.assertRegex(text, rf"(?m)^  {zsh} ")
        for command in ("submit", "validate", "run", "wait", "list", "show", "cancel", "delete", "devices", "capabilities",
                        "context", "version"):
            self.assertRegex(text, rf"(?m)^  {command} ")
            self.assertIn(f" {command} ", completion.replace('"', " "))
            self.assertIn(f"    '{command}:", (ROOT / "packaging/completions/_splicectl").read_text())
        text = subprocess.run([BIN / "spliced", "--help"], capture_output=True, text=True).stdout
        completion = (ROOT / "packaging/completions/spliced.bash").read_text()
        for flag in set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", text, re.M)):
            self.assertIn(flag, completion)
            self.assertIn(f"{flag}[", (ROOT / "packaging/completions/_spliced").read_text())

    def test_manuals_are_typeset_without_a_warning(self):
        if not shutil.which("man"):
            self.skipTest("no man")
        for page in sorted((ROOT / "packaging/man").iterdir()):
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", page], capture_output=True,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
            self.assertEqual((0, b""), (done.returncode, done.stderr), page)

    def test_manuals_name_every_flag(self):
        for program, manual in (("spliced", "spliced.8"), ("splicectl", "splicectl.1")):
            shown = subprocess.run([BIN / program, "--help"], capture_output=True, text=True).stdout
            page = (ROOT / "packaging/man" / manual).read_text().replace("\\-", "-")
            flags = set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", shown, re.M))
            self.assertGreater(len(flags), 4)
            self.assertEqual(set(), {flag for flag in flags if flag not in page}, manual)


if __name__ == "__main__":
    unittest.main()
