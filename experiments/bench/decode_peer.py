"""The same GPT-2 in Hugging Face transformers, continued by `generate` (greedy, with its cache); speaks the lines of child.ts.

Settings: as many threads as cores, float32, its default attention (scaled_dot_product_attention).
"""
import json
import statistics
import sys
import time

import torch
from transformers import GPT2LMHeadModel


class Clock:
    """A streamer of `generate`: it is given the prompt, then each token as it comes."""

    def __init__(self):
        self.times = []

    def put(self, value):
        self.times.append(time.perf_counter())

    def end(self):
        pass


class Contestant:
    def start(self, folder, recipe, prompt, threads):
        torch.set_num_threads(threads)
        self.model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.prompt = torch.tensor([prompt])
        self.new_tokens = recipe["newTokens"]
        return self.generate()[0]

    def generate(self):
        clock = Clock()
        with torch.inference_mode():
            output = self.model.generate(
                self.prompt,
                attention_mask=torch.ones_like(self.prompt),
                do_sample=False,
                use_cache=True,
                max_new_tokens=self.new_tokens,
                eos_token_id=None,
                pad_token_id=0,
                streamer=clock,
            )
        tokens = output[0, self.prompt.shape[1] :].tolist()
        seconds = [end - start for start, end in zip(clock.times[1:], clock.times[2:])]  # after the prompt and the first token
        return tokens, 1 / statistics.median(seconds)

    def block(self):
        return self.generate()[1]


contestant = Contestant()
for line in sys.stdin:
    message = json.loads(line)
    try:
        reply = {"answer": getattr(contestant, message["ask"])(**(message["input"] or {}))}
    except Exception as error:  # said to who asked, who decides
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
