"""What can be wrong with a bitstream, and with what is asked of one."""


class BitstreamError(ValueError):
    """A file that is damaged, is of another format, or asks for more than is allowed."""


class WeightsMismatchError(BitstreamError):
    """A file that was written with other weights than those at hand."""


class TargetError(ValueError):
    """A size or a PSNR that no quality of the model gives for a picture."""
