"""Training steps of a published architecture in Hugging Face transformers (RetNet, which it has not, is in retnet_peer.py), at PyTorch's best known settings; speaks the lines of
child.ts.

Settings: as many threads as cores; float32 products at precision 'high'; scaled_dot_product_attention where the model has it; fused
AdamW; gradients set to None; torch.compile of model and loss where asked for. Stochastic depth is off, as in ours.
"""
import time

import torch
import torch.nn.functional as F
import transformers

from peer import above, read_safetensors, reset_peak, serve
from retnet_peer import RetNet


def language_model(kind, folder, batches):
    if kind == "retnet":
        model = RetNet(folder, batches["inputs"].shape[-1]).train()
    else:
        auto = {
            "decoder": transformers.AutoModelForCausalLM,
            "encoder": transformers.AutoModelForMaskedLM,
            "encoderDecoder": transformers.AutoModelForSeq2SeqLM,
        }[kind]
        model = auto.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32).train()

    def loss(inputs, targets, counted):
        if kind == "encoderDecoder":
            # As ours: no token of the source is padding, and all are seen.
            logits = model(
                input_ids=inputs, attention_mask=torch.ones_like(inputs), use_cache=False,
                decoder_input_ids=F.pad(targets[:, :-1], (1, 0), value=model.config.decoder_start_token_id),
            ).logits
        elif kind == "retnet":
            logits = model(inputs)
        else:
            logits = model(input_ids=inputs).logits
        losses = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), reduction="none")
        return (losses * counted.view(-1)).sum() / counted.sum()

    inputs, targets = batches["inputs"].long(), batches["targets"].long()
    tokens = inputs[0].numel() + (targets[0].numel() if kind == "encoderDecoder" else 0)
    return model, loss, [inputs, targets, batches["counted"]], tokens


def image_classifier(folder, batches):
    config = transformers.AutoConfig.from_pretrained(folder)
    config.drop_path_rate = 0.0
    attention = {"attn_implementation": "sdpa"} if config.model_type == "vit" else {}
    model = transformers.AutoModelForImageClassification.from_pretrained(
        folder, config=config, dtype=torch.float32, **attention).train()

    def loss(images, labels):
        return F.cross_entropy(model(pixel_values=images).logits, labels)

    images = batches["images"].permute(0, 1, 4, 2, 3).contiguous()
    return model, loss, [images, batches["labels"].long()], len(images[0])


class Contestant:
    def start(self, folder, kind, target, threads, adamw, checkSteps):
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        reset_peak()
        batches = read_safetensors(f"{folder}/batches.safetensors")
        made = image_classifier(folder, batches) if kind == "imageClassifier" else language_model(kind, folder, batches)
        model, loss, self.batches, self.units = made
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": adamw["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}],
            lr=adamw["learningRate"],
            betas=(adamw["beta1"], adamw["beta2"]),
            eps=adamw["epsilon"],
            fused=True,
        )

        self.loss = torch.compile(loss) if target == "compile" else loss
        self.step = 0
        losses = [self.next_step() for _ in range(checkSteps)]
        reset_peak()
        self.next_step()
        return {"losses": losses, "peakOfSteps": above()}

    def next_step(self):
        index = self.step % len(self.batches[0])
        self.step += 1
        loss = self.loss(*(part[index] for part in self.batches))
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
        return steps * self.units / (time.perf_counter() - started)


if __name__ == "__main__":
    serve(Contestant())
