"""n-gram models by KenLM (pip install kenlm==0.3.0; lmplz built from the same source); speaks the lines of child.ts."""
import json
import os
import subprocess
import time

import kenlm

from peer import serve


class Contestant:
    def start(self, folder, order):
        with open(f"{folder}/texts.json", encoding="utf-8") as file:
            texts = json.load(file)
        self.lines = [line for text in texts for line in text.split("\n") if line.strip()]
        self.folder, self.order = folder, order
        self.lmplz = os.environ.get("TRAINBOOK_LMPLZ")
        return self.lmplz is not None

    def train(self):
        """Seconds of lmplz: from a file of text to an ARPA file."""
        started = time.perf_counter()
        with open(f"{self.folder}/text.txt") as text, open(f"{self.folder}/kenlm.arpa", "w") as arpa:
            command = [self.lmplz, "-o", str(self.order), "-S", "1G", "--discount_fallback"]
            subprocess.run(command, stdin=text, stdout=arpa, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    def open(self):
        """The ARPA file that trainNgrams made, as KenLM's fastest structure (probing)."""
        self.model = kenlm.Model(f"{self.folder}/model.arpa")
        return None

    def score(self):
        started = time.perf_counter()
        total = sum(self.model.score(line) for line in self.lines)
        return {"seconds": time.perf_counter() - started, "sum": total}


if __name__ == "__main__":
    serve(Contestant())
