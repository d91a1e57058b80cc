"""The same GPT and the same steps in PyTorch, at its best known settings; speaks the lines of child.ts.

Settings: as many threads as cores; float32 products at precision 'high', which lets PyTorch take a faster form where the CPU
has one (the losses must still agree); fused causal attention (scaled_dot_product_attention); queries, keys and values in one
product; fused AdamW; gradients set to None; torch.compile of model and loss where asked for.
"""
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer import above, read_safetensors, reset_peak, serve


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        batch, time, width = x.shape
        parts = self.qkv(self.attention_norm(x)).split(width, dim=2)
        q, k, v = (part.view(batch, time, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.mlp_norm(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        width = recipe["width"]
        self.embedding = nn.Embedding(recipe["vocabularySize"], width)
        self.positions = nn.Parameter(torch.zeros(recipe["context"], width))
        self.blocks = nn.ModuleList(Block(width, recipe["heads"]) for _ in range(recipe["layers"]))
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, inputs, targets):
        x = self.embedding(inputs) + self.positions
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

    def load(self, weights):
        """From Hugging Face's names, which the file has."""
        pairs = [
            (self.embedding.weight, "model.embed_tokens.weight"),
            (self.positions, "model.embed_positions.weight"),
            (self.norm.weight, "model.norm.weight"),
        ]
        for index, block in enumerate(self.blocks):
            layer = f"model.layers.{index}"
            width = block.out.weight.shape[0]
            query, key, value = block.qkv.weight.data.split(width)
            pairs += [
                (block.attention_norm.weight, f"{layer}.input_layernorm.weight"),
                (query, f"{layer}.self_attn.q_proj.weight"),
                (key, f"{layer}.self_attn.k_proj.weight"),
                (value, f"{layer}.self_attn.v_proj.weight"),
                (block.out.weight, f"{layer}.self_attn.o_proj.weight"),
                (block.mlp_norm.weight, f"{layer}.post_attention_layernorm.weight"),
                (block.up.weight, f"{layer}.mlp.up_proj.weight"),
                (block.down.weight, f"{layer}.mlp.down_proj.weight"),
            ]
        assert {name for _, name in pairs} == set(weights), "the file has other weights than this model"
        with torch.no_grad():
            for parameter, name in pairs:
                parameter.copy_(weights[name])


class Contestant:
    def start(self, folder, recipe, precision, target, threads, adamw, device="cpu"):
        if device == "cpu" and threads > 0:
            torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest" if device != "cpu" and precision == "float32" else "high")
        reset_peak()
        started = time.perf_counter()
        model = GPT(recipe).to(device)
        model.load(read_safetensors(f"{folder}/model.safetensors"))
        batches = read_safetensors(f"{folder}/batches.safetensors")
        self.inputs, self.targets = batches["inputs"].long().to(device), batches["targets"].long().to(device)
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        gains = [parameter for parameter in model.parameters() if parameter.dim() == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": adamw["weightDecay"]}, {"params": gains, "weight_decay": 0.0}],
            lr=adamw["learningRate"],
            betas=(adamw["beta1"], adamw["beta2"]),
            eps=adamw["epsilon"],
            fused=True,
        )
        self.loss = torch.compile(model) if target == "compile" else model
        self.autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16")
        self.step = 0
        losses = [self.next_step()]
        seconds = time.perf_counter() - started
        losses += [self.next_step() for _ in range(recipe["checkSteps"] - 1)]
        with_compilation = above()
        reset_peak()
        self.next_step()
        self.next_step()
        return {
            "losses": losses,
            "peakWithCompilation": with_compilation,
            "peakOfSteps": above(),
            "secondsToFirstLoss": seconds,
        }

    def next_step(self):
        index = self.step % len(self.inputs)
        self.step += 1
        with self.autocast:
            loss = self.loss(self.inputs[index], self.targets[index])
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def block(self, seconds):
        started = time.perf_counter()
        steps = 0
        while steps == 0 or time.perf_counter() - started < seconds:
            self.next_step()
            steps += 1
        return steps * self.inputs[0].numel() / (time.perf_counter() - started)


if __name__ == "__main__":
    serve(Contestant())
