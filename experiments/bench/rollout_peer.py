"""The same prompts continued by Hugging Face transformers' `generate`, drawn from the same weights; speaks the lines of child.ts.

Settings: float32, its default attention (scaled_dot_product_attention) and cache, prompts padded on the left, tokens drawn from the
whole distribution; no token ends an answer, so that all have `newTokens`.
"""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


class Contestant:
    def start(self, folder, prompts, newTokens):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.prompts, self.new_tokens = prompts, newTokens
        longest = max(map(len, prompts))
        self.tokens = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        self.mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        torch.manual_seed(1)

    def block(self, threads):
        torch.set_num_threads(threads)
        began, used = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            output = self.model.generate(
                self.tokens,
                attention_mask=self.mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                use_cache=True,
                min_new_tokens=self.new_tokens,
                max_new_tokens=self.new_tokens,
                eos_token_id=None,
                pad_token_id=0,
            )
        seconds, processors = time.perf_counter() - began, time.process_time() - used
        num_tokens = output.shape[0] * (output.shape[1] - self.tokens.shape[1])
        assert num_tokens == len(self.prompts) * self.new_tokens
        return {"tokensPerSecond": num_tokens / seconds, "milliseconds": 1000 * processors / num_tokens}

    def score(self, answers):
        """ln p of each token of the first answers."""
        scores = []
        with torch.inference_mode():
            for prompt, answer in zip(self.prompts, answers):
                logits = self.model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
                scores.append(logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0].tolist())
        return scores


contestant = Contestant()
for line in sys.stdin:
    message = json.loads(line)
    try:
        reply = {"answer": getattr(contestant, message["ask"])(**(message["input"] or {}))}
    except Exception as error:  # said to who asked, who decides
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
