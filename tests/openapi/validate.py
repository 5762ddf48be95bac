"""Validates OpenAPI documents against the schema of the standard; a line for each. usage: validate FILE…"""
import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator


def errors(document):
    found = OpenAPIV31SpecValidator(document).iter_errors()
    return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in found]


failed = False
for path in sys.argv[1:]:
    with open(path) as file:
        document = json.load(file)
    found = errors(document)
    print(f"{'not ok' if found else 'ok'} openapi-spec-validator: {path}, {len(found)} errors", *found, sep="\n  ")
    # The check itself must be able to fail.
    operation = next(iter(next(iter(document["paths"].values())).values()))
    next(iter(operation["responses"].values())).pop("description", None)
    if not errors(document):
        found.append("a response without a description is not noticed")
        print(f"not ok openapi-spec-validator: {path}: {found[-1]}")
    failed = failed or bool(found)
sys.exit(failed)
