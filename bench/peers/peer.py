#!/usr/bin/env python3
"""Trains LoRA adapters with PyTorch as OpenFedLLM does, to compare FedLLM with.

    peer.py FOLDER [--loop transformers|lean|peft] [--dtype float32|bfloat16] [--device cpu|cuda] [--checkpointing] [--threads N] [--turns N]

FOLDER is what `bench/Benchmarks -- peers` and bench/gpu/run.py write: `model/` and `adapter/` in Hugging Face's and PEFT's layouts, and `batches.json` with the token ids and
labels of every batch of every client. A turn trains every client once, one after another, each from the same adapter with a fresh AdamW. Without --turns a
turn is taken for every line that comes in; either way each turn prints one line of JSON: seconds, the loss of every step and the peak of resident memory.

Padded batches, logits of every position, gradient checkpointing only where it is asked for. Three loops do the same arithmetic:
`peft` is Hugging Face's Llama with PEFT's adapter; `transformers` is the same without PEFT, with LoRA layers of this script; it is Hugging Face's Llama with its loss, and for preferences TRL's `concatenated_forward` and `get_batch_logps`;
`lean` is the model by hand on PyTorch's fused operations, without masks where right padding makes them needless.
"""
import argparse
import json
import math
import os
import sys
import time

import torch
import torch.nn.functional as F

IGNORED = -100  # the label of a token that is not scored
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def read_safetensors(path, dtype=torch.float32):
    """Returns the tensors of a file by name, converted one by one; needs no package."""
    types = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
        tensors = {}
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                file.seek(start + begin)
                values = torch.frombuffer(bytearray(file.read(end - begin)), dtype=types[entry["dtype"]])
                tensors[name] = values.reshape(entry["shape"]).to(dtype)
        return tensors


class LoraLinear(torch.nn.Module):
    """y = W x + s B A x. The factors are float32, and computed with in the layer's type, as under autocast."""

    on = True  # PEFT's disable_adapter sets it for every layer at once

    def __init__(self, weight, a, b, scaling):
        super().__init__()
        self.weight = weight
        self.initial = (a, b)
        self.a = torch.nn.Parameter(a.clone())
        self.b = torch.nn.Parameter(b.clone())
        self.scaling = scaling

    def reset(self):
        with torch.no_grad():
            self.a.copy_(self.initial[0])
            self.b.copy_(self.initial[1])
        self.a.grad = self.b.grad = None

    def parameters(self, recurse=True):
        return iter((self.a, self.b))

    def forward(self, x):
        y = F.linear(x, self.weight)
        if not LoraLinear.on:
            return y
        return y + F.linear(F.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype)) * self.scaling


class Adapter:
    """A PEFT adapter's factors by the name of the layer they belong to."""

    def __init__(self, folder, device):
        with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.folder = folder
        self.device = device
        self.scaling = config["lora_alpha"] / config["r"]
        self.factors = read_safetensors(os.path.join(folder, "adapter_model.safetensors"))
        self.layers = []

    def wrap(self, name, weight):
        """The layer with its factors, or None where the adapter has none for it."""
        prefix = f"base_model.model.{name}"
        if f"{prefix}.lora_A.weight" not in self.factors:
            return None
        a, b = (self.factors[f"{prefix}.lora_{half}.weight"].to(self.device) for half in "AB")
        layer = LoraLinear(weight, a, b, self.scaling)
        self.layers.append(layer)
        return layer

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


class Switched:
    """The adapter's layers switched off for a while."""

    def __enter__(self):
        LoraLinear.on = False

    def __exit__(self, *_):
        LoraLinear.on = True


