"""Readers of Python; speaks the lines of child.ts.

datatrove 0.10.1 (orjson 3.13.0), pyarrow 26.0.1, warcio 1.8.1, readability-lxml 0.9, mwxml 0.3.8, mwparserfromhell 0.7.2
"""
import logging
import os
import resource
import time

import pyarrow
import pyarrow.ipc
from datatrove.pipeline.readers import JsonlReader, ParquetReader, WarcReader
from datatrove.pipeline.readers.csv import CsvReader
from loguru import logger

from peer import serve

logger.remove()
logging.disable(logging.CRITICAL)


def by_datatrove(reader):
    def texts(path):
        folder, name = os.path.split(path)
        for document in reader(folder, glob_pattern=name, file_progress=False)():
            yield document.text

    return texts


def arrow(path):
    with pyarrow.memory_map(path) as source:
        reader = pyarrow.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            for row in reader.get_batch(number).to_pylist():
                yield row["text"]


def pages(path):
    import lxml.html
    from readability import Document
    from warcio.archiveiterator import ArchiveIterator

    with open(path, "rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response":
                html = record.content_stream().read().decode("utf-8")
                yield lxml.html.fromstring(Document(html).summary()).text_content()


def wikitext(path):
    import mwparserfromhell
    import mwxml

    with open(path, encoding="utf-8") as file:
        for page in mwxml.Dump.from_file(file):
            for revision in page:
                yield mwparserfromhell.parse(revision.text).strip_code()


READERS = {
    "jsonl": by_datatrove(JsonlReader),
    "jsonl.gz": by_datatrove(JsonlReader),
    "csv": by_datatrove(CsvReader),
    "parquet": by_datatrove(ParquetReader),
    "arrow": arrow,
    "warc.wet.gz": by_datatrove(WarcReader),
    "warc": pages,
    "xml": wikitext,
}


class Contestant:
    def read(self, path, ending):
        started = time.perf_counter()
        documents = characters = 0
        for text in READERS[ending](path):
            documents += 1
            characters += len(text)
        return {"seconds": time.perf_counter() - started, "documents": documents, "characters": characters}

    def peak(self):
        """MB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    serve(Contestant())
