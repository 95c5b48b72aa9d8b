#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The schema of results by itself, made of what the OpenAPI document says: results_schema.py [--write]."""
import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "api/results.schema.json"


def made():
    schemas = yaml.safe_load((ROOT / "api/openapi.yaml").read_text())["components"]["schemas"]
    wanted, definitions = ["Results"], {}
    while wanted:
        name = wanted.pop()
        if name in definitions:
            continue
        text = json.dumps(schemas[name])
        wanted += re.findall(r"#/components/schemas/(\w+)", text)
        definitions[name] = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:spliced:results:1", "title": "Results of spliced, format 1",
             **definitions.pop("Results"), "$defs": dict(sorted(definitions.items()))}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(made())
    else:
        print(made(), end="")