class LeanLlama:
    """Llama by hand. Every sample stands at the left of its padded row, so that the causal mask hides the padding."""

    def __init__(self, folder, adapter, dtype, device, checkpointing):
        if device != "cpu" or checkpointing:
            raise SystemExit("the loop lean is for the CPU, without checkpointing")
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        weights = read_safetensors(os.path.join(folder, "model.safetensors"), dtype)
        self.heads = config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_dim = config.get("head_dim") or config["hidden_size"] // self.heads
        self.eps = config["rms_norm_eps"]
        self.frequencies = 1.0 / config["rope_theta"] ** (torch.arange(0, self.head_dim, 2, dtype=torch.float32) / self.head_dim)
        self.embedding = weights["model.embed_tokens.weight"]
        self.head = weights.get("lm_head.weight", self.embedding)
        self.norm = weights["model.norm.weight"]
        self.layers = []
        for i in range(config["num_hidden_layers"]):
            prefix = f"model.layers.{i}."
            layer = {"in": weights[prefix + "input_layernorm.weight"], "post": weights[prefix + "post_attention_layernorm.weight"]}
            for path in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"):
                weight = weights[prefix + path + ".weight"]
                layer[path.split(".")[1]] = adapter.wrap(prefix + path, weight) or (lambda x, weight=weight: F.linear(x, weight))
            self.layers.append(layer)

    def rms(self, x, weight):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x, (x.shape[-1],), weight, self.eps)
        return x * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.eps).to(x.dtype) * weight

    def attend(self, q, k, v):
        if self.kv_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, dim=1) for t in (k, v))
        # Written out, attention in bfloat16 is the faster one on a processor without matrix tiles.
        if hasattr(F, "scaled_dot_product_attention") and q.dtype == torch.float32:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        length = q.shape[-2]
        mask = torch.full((length, length), float("-inf")).triu(1).to(q.dtype)
        return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(self.head_dim) + mask, dim=-1) @ v

    def rotary(self, length, dtype):
        angles = torch.outer(torch.arange(length, dtype=torch.float32), self.frequencies).repeat(1, 2)
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def logits(self, tokens, _mask):
        batch, length = tokens.shape
        x = F.embedding(tokens, self.embedding)
        cos, sin = self.rotary(length, x.dtype)

        def rotate(t):
            left, right = t.chunk(2, dim=-1)
            return t * cos + torch.cat((-right, left), dim=-1) * sin

        for layer in self.layers:
            h = self.rms(x, layer["in"])
            q = layer["q_proj"](h).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
            k = layer["k_proj"](h).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
            v = layer["v_proj"](h).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
            attended = self.attend(rotate(q), rotate(k), v)
            x = x + layer["o_proj"](attended.transpose(1, 2).reshape(batch, length, -1))
            h = self.rms(x, layer["post"])
            x = x + layer["down_proj"](F.silu(layer["gate_proj"](h)) * layer["up_proj"](h))
        return F.linear(self.rms(x, self.norm), self.head)

    def token_log_probabilities(self, tokens, mask, labels):
        """log p of every label at the position before it, 0 where nothing is scored."""
        targets = F.pad(labels, (0, 1), value=IGNORED)[:, 1:]
        logits = self.logits(tokens, mask).float()
        return -F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=IGNORED, reduction="none").view(targets.shape)

    def loss(self, tokens, mask, labels):
        targets = F.pad(labels, (0, 1), value=IGNORED)[:, 1:]
        logits = self.logits(tokens, mask).float()
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=IGNORED)

    def without_adapter(self):
        return Switched()

    def answer_log_probabilities(self, tokens, mask, labels):
        return self.token_log_probabilities(tokens, mask, labels).sum(-1)


class TransformersLlama:
    """Hugging Face's Llama with its own loss."""

    def __init__(self, folder, adapter, dtype, device, checkpointing):
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device)
        self.model.config.use_cache = False
        self.model.train()
        self.wrap(adapter)
        if checkpointing:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def wrap(self, adapter):
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        for name, module in list(self.model.named_modules()):
            if isinstance(module, torch.nn.Linear) and (layer := adapter.wrap(name, module.weight)) is not None:
                parent, _, own = name.rpartition(".")
                setattr(self.model.get_submodule(parent), own, layer)

    def loss(self, tokens, mask, labels):
        return self.model(input_ids=tokens, attention_mask=mask, labels=labels).loss

    def without_adapter(self):
        return Switched()

    def answer_log_probabilities(self, tokens, mask, labels):
        # TRL 0.7.2: DPOTrainer.concatenated_forward and get_batch_logps.
        logits = self.model(input_ids=tokens, attention_mask=mask).logits.to(torch.float32)[:, :-1]
        targets = labels[:, 1:].clone()
        scored = targets != IGNORED
        targets[~scored] = 0
        per_token = torch.gather(logits.log_softmax(-1), dim=2, index=targets.unsqueeze(2)).squeeze(2)
        return (per_token * scored).sum(-1)


