"""The same filters by datatrove 0.10.1 (spaCy 3.8.18, jieba 0.42.1), in as many processes; speaks the lines of child.ts."""
import glob
import shutil
import time

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.logging import logger
from datatrove.utils.text import split_into_words

from peer import serve

CHINESE_STOP_WORDS = ["的", "是", "在", "不", "了", "有", "和", "之", "也", "而"]


def filters(language):
    """Chinese as FineWeb 2 does it: words by jieba, its own stop words, no bound to the mean length of a word."""
    if language == "en":
        return [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), FineWebQualityFilter()]
    return [
        GopherRepetitionFilter(language="zho_Hani"),
        GopherQualityFilter(language="zho_Hani", min_avg_word_length=None, max_non_alpha_words_ratio=0.7, stop_words=CHINESE_STOP_WORDS),
        C4QualityFilter(language="zho_Hani", filter_no_terminal_punct=False, min_words_per_line=-1, max_word_length=-1),
        FineWebQualityFilter(language="zho_Hani", short_line_length=10),
    ]


class Contestant:
    def __init__(self):
        # Loaded before it counts; the processes are forked from this one.
        split_into_words("Some words.", "eng")
        split_into_words("学而时习之。", "zho_Hani")

    def clean(self, folder, processes):
        logger.remove()
        for old in glob.glob(f"{folder}/datatrove-*"):
            shutil.rmtree(old)
        started = time.perf_counter()
        for language in ("en", "zh"):
            LocalPipelineExecutor(
                [
                    JsonlReader(f"{folder}/{language}", glob_pattern="*.jsonl"),
                    *filters(language),
                    PIIFormatter(),
                    JsonlWriter(f"{folder}/datatrove-{language}", compression=None),
                ],
                tasks=processes,
                workers=processes,
                start_method="fork",
                logging_dir=f"{folder}/datatrove-logs-{language}",
            ).run()
        seconds = time.perf_counter() - started
        kept = sum(sum(1 for _ in open(path, encoding="utf-8")) for path in glob.glob(f"{folder}/datatrove-??/*"))
        return {"seconds": seconds, "kept": kept}


if __name__ == "__main__":
    serve(Contestant())
