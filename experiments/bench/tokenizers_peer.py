"""Training and encoding by Hugging Face's tokenizers, on all cores; speaks the lines of child.ts."""
import json
import time

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from peer import serve


def untrained(kind, size):
    """A tokenizer without a vocabulary, and its trainer: the settings of `trainBpe`, `trainWordPiece` and `trainUnigram`."""
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = ["<|endoftext|>"]
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    elif kind == "wordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, min_frequency=2, show_progress=False)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        special = ["<unk>", "<|endoftext|>"]
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    return tokenizer, trainer


class Contestant:
    def start(self, folder):
        with open(f"{folder}/texts.json", encoding="utf-8") as file:
            self.texts = json.load(file)
        self.folder = folder
        return None

    def train(self, kind, size):
        tokenizer, trainer = untrained(kind, size)
        started = time.perf_counter()
        tokenizer.train_from_iterator(self.texts, trainer, length=len(self.texts))
        return time.perf_counter() - started

    def encode(self, kind):
        """With a tokenizer that has seen nothing yet. Seconds, and the sum of the ids."""
        tokenizer = Tokenizer.from_file(f"{self.folder}/{kind}/tokenizer.json")
        started = time.perf_counter()
        encoded = tokenizer.encode_batch_fast(self.texts, add_special_tokens=False)
        ids = [encoding.ids for encoding in encoded]
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "sum": sum(map(sum, ids))}


if __name__ == "__main__":
    serve(Contestant())
