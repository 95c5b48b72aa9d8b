# SPDX-License-Identifier: Apache-2.0
"""What the tests of verification have in common."""
from harness import TestCase

MIB = 1 << 20
BLOCK = 65536
SIZE = 16 * MIB


def stages(*more, **workload):
    return [{"name": "fill", "workload": {"rw": "write", "bs": BLOCK} | workload},
            *more, {"name": "check", "verify": {"of": "fill"}}]


def verified(job, stage="check", device=0):
    return next(one for one in job["devices"][device]["stages"] if one["name"] == stage)["verify"]


def mismatches(verify):
    return {kind: count for kind, count in verify["mismatches"].items() if count}


class Verify(TestCase):
    def file_job(self, daemon, path, stages, **job):
        return daemon.run(targets=[str(path)], destructive=True, stages=stages, **job)

    def assert_clean(self, job, size=SIZE):
        self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job["reason"])
        verify = verified(job)
        self.assertEqual((size, {}, []), (verify["bytes"], mismatches(verify), verify["miscompares"]))
