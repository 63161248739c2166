"""Errors that a user is meant to read. Anything else that escapes is a bug and goes to the crash dialog."""

from __future__ import annotations

import re
from collections.abc import Mapping

ASKED = ("task", "model", "version", "weights_sha256", "method")
"""What is known of a question that got no answer: `library.tasks.Task.id`, and the model version that gave none."""

_CLASSES: dict[str, type[UserFacingError]] = {}
"""Kind -> class, of all classes that were defined so far."""


def of(kind: str, message: str, remedy: str, **asked: object) -> UserFacingError:
    """An error that another process told of, or that was stored, as an instance of its own class.

    A kind that this process has no class for becomes a plain `UserFacingError`.

    Parameters
    ----------
    asked : str
        What `OutOfScopeError.asked` holds; only words that it knows are taken.
    """
    made = _CLASSES.get(kind, UserFacingError)(message, remedy)
    if isinstance(made, OutOfScopeError):
        made.asked = {name: value for name, value in asked.items() if name in ASKED and isinstance(value, str)}
    return made


_RAW = re.compile(
    r"NoneType|\bNone\b|\bnan\b|\binf\b|<class|<[\w.]+ object|0x[0-9a-f]{6}|Traceback|\b\w+(Error|Exception)\b|__\w+__"
    r"|\bobject (has|is|of)\b|not subscriptable|positional|keyword argument|\bargument\b|literal for|could not convert"
    r"|cannot convert|unsupported operand|unhashable|list ind|out of range|unpack|bytes-like|codec|byte 0|dtype|\bstr\b"
    r"|\bint\b|\bfloat\b|\bdict\b|\btuple\b|broadcast|reshape|ndarray|DataFrame|unpack_from|buffer|\(-\d+:|\.cpp|\.py\b|!_src"
)
"""Words of Python and its libraries that say nothing to a user."""
_LONGEST = 200


def in_words(error: BaseException) -> str:
    """What an exception says, in words for a user: part of a sentence, without full stop.

    Words of our own and of the operating system stay; those of Python and its libraries are replaced by what they mean.
    """
    if isinstance(error, UserFacingError):
        return error.message.rstrip(".")
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"“{error.args[0][:60]}” is missing in it"
    if isinstance(error, UnicodeError):
        return "it isn't text in UTF-8"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror or "the system refused it"
    if isinstance(error, OSError) and error.args:
        return str(error).rstrip(".")  # said by this program
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OverflowError | ZeroDivisionError):
        return "a number in it is beyond all bounds"
    said = " ".join(str(error).split()).rstrip(".")
    if said and len(said) <= _LONGEST and not _RAW.search(said) and not isinstance(error, TypeError | AttributeError):
        return said
    if isinstance(error, ValueError) and re.search(r"literal for|convert", said):
        return "a number in it is none"
    if isinstance(error, TypeError | AttributeError | LookupError | ValueError):
        return "a part of it is of another kind than it should be"
    return "its content contradicts itself"


class UserFacingError(Exception):
    """Something went wrong that the user can understand and act on.

    Parameters
    ----------
    message : str
        What happened, in one sentence, in the user's words.
    remedy : str
        What to do about it, in one sentence. Never empty.
    """

    kind = "error"
    """Stable machine-readable name of the error class; written to JSON exports."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _CLASSES.setdefault(cls.kind, cls)  # the first class of a kind; those below it that name none share it

    def __init__(self, message: str, remedy: str) -> None:
        if not message or not remedy:
            raise ValueError("a user-facing error needs a message and a remedy")
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.remedy)

    def as_dict(self) -> dict[str, str]:
        """``{"kind", "message", "remedy"}``, as the JSON export writes it."""
        return {"kind": self.kind, "message": self.message, "remedy": self.remedy}


class InternalError(UserFacingError):
    """A bug; the message names it, the log has the traceback."""

    kind = "internal"

    @classmethod
    def met(cls, error: BaseException) -> InternalError:
        """The words for what escaped although nothing should."""
        return cls(
            f"Something went wrong inside the program ({type(error).__name__}).",
            "The other files are not affected. Help > Save log… keeps the details for a bug report.",
        )


class ImageError(UserFacingError):
    """A file could not be opened as an image."""

    kind = "image"


class EmptyFileError(ImageError):
    kind = "empty-file"


class NotAnImageError(ImageError):
    kind = "not-an-image"


class NoPixelDataError(ImageError):
    kind = "no-pixel-data"


class TruncatedImageError(ImageError):
    kind = "truncated"


class DamagedImageError(ImageError):
    """The file is an image but its content contradicts itself."""

    kind = "damaged"


class MissingDecoderError(ImageError):
    kind = "missing-decoder"


class ImageTooLargeError(ImageError):
    kind = "too-large"


class ImageTooSmallError(ImageError):
    kind = "too-small"


class UnreadableFileError(ImageError):
    """Missing file, no permission, I/O error."""

    kind = "unreadable"


class ArchiveError(ImageError):
    """A ZIP archive could not be unpacked."""

    kind = "archive"


class NothingFoundError(ImageError):
    """What a model looks at wasn't found in the picture: there is no verdict until a person chooses a part."""

    kind = "nothing-found"


