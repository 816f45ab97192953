#!/usr/bin/env python3
"""Trains LoRA adapters with FedLLM's Torch engine and with Hugging Face + PEFT on one GPU, and prints a table of both.

    run.py PUBLISHED --shape llama-2-7b [--device cuda|cpu] [--dtype bfloat16|float32] [--tasks sft,dpo] [--lanes 1,4,16] …

PUBLISHED is a folder that `dotnet publish bench/GpuBench -c Release -p:TorchNative=cuda-linux -o PUBLISHED` made; nothing is built here. SHAPE is tiny, tinyllama-1.1b,
llama-2-7b, llama-3-8b, or seven numbers D,F,layers,H,G,d,V. For every task and number of lanes n a case of n clients is written (random weights and tokens), and both
sides train it in processes of their own, in turns, after a turn that is thrown away: FedLLM n clients side by side, PEFT one after another, as it has no lanes.

Columns: unpadded tokens a second; the peak of the memory that the process holds on the card, as nvidia-smi tells (on the CPU: its resident memory); the operations
that the training cannot do without, a second, as a share of what the card does in a product of two square matrices of the same type, measured here; and how far the
losses of all steps differ at most.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "..", "peers", "peer.py")


def card_memory(pid):
    """Bytes that a process holds on GPUs, as nvidia-smi tells; 0 where it holds none."""
    text = subprocess.run(
        ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(",") for line in text.splitlines() if line.strip()]
    return sum(int(used) << 20 for owner, used in rows if int(owner) == pid and used.strip().isdigit())


class Contestant:
    """A process that trains a turn for every line it is given."""

    def __init__(self, name, command, on_card):
        self.name = name
        self.seconds = []
        self.losses = []
        self.peak = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.versions = json.loads(self.answer())["versions"]
        self.watched = on_card
        if on_card:
            threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while self.process.poll() is None:
            self.peak = max(self.peak, card_memory(self.process.pid))
            time.sleep(0.1)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended early, see above")
        return line

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        result = json.loads(self.answer())
        self.seconds.append(result["seconds"])
        self.losses = result["losses"]
        if not self.watched:
            self.peak = result["peak_memory"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def call(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure(arguments, program, folder, task, lanes, rate):
    common = ["--device", arguments.device, "--dtype", arguments.dtype, "--threads", str(arguments.threads)]
    work = call(program + [
        "write", folder, "--shape", arguments.shape, "--task", task, "--clients", str(lanes), "--steps", str(arguments.steps),
        "--batch", str(arguments.batch), "--length", str(arguments.length)])
    ours = program + ["turns", folder, "--lanes", str(lanes)] + common + (["--quantization", arguments.quantization] if arguments.quantization else [])
    contestants = [("FedLLM", ours + (["--checkpointing"] if arguments.checkpointing else []))]
    if arguments.peer != "none":
        peer = arguments.python.split() + [shutil.copy(PEER, folder), folder, "--loop", arguments.peer] + common
        contestants.append((arguments.peer, peer + (["--checkpointing"] if arguments.checkpointing else [])))
    on_card = arguments.device == "cuda"
    # One after another: two base models at a time may not fit.
    first = None
    for name, command in contestants:
        contestant = Contestant(name, command, on_card)
        for _ in range(arguments.repeats + 1):
            contestant.turn()
        contestant.end()
        seconds = statistics.median(contestant.seconds[1:])
        first = first or contestant
        difference = max(abs(a - b) for a, b in zip(first.losses, contestant.losses)) if contestant is not first else None
        print(
            f"| {task} | {lanes} | {name} | {work['tokens'] / seconds:,.0f} | {contestant.peak / (1 << 20):,.0f} | {work['operations'] / seconds / rate:.1%} "
            f"| {'' if difference is None else f'{difference:.1e}'} | {contestant.versions} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("published")
    parser.add_argument("--shape", required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--tasks", default="sft,dpo")
    parser.add_argument("--lanes", default="1,4,16")
    parser.add_argument("--steps", type=int, default=4, help="optimizer steps of a client in a turn")
    parser.add_argument("--batch", type=int, default=4, help="samples of a client in a step")
    parser.add_argument("--length", type=int, default=512, help="longest sample in tokens")
    parser.add_argument("--repeats", type=int, default=3, help="turns measured, after one that is thrown away")
    parser.add_argument("--quantization", choices=["int8", "nf4"], help="of FedLLM's base weights; the peer keeps its own")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing on both sides")
    parser.add_argument("--peer", choices=["peft", "transformers", "lean", "none"], default="peft")
    parser.add_argument("--python", default=sys.executable, help="runs the peer; it may be several words")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", help="where the model and the batches are written; a temporary folder by default")
    arguments = parser.parse_args()
    program = [os.path.join(os.path.abspath(arguments.published), "fedllm-gpu-bench")]
    if not os.path.exists(program[0]):
        raise SystemExit(f"{program[0]} is not there; publish it: dotnet publish bench/GpuBench -c Release -p:TorchNative=cuda-linux -o {arguments.published}")

    rate = call(program + ["rate", "--device", arguments.device, "--dtype", arguments.dtype])["operations_per_second"]
    card = "CPU"
    if arguments.device == "cuda":
        card = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(
        f"{arguments.shape}, {arguments.dtype}{', checkpointing' if arguments.checkpointing else ''}, {arguments.steps} steps of {arguments.batch} samples up to "
        f"{arguments.length} tokens, on {card}: {rate / 1e12:.3g} Tflop/s in a product of two square matrices.\n")
    print("| task | lanes | side | tokens/s | peak MiB | share of the rate | losses differ | versions |\n|---|---:|---|---:|---:|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="fedllm-gpu-") as temporary:
        folder = arguments.folder or temporary
        shutil.rmtree(os.path.join(folder, "model"), ignore_errors=True)  # of another shape
        for task in arguments.tasks.split(","):
            for lanes in arguments.lanes.split(","):
                measure(arguments, program, folder, task, int(lanes), rate)


if __name__ == "__main__":
    main()
