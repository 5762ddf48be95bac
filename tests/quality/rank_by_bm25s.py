#!/usr/bin/env python3
"""Ranks the documents of tests/quality by bm25s with its defaults: the baseline that a search has to beat.
usage: rank_by_bm25s.py DATA_DIR > bm25s.json   (needs bm25s 0.3.16 and numpy; DATA_DIR: fitz_gov/data of fitz-gov 4.1.0)
"""
import json
import pathlib
import sys

import bm25s

folder = pathlib.Path(sys.argv[1])
selection = json.loads(pathlib.Path(__file__).with_name("selection.json").read_text())
documents = {d["id"]: d for d in map(json.loads, (folder / "corpus/documents.jsonl").open())}
mappings = json.loads((folder / "queries/query_mappings.json").read_text())["mappings"]
judged = {i: q for kind in mappings.values() for i, q in kind.items()}
texts = [documents[i].get("title", "") + ". " + documents[i]["content"] for i in selection["documents"]]
index = bm25s.BM25()
index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
ranks = {}
for question in selection["questions"]:
    tokens = bm25s.tokenize(judged[question["id"]]["query"], show_progress=False)
    found, scores = index.retrieve(tokens, k=50, show_progress=False)
    ranks[question["id"]] = [int(place) for place, score in zip(found[0], scores[0]) if score > 0]
lines = ",\n ".join(f"{json.dumps(i)}: {json.dumps(r)}" for i, r in ranks.items())
print("{" + lines + "}")