class NoFaceError(NothingFoundError):
    """A face model is to look at a picture in which no face was found."""

    kind = "no-face"


class NoIrisError(NothingFoundError):
    """An iris model is to look at a picture in which no iris was found."""

    kind = "no-iris"


class OutOfScopeError(UserFacingError):
    """The image isn't of the kind that the model was made for: there is no verdict, unless somebody asks anyway.

    Parameters
    ----------
    reasons : tuple of str
        Why, each in a phrase; empty where the error came from another process or from storage: the message has them.
    asked : mapping of str to str
        The question and whom it was put to, see `ASKED`; empty where that isn't known.
    """

    kind = "out-of-scope"

    def __init__(
        self, message: str, remedy: str, reasons: tuple[str, ...] = (), asked: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, remedy)
        self.reasons = reasons
        self.asked: Mapping[str, str] = dict(asked or {})

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.remedy, self.reasons, self.asked)

    def as_dict(self) -> dict[str, str]:
        """The same, and what was asked; see `of`."""
        return {**super().as_dict(), **self.asked}


class ModelError(UserFacingError):
    """A model can't be used."""

    kind = "model"


class ModelIntegrityError(ModelError):
    """The weights or the card are not what they say they are."""

    kind = "model-integrity"


class ModelNotFoundError(ModelError):
    kind = "model-not-found"


class VersionGoneError(ModelError):
    """The model version that a batch or report began with isn't installed any more."""

    kind = "version-gone"


class EngineError(UserFacingError):
    """The engine process could not do what was asked."""

    kind = "engine"


class EngineDiedError(EngineError):
    """It stopped, or hung and was stopped, while it worked on this and on nothing else."""

    kind = "engine-died"


class EngineDiedBesideError(EngineDiedError):
    """It stopped while it worked on this, but perhaps because of something else that it worked on, or was told to."""

    kind = "engine-died-beside"


class StopsEngineError(EngineError):
    """A file that the engine stopped on whenever it was asked about it."""

    kind = "stops-engine"


class ClusterError(EngineError):
    """A cluster can't be used, or is gone; what it answered before is kept."""

    kind = "cluster"


class OutOfMemoryError(EngineError):
    kind = "out-of-memory"


class CancelledError(UserFacingError):
    """The user cancelled; nothing is wrong."""

    kind = "cancelled"

    def __init__(self, message: str = "Cancelled.", remedy: str = "Start it again when you like.") -> None:
        super().__init__(message, remedy)


class TrainingError(UserFacingError):
    kind = "training"


class NotFiniteError(TrainingError):
    """The loss became infinite or not a number."""

    kind = "not-finite"


class TeachingMissingError(EngineError):
    """The program was installed without what trains models."""

    kind = "no-training"


class CasebookError(UserFacingError):
    kind = "casebook"


class CasebookReadOnlyError(CasebookError):
    """Someone else holds the casebook, or it lies on a read-only medium."""

    kind = "casebook-read-only"


class CasebookDamagedError(CasebookError):
    """The database or a blob is not what was written."""

    kind = "casebook-damaged"


class CasebookTooNewError(CasebookError):
    kind = "casebook-too-new"


class CasebookFullError(CasebookError):
    """The disk is full; what was acknowledged before is safe."""

    kind = "casebook-full"


class ImageMissingError(CasebookError):
    """The original is not where it was."""

    kind = "image-missing"


class ImageAlteredError(CasebookError):
    """The file's bytes are not those that were imported."""

    kind = "image-altered"


class ReportError(UserFacingError):
    kind = "report"


class ExportError(UserFacingError):
    """A file could not be written."""

    kind = "export"


class MaskError(UserFacingError):
    kind = "mask"


class MaskSizeError(MaskError):
    """A mask file is for an image of another size; resampling it is a choice."""

    kind = "mask-size"
