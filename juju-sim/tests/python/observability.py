"""Judges the observability data of the charm with the library its consumers use. Reads a JSON object from standard
input and prints what the library makes of the same rules, and of the dashboard."""

import json
import pathlib
import shutil
import sys
import tempfile

from cosl import JujuTopology, LZMABase64
from cosl.rules import AlertRules

given = json.load(sys.stdin)
dashboard = json.loads(LZMABase64.decompress(given["config"]["dashboards"][0]))
topology = JujuTopology(
    model=given["model"], model_uuid=given["model_uuid"], application=given["application"], charm_name="paperclip"
)
rules = AlertRules(query_type="promql", topology=topology)
with tempfile.TemporaryDirectory() as folder:
    # The library takes a folder of rule files, as charms have it.
    shutil.copy(given["rules_file"], pathlib.Path(folder) / "node.rules")
    rules.add_path(folder)
print(json.dumps({"dashboard": dashboard, "expected": rules.as_dict()}))
