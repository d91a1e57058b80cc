"""Whole training loops in PyTorch on the same GPT, weights and stream of tokens; speaks the lines of child.ts.

`eager`, `compile`: the loop of nanoGPT's train.py (MIT): windows from a memory-mapped stream, warm-up and cosine decay, clipping at
norm 1, fused AdamW, the loss read at each step, as ours is. `trainer`: Hugging Face's Trainer on the same module, at its best known
settings for a CPU (fused AdamW, no evaluation, no saving, logging every 50 steps, the batches made in this process).
"""
import math
import threading
import time

import numpy
import torch

from gpt_peer import GPT
from peer import above, read_safetensors, reset_peak, serve

WARMUP, STEPS, RATE, LEAST = 100, 100_000, 6e-4, 6e-5


def rate_of(step):
    if step < WARMUP:
        return RATE * step / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return LEAST + 0.5 * (1 + math.cos(math.pi * progress)) * (RATE - LEAST)


class Stream(torch.utils.data.Dataset):
    """Windows of the stream, for the Trainer."""

    def __init__(self, tokens, context):
        self.tokens, self.context = tokens, context

    def __len__(self):
        return len(self.tokens) - self.context - 1

    def __getitem__(self, start):
        window = torch.from_numpy(self.tokens[start : start + self.context + 1].astype(numpy.int64))
        return {"inputs": window[:-1], "targets": window[1:]}


class WithLoss(torch.nn.Module):
    """As the Trainer wants a model: a dictionary with the loss."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs, targets):
        self.loss = self.model(inputs, targets)
        return {"loss": self.loss}


class Contestant:
    def start(self, folder, recipe, form, threads):
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        torch.manual_seed(1)
        reset_peak()
        self.recipe = recipe
        self.model = GPT(recipe)
        self.model.load(read_safetensors(f"{folder}/model.safetensors"))
        self.tokens = numpy.memmap(f"{folder}/stream.bin", dtype=numpy.uint16, mode="r")
        self.step, self.loss = 0, math.nan
        matrices = [parameter for parameter in self.model.parameters() if parameter.dim() > 1]
        gains = [parameter for parameter in self.model.parameters() if parameter.dim() == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
            lr=RATE, betas=(0.9, 0.95), eps=1e-8, fused=True,
        )
        if form == "trainer":
            self.start_trainer(folder)
        else:
            self.forward = torch.compile(self.model) if form == "compile" else self.model
            self.run = self.loop_block
        self.run()
        reset_peak()
        self.run()
        return {"loss": self.loss, "peakOfSteps": above()}

    def block(self):
        return self.run()

    def batch(self):
        context, rows = self.recipe["context"], self.recipe["batchSize"]
        starts = torch.randint(len(self.tokens) - context, (rows,))
        x = torch.stack([torch.from_numpy(self.tokens[i : i + context].astype(numpy.int64)) for i in starts])
        y = torch.stack([torch.from_numpy(self.tokens[i + 1 : i + 1 + context].astype(numpy.int64)) for i in starts])
        return x, y

    def loop_block(self):
        started = time.perf_counter()
        x, y = self.batch()
        for _ in range(self.recipe["blockSteps"]):
            self.step += 1
            for group in self.optimizer.param_groups:
                group["lr"] = rate_of(self.step)
            loss = self.forward(x, y)
            x, y = self.batch()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.loss = loss.item()
        return time.perf_counter() - started

    def start_trainer(self, folder):
        from transformers import Trainer, TrainerCallback, TrainingArguments

        outer, steps = self, self.recipe["blockSteps"]
        self.go, self.arrived, self.error = threading.Semaphore(0), threading.Semaphore(0), None

        class Pause(TrainerCallback):
            def on_step_end(self, args, state, control, **rest):
                if state.global_step % steps == 0:
                    outer.arrived.release()
                    outer.go.acquire()

        arguments = TrainingArguments(
            output_dir=f"{folder}/trainer", per_device_train_batch_size=self.recipe["batchSize"], max_steps=STEPS,
            max_grad_norm=1.0, logging_steps=50, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
            dataloader_num_workers=0, dataloader_pin_memory=False, remove_unused_columns=False, log_level="error",
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: rate_of(step + 1) / RATE)
        model = WithLoss(self.model)
        trainer = Trainer(
            model=model, args=arguments, train_dataset=Stream(self.tokens, self.recipe["context"]),
            optimizers=(self.optimizer, schedule), callbacks=[Pause()],
        )

        def train():
            try:
                trainer.train()
            except BaseException as error:
                outer.error = error
                outer.arrived.release()

        thread = threading.Thread(target=train, daemon=True)

        def run():
            started = time.perf_counter()
            if thread.ident is None:
                thread.start()
            else:
                self.go.release()
            self.arrived.acquire()
            if self.error is not None:
                raise self.error
            self.loss = model.loss.item()
            return time.perf_counter() - started

        self.run = run


if __name__ == "__main__":
    serve(Contestant())
