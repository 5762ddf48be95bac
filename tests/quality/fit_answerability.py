#!/usr/bin/env python3
"""Fits the weights of services/ai-engine/src/domain/answer/answerability.rs on questions of fitz-gov, and prints them with their refusal curve.
usage: fit_answerability.py DATA_DIR FEATURES VECTORS.npz [OLLAMA_URL]   (needs numpy and scipy; DATA_DIR: fitz_gov/data of fitz-gov 4.1.0;
FEATURES: target/debug/examples/answerability_features; VECTORS.npz keeps the vectors, which all-minilm makes at OLLAMA_URL in half an hour)

All questions of the set are used but those of the half `test` of selection.json and whatever resembles them: a question with 60 % of the same
words, or with a document of the same text. Left out as well are questions whose judged documents are not those that the set has written for them.
"""
import collections
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import urllib.request

import numpy as np
from scipy.optimize import minimize

NAMES = ["asked", "names", "apart", "numbers", "another", "present", "amount", "other", "nearness"]
MIN_SIMILARITY = 0.343  # of all-minilm, see docs/quality.md
MAX_REFUSED = 0.05  # of the answerable questions
MIN_WEIGHT = -3  # what is seldom missing, and then in few questions, must not decide alone
FOLDS, QUESTIONS, DOCUMENTS, PASSAGES, CHARACTERS = 5, 110, 360, 4, 900

Question = collections.namedtuple("Question", "id text documents answerable")


def plain(text):
    return " ".join(text.split())


def words(text):
    return frozenset(re.findall(r"\w+", text.lower()))


def load(folder):
    """The documents, the questions that may be used, and the texts that may not."""
    lines = open(f"{folder}/corpus/documents.jsonl", encoding="utf-8")
    documents = {d["id"]: d for d in map(json.loads, lines) if d["content"].strip()}
    mappings = json.load(open(f"{folder}/queries/query_mappings.json", encoding="utf-8"))["mappings"]
    cases = {}
    for tier in ("tier0_sanity", "tier1_core"):
        for kind in mappings:
            cases |= {case["id"]: case for case in json.load(open(f"{folder}/{tier}/{kind}.json", encoding="utf-8"))["cases"]}
    selection = json.loads(pathlib.Path(__file__).with_name("selection.json").read_text())
    half = {q["id"]: q["half"] for q in selection["questions"]}
    questions, test = [], []
    for kind, judged in mappings.items():
        for identifier, query in judged.items():
            answerable = kind in ("trustworthy_direct", "trustworthy_hedged", "dispute")
            found = query.get("relevant_docs" if answerable else "decoy_docs") or []
            question = Question(identifier, query["query"], [d for d in found if d in documents], answerable)
            if half.get(identifier) == "test":
                test.append(question._replace(documents=[d for d in (query.get("relevant_docs") or []) + (query.get("decoy_docs") or []) if d in documents]))
            elif question.documents and (answerable or kind == "abstention" and not query.get("relevant_docs")):
                if is_judged_right(question, cases.get(identifier), documents):
                    questions.append(question)
    texts = {plain(documents[d]["content"])[:150] for q in test for d in q.documents}
    tested = [words(q.text) for q in test]
    is_like = lambda a, b: len(a & b) >= 0.6 * len(a | b)
    usable = [
        q
        for q in questions
        if not any(is_like(words(q.text), other) for other in tested)
        and not any(plain(documents[d]["content"])[:150] in texts for d in q.documents)
    ]
    return documents, usable, texts


def is_judged_right(question, case, documents):
    if not case or case["query"] != question.text:
        return True
    judged = " ".join(plain(documents[d]["content"]) for d in question.documents)
    return any(plain(text)[:60] in judged for text in case["contexts"])


def passages(text):
    found, last = [], ""
    for sentence in re.split(r"(?<=\n)|(?<=[.!?]\s)", text):
        if last and len(last) + len(sentence) > CHARACTERS:
            found.append(last)
            last = ""
        last += sentence
    return [p for p in found + [last] if p.strip()]


class Vectors:
    def __init__(self, path, url):
        self.path, self.url, self.known = path, url, {}
        if os.path.exists(path):
            stored = np.load(path)
            self.known = dict(zip(stored["keys"], stored["vectors"]))

    def of(self, texts):
        key = lambda text: hashlib.sha256(text.encode()).hexdigest()[:32]
        new = [text for text in dict.fromkeys(texts) if key(text) not in self.known]
        for start in range(0, len(new), 16):
            body = json.dumps({"model": "all-minilm", "input": new[start : start + 16], "truncate": True}).encode()
            request = urllib.request.Request(f"{self.url}/api/embed", body, {"content-type": "application/json"})
            found = json.load(urllib.request.urlopen(request))["embeddings"]
            self.known |= {key(text): np.array(vector, np.float16) for text, vector in zip(new[start:], found)}
        if new:
            np.savez(self.path, keys=np.array(list(self.known)), vectors=np.array(list(self.known.values())))
        return np.array([self.known[key(text)] for text in texts], np.float32)


