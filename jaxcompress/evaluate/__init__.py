"""Rate-distortion evaluation: runs of learned and classical codecs, and what is made of them.

    codec = classical.create("jpeg")                                # or LearnedCodec({3: weights})
    curve, failures = run(codec, find_pictures(["kodak"]))
    curve.save("jpeg.json")                                         # CompressAI's schema, and more
    bd_rate(published.load("vtm"), curve).percent
    plot_curves([curve], references=[published.load("vtm")]).savefig("curves.png")

Modules: `classical` (codecs from JPEG to VVC), `published` (curves of others, as data), `bd_table`, `plot`, `report`
(an HTML page). Plots, pages, BD-rates and SSIM need the extra `eval`.
"""

from jaxcompress.evaluate import bd_table, classical, published
from jaxcompress.evaluate.bd_rate import BDRate, bd_rate
from jaxcompress.evaluate.codec import CodecError, Decoded, Encoded, MissingExecutableError, PictureCodec, Quality
from jaxcompress.evaluate.complexity import Stage, complexity
from jaxcompress.evaluate.curve import Curve, load_curve
from jaxcompress.evaluate.entries import Entry, load_entries
from jaxcompress.evaluate.find_close import Found, find_close
from jaxcompress.evaluate.learned import LearnedCodec, curve_name
from jaxcompress.evaluate.measure import DEFAULT_METRICS, METRICS, measure
from jaxcompress.evaluate.pictures import Source, find_pictures
from jaxcompress.evaluate.plot import plot_curves
from jaxcompress.evaluate.report import Report, make_report
from jaxcompress.evaluate.run import Failure, Settings, Target, run

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "BDRate",
    "CodecError",
    "Curve",
    "Decoded",
    "Encoded",
    "Entry",
    "Failure",
    "Found",
    "LearnedCodec",
    "MissingExecutableError",
    "PictureCodec",
    "Quality",
    "Report",
    "Settings",
    "Source",
    "Stage",
    "Target",
    "bd_rate",
    "bd_table",
    "classical",
    "complexity",
    "curve_name",
    "find_close",
    "find_pictures",
    "load_curve",
    "load_entries",
    "make_report",
    "measure",
    "plot_curves",
    "published",
    "run",
]
