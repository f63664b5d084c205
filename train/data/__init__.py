"""Training data: pictures from folders, lists or shards, cropped into batches that every process can resume.

Pictures are uint8 RGB `[H, W, 3]`, batches uint8 `[N, crop, crop, 3]`. A stream of batches depends on the pictures, the
options and the seed, and not on the number of threads or processes.
"""

from jaxcompress.train.data.batches import Batches, training_batches
from jaxcompress.train.data.files import ImageFiles
from jaxcompress.train.data.packing import Packed, pack
from jaxcompress.train.data.pictures import Pictures
from jaxcompress.train.data.records import ImageRecords
from jaxcompress.train.data.sources import open_source
from jaxcompress.train.data.validation import hold_out, validation_pictures

__all__ = [
    "Batches",
    "ImageFiles",
    "ImageRecords",
    "Packed",
    "Pictures",
    "hold_out",
    "open_source",
    "pack",
    "training_batches",
    "validation_pictures",
]