def searched(documents, questions, excluded, vectors):
    """Each question with the passages that a library of 360 documents has for it, with titles and without."""
    chance = random.Random(7)
    questions = sorted(questions, key=lambda q: q.id)
    chance.shuffle(questions)
    others = [d for d in sorted({d for q in questions for d in q.documents}) if plain(documents[d]["content"])[:150] not in excluded]
    for start in range(0, len(questions), QUESTIONS):
        batch = questions[start : start + QUESTIONS]
        wanted = {d for q in batch for d in q.documents}
        filling = [d for d in chance.sample(others, 900) if d not in wanted][: max(0, DOCUMENTS - len(wanted))]
        library = sorted(wanted | set(filling))
        unique = {plain(documents[d]["content"]): d for d in reversed(library)}
        found = [(place, documents[d].get("title", ""), text) for place, d in enumerate(sorted(unique.values())) for text in passages(documents[d]["content"])]
        similarities = vectors.of([q.text for q in batch]) @ vectors.of([text for _, _, text in found]).T
        for question, row in zip(batch, similarities):
            best = [i for i in np.argsort(-row)[:PASSAGES] if row[i] >= MIN_SIMILARITY]
            for titled in (False, True):
                shown = [
                    {"document": found[i][0], "title": found[i][1] if titled else "", "text": found[i][2], "nearness": float(row[i] - MIN_SIMILARITY) / (1 - MIN_SIMILARITY)}
                    for i in best
                ]
                if shown:
                    yield question, {"question": question.text, "passages": shown}


def fit(features, answers, strength=1.0):
    """Logistic regression in which what is missing never speaks for an answer."""
    scale = features.std(axis=0) + 1e-9
    scaled = features / scale

    def loss(weights):
        score = scaled @ weights[:-1] + weights[-1]
        error = 1 / (1 + np.exp(-score)) - answers
        gradient = np.append(scaled.T @ error + 2 * strength * weights[:-1], error.sum())
        return (np.logaddexp(0, score) - answers * score).sum() + strength * (weights[:-1] ** 2).sum(), gradient

    bounds = [(MIN_WEIGHT * size, 0) for size in scale[:-1]] + [(0, None), (None, None)]
    weights = minimize(loss, np.zeros(len(NAMES) + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return weights[:-1] / scale, weights[-1]


def main(folder, program, cache, url=None):
    documents, questions, excluded = load(folder)
    rows = list(searched(documents, questions, excluded, Vectors(cache, url)))
    lines = "\n".join(json.dumps(row) for _, row in rows)
    output = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout
    counted = [json.loads(line) for line in output.splitlines()]
    usable = [(q, c) for (q, _), c in zip(rows, counted) if c["features"]]
    features = np.array([c["features"] for _, c in usable])
    answers = np.array([float(q.answerable) for q, _ in usable])
    known = np.array([c["names_known"] for _, c in usable])
    group = np.array([int(hashlib.sha256(q.text.lower().encode()).hexdigest(), 16) % FOLDS for q, _ in usable])
    # A question of which nothing specific is missing is answered in any case.
    has_all = np.array([c["has_all"] for _, c in usable])
    scores = np.zeros(len(answers))
    for fold in range(FOLDS):
        weights, intercept = fit(features[group != fold], answers[group != fold])
        scores[group == fold] = features[group == fold] @ weights + intercept
    scores[has_all] = np.inf
    # Names decide alone if a part of one belongs to another.
    decided = ~known & (features[:, NAMES.index("another")] > 0)
    scores[decided] = -np.inf
    weights, intercept = fit(features, answers)
    print(f"{len(set(q.text for q, _ in usable))} questions, {answers.mean():.0%} of them answerable")
    print(f"refused by names alone: {decided[answers == 0].mean():.1%} of the unanswerable, {decided[answers == 1].mean():.1%} of the answerable")
    order = np.sort(scores[answers == 1])
    for share in (0.02, 0.03, 0.05, 0.07, 0.1):
        limit = order[int(share * len(order))]
        print(f"at {share:.0%} of the answerable refused: score < {limit:.2f}, {(scores[answers == 0] < limit).mean():.1%} of the unanswerable")
    print(", ".join(f"{name}: {weight:.2f}" for name, weight in zip(NAMES, weights)), f"intercept: {intercept:.2f}")
    print(f"MIN_SCORE: {order[int(MAX_REFUSED * len(order))]:.2f}")


main(*sys.argv[1:])
