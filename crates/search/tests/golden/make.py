"""Writes vectors.json: what sentence-transformers itself answers for a few texts.

The Rust embedder is held against these vectors (tests/golden.rs), so they must come from an
implementation that shares no code with it.

    python -m venv venv && venv/bin/pip install sentence-transformers
    venv/bin/python make.py MODEL_FOLDER > vectors.json

MODEL_FOLDER holds all-MiniLM-L6-v2 in the layout of sentence-transformers (with modules.json and
1_Pooling). The vectors are rounded to 7 decimals, far below the tolerance of the test.
"""

import json
import sys

import sentence_transformers
import torch

AGENT = """Name: Invoice Reader
Description: Reads invoices in PDF or EDIFACT and answers with their fields as JSON.
Skills: Extract fields: Finds supplier, amounts, due date and VAT of one invoice
Match order: Compares an invoice with the purchase order it belongs to
Tags: finance, invoices, accounts payable"""

LONG = " ".join(
    f"Step {n}: the agent reads ledger {n * 7} and reconciles it with statement {n * 11}, then reports."
    for n in range(1, 61)
)

TEXTS = {
    "short query": "find an agent that books flights and hotels for me",
    "fifteen tokens": "agent that extracts the fields of scanned invoices for our accounting",
    "one word": "weather",
    "empty": "",
    "long, over 256 tokens": LONG,
    "agent in the recipe": AGENT,
    "accents": "Übersetzt Verträge: déjà vu, naïve façade, señor Ångström",
    "chinese and japanese": "查找可以翻译合同的代理 契約書を翻訳するエージェント",
    "korean and cyrillic": "날씨를 알려주는 에이전트 Погода на завтра в Москве",
    "emoji and symbols": "🚀 deploys → Kubernetes ✅ (v2.0) — 100 % “safe”",
    "standards and digits": "ISO20022 iso-20022 pain.001 MT103 SWIFT gpi 3.14159",
    "code and controls": "fn main() {\n\tprintln!(\"{}\", x_1 + y_2);\r\n}\u0000 \u00a0 end",
    "upper case": "GET THE CURRENT STOCK PRICE OF A COMPANY",
}


def main() -> None:
    torch.set_num_threads(1)
    model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
    model.max_seq_length = 256
    cases = []
    for name, text in TEXTS.items():
        # One text at a time: no padding takes part.
        vector = model.encode([text], batch_size=1, convert_to_numpy=True)[0]
        tokens = len(model.tokenizer(text)["input_ids"])
        cases.append(
            {"name": name, "text": text, "tokens": tokens, "vector": [round(float(x), 7) for x in vector]}
        )
    versions = f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"
    out = {"model": "all-MiniLM-L6-v2", "reference": versions, "max_tokens": 256, "cases": cases}
    print("{")
    for key in ("model", "reference", "max_tokens"):
        print(f"{json.dumps(key)}: {json.dumps(out[key])},")
    print('"cases": [')
    print(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
    print("]}")


if __name__ == "__main__":
    main()
