"""RetNet in PyTorch, written from the paper (Sun 2023, 2307.08621, equations 5 and 8): the parallel form, in which it is trained.

Its weights are those of our folder, matrices as [inputs, outputs].
"""
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer import read_safetensors


class Block(nn.Module):
    def __init__(self, config, weights):
        super().__init__()
        self.heads, self.epsilon = config["heads"], config["normEpsilon"]
        for name, value in weights.items():
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, x, cosines, sines, decay):
        batch, time, width = x.shape
        normed = F.layer_norm(x, (width,), self.retentionNorm, eps=self.epsilon)
        heads = lambda part: (normed @ part).view(batch, time, self.heads, -1).transpose(1, 2)
        turn = lambda part: part * cosines + torch.cat(part.chunk(2, -1)[::-1], -1) * sines
        q, k, v = turn(heads(self.query)), turn(heads(self.key)) / math.sqrt(width / self.heads), heads(self.value)
        retained = ((q @ k.transpose(-1, -2)) * decay) @ v
        joined = F.layer_norm(retained, retained.shape[-1:], eps=self.epsilon).transpose(1, 2).reshape(batch, time, -1)
        y = x + (F.silu(normed @ self.gate) * joined) @ self.output
        hidden = F.gelu(F.layer_norm(y, (width,), self.mlpNorm, eps=self.epsilon) @ self.up, approximate="tanh")
        return y + hidden @ self.down


class RetNet(nn.Module):
    def __init__(self, folder, time):
        super().__init__()
        with open(f"{folder}/config.json") as file:
            config = json.load(file)["trainbook"]["config"]
        weights = read_safetensors(f"{folder}/model.safetensors")
        named = {path.removesuffix(".weight"): value.clone() for path, value in weights.items()}
        own = lambda layer: {path.split(".")[-1]: value for path, value in named.items() if path.startswith(f"layers.{layer}.")}
        self.blocks = nn.ModuleList(Block(config, own(layer)) for layer in range(config["layers"]))
        self.embedding = nn.Parameter(named["embedding"])
        self.norm = nn.Parameter(named["norm"])
        self.epsilon = config["normEpsilon"]
        half = config["width"] // config["heads"] // 2
        angles = torch.arange(time)[:, None] * config["rotaryBase"] ** (-torch.arange(half) / half)
        self.register_buffer("cosines", torch.cat([angles.cos(), angles.cos()], -1))
        self.register_buffer("sines", torch.cat([-angles.sin(), angles.sin()], -1))
        distance = (torch.arange(time)[:, None] - torch.arange(time)).float()
        gammas = 1 - 2.0 ** (-5 - torch.arange(config["heads"]).float())
        self.register_buffer("decay", torch.where(distance < 0, 0.0, gammas[:, None, None] ** distance.clamp(min=0)))

    def forward(self, tokens):
        x = F.embedding(tokens, self.embedding)
        for block in self.blocks:
            x = block(x, self.cosines, self.sines, self.decay)
        return F.layer_norm(x, x.shape[-1:], self.norm, eps=self.epsilon) @ self.embedding.T
