"""The same fine-tuning steps in Python; speaks the lines of child.ts.

`trainer`: TRL's SFTTrainer (1.16) on ready tokens with labels, at its best known settings for a CPU: float32, no recomputation (its default
trades time for memory), fused AdamW, no saving, logging every 50 steps. `eager`: transformers' model, with PEFT's LoRA where that is trained,
in a plain loop with fused AdamW on what is trained. Both clip at norm 1, with scaled_dot_product_attention.
"""
import threading
import time

import torch
import transformers

# Imported before memory is counted, as all that is measured.
import peft
import trl

from peer import above, read_safetensors, reset_peak, serve


class Contestant:
    def start(self, folder, recipe, trained, form, threads):
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high")
        torch.manual_seed(1)
        reset_peak()
        self.recipe, self.losses = recipe, []
        rows = read_safetensors(f"{folder}/rows.safetensors")
        self.tokens = rows["tokens"].long()
        self.labels = torch.where(rows["counted"] == 1, self.tokens, -100)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
        config = peft.LoraConfig(
            r=recipe["rank"], lora_alpha=recipe["alpha"], target_modules=list(recipe["targets"]), task_type="CAUSAL_LM",
        )
        if trained == "lora":
            model = peft.get_peft_model(model, config)
        self.run = self.trainer(model, folder) if form == "trainer" else self.loop(model)
        self.run()
        reset_peak()
        self.run()
        return {"losses": self.losses[:3], "peakOfSteps": above()}

    def block(self):
        return self.run()

    def loop(self, model):
        model.train()
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters, lr=self.recipe["learningRate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=True,
        )

        def run():
            started = time.perf_counter()
            for _ in range(self.recipe["blockSteps"]):
                loss = model(input_ids=self.tokens, labels=self.labels, use_cache=False).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                self.losses.append(loss.item())
            return time.perf_counter() - started

        return run

    def trainer(self, model, folder):
        import datasets
        from tokenizers import Tokenizer, models

        outer, steps = self, self.recipe["blockSteps"]
        go, arrived, errors = threading.Semaphore(0), threading.Semaphore(0), []

        class Pause(transformers.TrainerCallback):
            def on_step_end(self, args, state, control, **rest):
                if state.global_step % steps == 0:
                    arrived.release()
                    go.acquire()

        class Recorded(trl.SFTTrainer):
            def compute_loss(self, *given, **more):
                loss = super().compute_loss(*given, **more)
                outer.losses.append((loss[0] if isinstance(loss, tuple) else loss).item())
                return loss

        batch = self.recipe["batchSize"]
        copies = 1000  # so that an epoch does not end while steps are measured
        rows = datasets.Dataset.from_dict(
            {"input_ids": self.tokens.tolist() * copies, "labels": self.labels.tolist() * copies}
        )
        arguments = trl.SFTConfig(
            output_dir=f"{folder}/trainer", per_device_train_batch_size=batch, max_steps=1_000_000,
            learning_rate=self.recipe["learningRate"], lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0,
            bf16=False, gradient_checkpointing=False, optim="adamw_torch_fused", use_cpu=True, max_length=None,
            train_sampling_strategy="sequential", dataset_kwargs={"skip_prepare_dataset": True}, logging_steps=50,
            save_strategy="no", report_to=[], disable_tqdm=True, dataloader_pin_memory=False, log_level="error",
        )
        # The rows are tokens already: the trainer only asks it which token pads.
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>")), pad_token="<pad>", eos_token="<pad>",
        )
        trainer = Recorded(
            model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, callbacks=[Pause()],
        )

        def train():
            try:
                trainer.train()
            except BaseException as error:
                errors.append(error)
                arrived.release()

        thread = threading.Thread(target=train, daemon=True)

        def run():
            started = time.perf_counter()
            if thread.ident is None:
                thread.start()
            else:
                go.release()
            arrived.acquire()
            if errors:
                raise errors[0]
            return time.perf_counter() - started

        return run


if __name__ == "__main__":
    serve(Contestant())
