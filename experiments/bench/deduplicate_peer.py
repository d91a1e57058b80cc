"""Near-duplicates by datasketch's MinHashLSH and by text-dedup's MinHash; speaks the lines of child.ts.

    pip install datasketch==2.0.0 datasets==5.0.1 click-option-group==0.5.6 xxhash rich regex scipy bitarray ftfy psutil zstandard
    pip install --no-deps text-dedup==0.4.0

The texts come as words with one space between, so that both make the same shingles of them as we do.
"""
import json
import multiprocessing
import time
from collections import defaultdict
from functools import partial

import datasketch
import numpy as np
from text_dedup import minhash as text_dedup
from text_dedup.utils import UnionFind, optimal_param

from peer import memory, reset_peak, serve

WIDTH = 5


def clusters_of(union, count):
    groups = defaultdict(list)
    for index in range(count):
        groups[union.find(index)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def shingles(text):
    words = text.split(" ")
    return {" ".join(words[start : start + WIDTH]).encode() for start in range(max(1, len(words) - WIDTH + 1))}


def embed(pair, **settings):
    return text_dedup.embed_func(pair[0], pair[1], **settings)


class Contestant:
    def start(self, file):
        with open(file, encoding="utf-8") as texts:
            self.texts = json.load(texts)
        return None

    def measured(self, run):
        before = memory("VmRSS")
        reset_peak()
        started = time.perf_counter()
        clusters = run()
        seconds = time.perf_counter() - started
        peak = memory("VmHWM")
        return {"seconds": seconds, "megabytes": None if peak is None else peak - before, "clusters": clusters}

    def datasketch(self, threshold, numHashes):
        """Candidates of the index whose estimated similarity reaches the threshold, joined; one process."""

        def run():
            union = UnionFind()
            index = datasketch.MinHashLSH(threshold=threshold, num_perm=numHashes)
            sketches = []
            for number, text in enumerate(self.texts):
                sketch = datasketch.MinHash(num_perm=numHashes)
                sketch.update_batch(list(shingles(text)))
                for other in index.query(sketch):
                    if sketch.jaccard(sketches[other]) >= threshold:
                        union.union(number, other)
                index.insert(number, sketch)
                sketches.append(sketch)
            return clusters_of(union, len(self.texts))

        return self.measured(run)

    def textDedup(self, threshold, numHashes, processes):
        """The steps of text_dedup.minhash.main with its defaults (SHA-1, 64 bits), the sketches in `processes` processes."""
        bands, rows = optimal_param(threshold, numHashes, false_positive_weight=0.5, false_negative_weight=0.5)
        prime = np.uint64((1 << 61) - 1)
        settings = dict(
            num_perm=numHashes,
            ngram_size=WIDTH,
            min_length=0,
            hashranges=[(band * rows, (band + 1) * rows) for band in range(bands)],
            permutations=(
                text_dedup.RNG.randint(1, prime, size=(numHashes,), dtype=np.uint64),
                text_dedup.RNG.randint(0, prime, size=(numHashes,), dtype=np.uint64),
            ),
            hash_func=partial(text_dedup.sha1_hash, d=32),
            dtype=np.uint64,
            max_hash=np.uint32((1 << 32) - 1),
            modulo_prime=prime,
        )

        def run():
            union = UnionFind()
            tables = [defaultdict(set) for _ in range(bands)]
            with multiprocessing.Pool(processes) as pool:
                pairs = zip(self.texts, range(len(self.texts)))
                for embedded in pool.imap(partial(embed, **settings), pairs, chunksize=100):
                    for table, signature in zip(tables, embedded["__signatures__"]):
                        table[signature].add(embedded[text_dedup.INDEX_COLUMN])
            for table in tables:
                for cluster in table.values():
                    if len(cluster) <= 1:
                        continue
                    first = min(cluster)
                    for member in cluster:
                        union.union(member, first)
            return clusters_of(union, len(self.texts))

        return self.measured(run)


if __name__ == "__main__":
    serve(Contestant())
