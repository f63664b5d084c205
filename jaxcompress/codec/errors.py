"""What can be wrong with a bitstream."""


class BitstreamError(ValueError):
    """A file that is damaged, is of another format, or asks for more than is allowed."""


class WeightsMismatchError(BitstreamError):
    """A file that was written with other weights than those at hand."""
