"""One of those the forward pass is measured against: `others.py ENGINE MODEL_FOLDER WORK_FOLDER`.

ENGINE is `sentence-transformers` or `onnxruntime`. The texts come as one JSON list on the first line of stdin;
the answer is one line with the versions and the vectors. Each further line asks for a round: every text once,
one at a time, on one thread, from text to vector; the answer is the CPU seconds of the whole process for it.
"""

import json
import os
import sys
import time

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")

import numpy  # noqa: E402: after the number of threads is set

MAX_TOKENS = 256


def sentence_transformers(folder, _work):
    import sentence_transformers
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    # Put together here: the folder may have no description of the pooling.
    words = modules.Transformer(folder, max_seq_length=MAX_TOKENS)
    pooling = modules.Pooling(words.get_embedding_dimension(), pooling_mode="mean")
    model = SentenceTransformer(modules=[words, pooling, modules.Normalize()], device="cpu")

    def embed(text):
        return model.encode(text, normalize_embeddings=True, show_progress_bar=False)

    return embed, f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"


def onnxruntime(folder, work):
    import onnxruntime as ort
    import tokenizers

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # The exported graph as it is, and with the fusions of onnxruntime's own optimiser for BERT: the faster counts.
    sessions = {
        name: ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for name, path in graphs(folder, work).items()
    }
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def embed_with(session):
        wanted = [given.name for given in session.get_inputs()]

        def embed(text):
            ids = numpy.array([tokenizer.encode(text).ids], dtype=numpy.int64)
            every = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
            tokens = session.run(None, {name: every[name] for name in wanted})[0][0]
            vector = tokens.mean(axis=0)
            return vector / numpy.linalg.norm(vector)

        return embed

    def cost(embed):
        times = []
        for _ in range(60):
            start = time.process_time()
            embed("agent that extracts the fields of scanned invoices for our accounting")
            times.append(time.process_time() - start)
        return sorted(times)[30]

    embeds = {name: embed_with(session) for name, session in sessions.items()}
    costs = {name: cost(embed) for name, embed in embeds.items()}
    best = min(costs, key=costs.get)
    told = ", ".join(f"{name} {1e3 * cost:.2f} ms" for name, cost in costs.items())
    return embeds[best], f"onnxruntime {ort.__version__}, {best} graph (15 tokens: {told})"


def graphs(folder, work):
    """The model as ONNX graphs, in f32, made once."""
    plain, fused = (os.path.join(work, name) for name in ("plain.onnx", "fused.onnx"))
    if not os.path.exists(plain):
        import torch
        from transformers import BertModel

        class Tokens(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.bert = BertModel.from_pretrained(folder, attn_implementation="eager").eval()

            def forward(self, input_ids, attention_mask, token_type_ids):
                given = dict(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
                return self.bert(**given).last_hidden_state

        ids = torch.randint(1000, 2000, (1, 15))
        names = ["input_ids", "attention_mask", "token_type_ids"]
        length = torch.export.Dim("length", min=2, max=MAX_TOKENS)
        torch.onnx.export(
            Tokens(),
            (ids, torch.ones_like(ids), torch.zeros_like(ids)),
            plain + ".part",
            input_names=names,
            output_names=["tokens"],
            dynamic_shapes={name: {1: length} for name in names},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        os.rename(plain + ".part", plain)
    if not os.path.exists(fused):
        from onnxruntime.transformers import optimizer

        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        heads, width = config["num_attention_heads"], config["hidden_size"]
        model = optimizer.optimize_model(plain, model_type="bert", num_heads=heads, hidden_size=width, opt_level=1)
        model.save_model_to_file(fused + ".part")
        os.rename(fused + ".part", fused)
    return {"plain": plain, "fused": fused}


def main():
    # Whatever the packages print goes to stderr: stdout is the answers' alone.
    answers, sys.stdout = sys.stdout, sys.stderr
    engine, folder, work = sys.argv[1:]
    texts = json.loads(sys.stdin.readline())
    embed, what = {"sentence-transformers": sentence_transformers, "onnxruntime": onnxruntime}[engine](folder, work)
    vectors = [[float(value) for value in embed(text)] for text in texts]
    print(json.dumps({"what": what, "vectors": vectors}), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        for text in texts:
            embed(text)
        print(time.process_time() - start, file=answers, flush=True)


main()
