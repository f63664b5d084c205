"""What a user may say of a classical codec."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

Value = bool | int | str


@dataclasses.dataclass(frozen=True)
class Options:
    """How a codec is set and where its programs are. What is None is left to the codec.

    A codec refuses, with a message that says what it has, the options that it has not.

    Attributes:
        subsampling: of chroma, such as "4:4:4" or "4:2:0".
        folder: where encoder and decoder lie, such as the `bin` of a build; by default they are looked for on PATH.
        encoder: path of the encoder, or its name on PATH.
        decoder: path of the decoder, or its name on PATH.
        config: configuration file of the encoder.
        timeout: seconds after which a run of an encoder or a decoder is given up.
        parameters: of the codec alone, by name, as values or as text; its class lists them as `parameters`.
    """

    subsampling: str | None = None
    folder: str | Path | None = None
    encoder: str | Path | None = None
    decoder: str | Path | None = None
    config: str | Path | None = None
    timeout: float | None = None
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A setting of a codec that is neither quality nor subsampling.

    Attributes:
        default: its value unless told otherwise.
        meaning: what it is.
        choices: all values, if they are few; a switch has none and is a bool.
    """

    default: Value
    meaning: str
    choices: tuple[int, ...] | tuple[str, ...] = ()

    def parse(self, name: str, value: Value) -> Value:
        """The value that was meant.

        Args:
            name: of the parameter, for messages.
            value: it, or its text.

        Raises:
            ValueError: it is none of the choices.
        """
        choices: dict[str, Value] = {str(choice): choice for choice in self.choices}
        if isinstance(self.default, bool):
            choices = {"true": True, "false": False}
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if text not in choices:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
        return choices[text]


def parse_parameters(codec: str, known: Mapping[str, Parameter], given: Mapping[str, Value]) -> dict[str, Value]:
    """All parameters of a codec: those given, and the others as they are by default.

    Args:
        codec: its name, for messages.
        known: those that it has.
        given: those that the user said.

    Raises:
        ValueError: the codec has no such parameter, or the parameter no such value.
    """
    for name in given:
        if name not in known:
            raise ValueError(f"{codec} has no parameter {name!r}; it has {', '.join(known) or 'none'}")
    return {name: parameter.parse(name, given.get(name, parameter.default)) for name, parameter in known.items()}
