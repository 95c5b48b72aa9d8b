# SPDX-License-Identifier: Apache-2.0
"""Makes a state database with as many jobs, devices and errors as a test wants."""
import contextlib
import datetime
import json
import sqlite3
import uuid

PIECE = 256 * 1024
SCHEMA = """
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, document TEXT NOT NULL,
  saved_ms INTEGER, targets TEXT, target_count INTEGER, destructive INTEGER, progress REAL, errors INTEGER, text INTEGER);
CREATE TABLE pieces (
  text INTEGER NOT NULL, number INTEGER NOT NULL, job TEXT NOT NULL, piece BLOB NOT NULL, PRIMARY KEY (text, number));
CREATE INDEX pieces_of_jobs ON pieces (job);
PRAGMA user_version=3;
"""
SCHEMA_2 = """
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, document TEXT NOT NULL,
  saved_ms INTEGER);
PRAGMA user_version=2;
"""
START = 1_700_000_000_000  # milliseconds


def _time(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _device(name, errors):
    operation = {"bytes": 1 << 30, "operations": 1 << 18, "errors": errors, "bytes_per_second": 1e8,
                 "operations_per_second": 25000.0,
                 "latency_seconds": {key: 0.001 for key in ("mean", "p50", "p90", "p99", "p999", "max")}}
    return {"device": name, "path": f"/dev/{name}", "state": "FAILED", "reason": "too many errors", "progress": 0.5,
            "eta_seconds": None, "offset_bytes": 0, "size_bytes": 1 << 40,
            "io": {op: operation for op in ("read", "write", "trim", "sync")},
            "splice": {"read_path": "copy", "pipe_size_bytes": 1 << 20, "tuning": [], "retries": 0, "pipe_resets": 0,
                       "short_transfers": 0, "fallbacks": []},
            "errors": [{"op": "read", "offset": i * 4096, "length": 4096, "errno": "EIO", "count": 1,
                        "message": f"read of 4096 bytes at offset {i * 4096}: Input/output error (EIO)"}
                       for i in range(errors)],
            "errors_omitted": 0, "safety_read_bytes": 0, "kernel": None}


def make(path, jobs, devices, errors, version=3):
    """The ids, oldest first."""
    names = [f"sd{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(devices)]
    body = ",".join(json.dumps(_device(name, errors), separators=(",", ":")) for name in names)
    ids = [str(uuid.UUID(int=i + 1, version=4)) for i in range(jobs)]
    with contextlib.closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.executescript(SCHEMA if version == 3 else SCHEMA_2)
        for i, job in enumerate(ids):
            at = START + i * 1000
            head = {"id": job, "state": "FAILED", "verdict": "FAIL", "reason": "all failed", "created_at": _time(at),
                    "started_at": _time(at), "ended_at": _time(at + 500), "name": f"job {i}", "targets": names}
            text = json.dumps(head, separators=(",", ":"))[:-1] + f',"devices":[{body}]}}'
            row = [job, f"job {i}", "FAILED", "FAIL", "all failed", at, at, at + 500]
            if version == 2:
                store.execute("INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                              [*row, "".join(name + "\n" for name in names), text, at + 500])
            else:
                listed = "".join(name + "\0" for name in names)
                store.execute("INSERT INTO jobs VALUES (?,?,?,?,?,?,?,?,?,'',?,?,?,0,0.5,?,?)",
                              [*row, listed, at + 500, listed, devices, devices * errors, i + 1])
                data = text.encode()
                store.executemany("INSERT INTO pieces VALUES (?,?,?,?)",
                                  [(i + 1, n, job, data[at:at + PIECE])
                                   for n, at in enumerate(range(0, len(data), PIECE))])
            store.commit()
    return ids
