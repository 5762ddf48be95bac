"""Says in one line what a report of schemathesis holds; fails unless all was tested and nothing found. usage: summary NAME REPORT SECONDS"""
import json
import sys

name, path, seconds = sys.argv[1:]
try:
    with open(path) as file:
        report = json.load(file)
except OSError as error:
    sys.exit(f"{name}: no report: {error}")
operations = report["operations"]
faults = {operation for failure in report["failures"] for operation in failure["operations"]}
failed = max(len(faults), len(report["errors"]))
passed = operations["tested"] - failed
whole = report["complete"] and report["exit_code"] == 0 and operations["tested"] == operations["total"]
failed = failed or (0 if whole else 1)
print(f"{name:12} {passed} operations passed, {failed} failed, {report['test_cases']['generated']} cases, {seconds} s")
sys.exit(0 if failed == 0 else 1)
