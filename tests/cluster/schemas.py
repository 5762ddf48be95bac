"""Writes a JSON schema for each kind of an API server's OpenAPI document, as kubeconform reads them.

usage: schemas.py OPENAPI_V2.json OUT_DIR
"""

import json
import pathlib
import sys

GROUP_VERSION_KIND = "x-kubernetes-group-version-kind"
document = json.loads(pathlib.Path(sys.argv[1]).read_text())
out = pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
definitions = document["definitions"]

# A quantity or a port may be a number or a text; the document says string for both.
for name, schema in definitions.items():
    if name.endswith((".IntOrString", ".Quantity")):
        schema.pop("type", None)


def strict(schema):
    """Refuses fields that the API server does not know."""
    if "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = False


for schema in definitions.values():
    strict(schema)

for name, schema in definitions.items():
    for of in schema.get(GROUP_VERSION_KIND, []):
        group = of["group"].split(".")[0]
        parts = [of["kind"], group, of["version"]] if group else [of["kind"], of["version"]]
        file = out / ("-".join(parts).lower() + ".json")
        file.write_text(json.dumps({"$ref": f"#/definitions/{name}", "definitions": definitions}))