class PeftLlama(TransformersLlama):
    """Hugging Face's Llama with PEFT's adapter. Its factors are float32, as PEFT makes them."""

    def wrap(self, adapter):
        from peft import PeftModel

        self.model = PeftModel.from_pretrained(self.model, adapter.folder, is_trainable=True, autocast_adapter_dtype=True)
        factors = [p for p in self.model.parameters() if p.requires_grad]
        adapter.layers = [PeftFactors(factors)]

    def without_adapter(self):
        return self.model.disable_adapter()


class PeftFactors:
    """The trained parameters of a PEFT model, as the loop resets them."""

    def __init__(self, factors):
        self.factors = factors
        self.initial = [p.detach().clone() for p in factors]

    def reset(self):
        with torch.no_grad():
            for parameter, initial in zip(self.factors, self.initial):
                parameter.copy_(initial)
                parameter.grad = None

    def parameters(self):
        return self.factors


def pad(sequences, device):
    """Token ids, attention mask and labels of some sequences, padded on the right to the longest."""
    longest = max(len(s["tokens"]) for s in sequences)
    tokens = torch.zeros((len(sequences), longest), dtype=torch.long)
    labels = torch.full((len(sequences), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        length = len(sequence["tokens"])
        tokens[row, :length] = torch.tensor(sequence["tokens"])
        labels[row, :length] = torch.tensor(sequence["labels"])
        mask[row, :length] = 1
    return tokens.to(device), mask.to(device), labels.to(device)


def preference_loss(model, batch, beta):
    """DPO's sigmoid loss against the adapter switched off; the chosen sequences stand first, then the rejected."""
    with torch.no_grad(), model.without_adapter():
        reference = model.answer_log_probabilities(*batch)
    policy = model.answer_log_probabilities(*batch)
    chosen, rejected = (policy - reference).chunk(2)
    return -F.logsigmoid(beta * (chosen - rejected)).mean()


def train(model, adapter, clients, settings):
    """Trains every client from the same adapter with a fresh optimizer; returns the loss of each step of each client."""
    losses = []
    for batches in clients:
        for layer in adapter.layers:
            layer.reset()
        parameters = adapter.parameters()
        optimizer = torch.optim.AdamW(parameters, lr=settings["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            loss = preference_loss(model, batch, settings["beta"]) if settings["task"] == "dpo" else model.loss(*batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, settings["max_grad_norm"])
            optimizer.step()
            losses.append(loss.item())
    return losses


def peak_memory():
    """The peak of this process's resident memory in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def versions(loop):
    text = f"torch {torch.__version__}"
    if loop != "lean":
        import transformers

        text += f", transformers {transformers.__version__}"
    if loop == "peft":
        import peft

        text += f", peft {peft.__version__}"
    return text


def main():
    parser = argparse.ArgumentParser(description="Trains LoRA adapters with PyTorch as OpenFedLLM does.")
    parser.add_argument("folder")
    parser.add_argument("--loop", choices=["transformers", "lean", "peft"], default="transformers")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with open(os.path.join(arguments.folder, "batches.json"), encoding="utf-8") as file:
        settings = json.load(file)
    if settings["task"] == "dpo":
        clients = [[pad([p["chosen"] for p in b] + [p["rejected"] for p in b], arguments.device) for b in batches] for batches in settings["clients"]]
    else:
        clients = [[pad(batch, arguments.device) for batch in batches] for batches in settings["clients"]]
    adapter = Adapter(os.path.join(arguments.folder, "adapter"), arguments.device)
    kind = {"transformers": TransformersLlama, "lean": LeanLlama, "peft": PeftLlama}[arguments.loop]
    model = kind(os.path.join(arguments.folder, "model"), adapter, DTYPES[arguments.dtype], arguments.device, arguments.checkpointing)
    print(json.dumps({"versions": versions(arguments.loop)}), flush=True)
    for _ in range(arguments.turns) if arguments.turns is not None else sys.stdin:
        start = time.perf_counter()
        losses = train(model, adapter, clients, settings)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "losses": losses, "peak_memory": peak_memory()}), flush=True)


if __name__ == "__main__":
    main()
