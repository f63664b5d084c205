"""CompressAI from pixels to bytes and back for `light.py`, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`:

    {"command": "build", architecture, checkpoint, layout, threads}    see `codec_reference.py`
    {"command": "code", pixels, decoded}    bytes; wall and CPU time of both directions; reads and writes .npy
"""

import numpy as np
from codec_reference import build, compress, decompress
from process import measure, serve


def code(pixels, decoded):
    """Codes a picture, uint8 `[H, W, 3]`, and decodes it again."""
    picture = np.load(pixels)
    data, encoding = measure(lambda: compress(picture))
    found, decoding = measure(lambda: decompress(data))
    np.save(decoded, found)
    return {"bytes": len(data), "encode": encoding, "decode": decoding}


if __name__ == "__main__":
    serve({"build": build, "code": code})
