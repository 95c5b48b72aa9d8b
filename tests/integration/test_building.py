# SPDX-License-Identifier: Apache-2.0
"""What a packager relies on: plain cmake, whatever the build type, with nothing installed but what the build needs."""
import re
import subprocess
import unittest

from harness import PRESET, ROOT, TestCase

NOT_NEEDED = ("GTest", "FUSE3", "SECCOMP", "yaml-cpp", "benchmark")  # as the cache names them once they are looked for


@unittest.skipUnless(PRESET == "release", "once is enough")
class Building(TestCase):
    def configure(self, *arguments):
        """The cache and the compile commands of a fresh configuration."""
        build = self.directory()
        done = subprocess.run(["cmake", "-S", ROOT, "-B", build, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *arguments],
                              capture_output=True, text=True, cwd=ROOT)
        self.assertEqual(0, done.returncode, done.stderr)
        return (build / "CMakeCache.txt").read_text(), (build / "compile_commands.json").read_text()

    def test_no_build_type_needs_test_packages_or_is_strict_about_warnings(self):
        for kind in ("Debug", "Release", "RelWithDebInfo", "MinSizeRel", None):
            with self.subTest(kind):
                cache, commands = self.configure(*([f"-DCMAKE_BUILD_TYPE={kind}"] if kind else []))
                self.assertEqual([], [name for name in NOT_NEEDED if re.search(f"^{name}_", cache, re.M)])
                self.assertNotIn("-Werror", commands)
                self.assertIn("-Wall", commands)

    def test_presets_take_warnings_for_errors(self):
        for preset in ("release", "debug", "asan", "tsan"):
            with self.subTest(preset):
                cache, commands = self.configure("--preset", preset)
                self.assertEqual(commands.count('"command"'), commands.count("-Werror"))
                self.assertIn("SPLICED_BUILD_TESTS:BOOL=ON", cache)

    def test_the_benchmark_is_configured_without_test_packages(self):
        cache, _ = self.configure("--preset", "bench")
        self.assertEqual([], [name for name in NOT_NEEDED[:-1] if re.search(f"^{name}_", cache, re.M)])


if __name__ == "__main__":
    unittest.main()
