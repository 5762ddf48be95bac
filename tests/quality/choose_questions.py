#!/usr/bin/env python3
"""Chooses the judged questions and documents of tests/quality. It was run once, before anything was tuned, and its output is committed.
usage: choose_questions.py DATA_DIR > selection.json   (DATA_DIR: fitz_gov/data of fitz-gov 4.1.0)

Which questions are taken, and which half each belongs to, is decided by a hash of their ids alone. Constants are chosen on the half `tune`;
figures are reported on the half `test`.
"""
import hashlib
import json
import sys

DOCUMENTS = 360
# Questions of each kind. Those of `abstention` have only decoys, which do not answer them.
QUESTIONS = {"trustworthy_direct": 60, "trustworthy_hedged": 30, "dispute": 30, "grounding": 15, "relevance": 15, "abstention": 80}


def number(text):
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def main(folder):
    with open(f"{folder}/corpus/documents.jsonl", encoding="utf-8") as lines:
        documents = {d["id"]: d for d in map(json.loads, lines) if d["content"].strip()}
    with open(f"{folder}/queries/query_mappings.json", encoding="utf-8") as file:
        mappings = json.load(file)["mappings"]
    questions, wanted = [], set()
    for kind, count in QUESTIONS.items():
        judged = "decoy_docs" if kind == "abstention" else "relevant_docs"
        usable = [i for i, q in mappings[kind].items() if q.get(judged) and all(d in documents for d in q[judged])]
        for identifier in sorted(usable, key=lambda i: number("question " + i))[:count]:
            half = "tune" if number("half " + identifier) % 2 == 0 else "test"
            questions.append({"id": identifier, "kind": kind, "half": half})
            wanted.update(mappings[kind][identifier].get("relevant_docs") or [])
            wanted.update(d for d in mappings[kind][identifier].get("decoy_docs") or [] if d in documents)
    rest = sorted((d for d in documents if d not in wanted), key=lambda d: number("document " + d))
    chosen = sorted(wanted | set(rest[: max(0, DOCUMENTS - len(wanted))]))
    print(f"{len(wanted)} judged documents, {len(chosen)} in all, {len(questions)} questions", file=sys.stderr)
    lines = lambda items: ",\n  ".join(json.dumps(item) for item in items)
    print(f'{{"data_set": "fitz-gov 4.1.0",\n "questions": [\n  {lines(questions)}],\n "documents": [\n  {lines(chosen)}]}}')


main(sys.argv[1])
