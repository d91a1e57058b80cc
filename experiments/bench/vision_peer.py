"""Training steps of a ViT or a Swin in Hugging Face transformers, at PyTorch's best known settings; speaks the lines of child.ts.

Settings: as many threads as cores; float32 products at precision 'high'; scaled_dot_product_attention where the model has it; fused
AdamW; gradients set to None; torch.compile of model and loss where asked for. Stochastic depth is off, as in ours.
"""
import time

import torch
import torch.nn.functional as F
import transformers

from peer import above, read_safetensors, reset_peak, serve


class Contestant:
    def start(self, folder, target, threads, adamw, checkSteps):
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        reset_peak()
        config = transformers.AutoConfig.from_pretrained(folder)
        config.drop_path_rate = 0.0
        attention = {"attn_implementation": "sdpa"} if config.model_type == "vit" else {}
        model = transformers.AutoModelForImageClassification.from_pretrained(
            folder, config=config, dtype=torch.float32, **attention).train()
        batches = read_safetensors(f"{folder}/batches.safetensors")
        self.images = batches["images"].permute(0, 1, 4, 2, 3).contiguous()
        self.labels = batches["labels"].long()
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": adamw["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}],
            lr=adamw["learningRate"],
            betas=(adamw["beta1"], adamw["beta2"]),
            eps=adamw["epsilon"],
            fused=True,
        )

        def loss(images, labels):
            return F.cross_entropy(model(pixel_values=images).logits, labels)

        self.loss = torch.compile(loss) if target == "compile" else loss
        self.step = 0
        losses = [self.next_step() for _ in range(checkSteps)]
        reset_peak()
        self.next_step()
        return {"losses": losses, "peakOfSteps": above()}

    def next_step(self):
        index = self.step % len(self.images)
        self.step += 1
        loss = self.loss(self.images[index], self.labels[index])
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
        return steps * self.images.shape[1] / (time.perf_counter() - started)


if __name__ == "__main__":
    serve(Contestant())
