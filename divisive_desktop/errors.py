"""Errors that a user is meant to read. Anything else that escapes is a bug and goes to the crash dialog."""

from __future__ import annotations

_CLASSES: dict[str, type[UserFacingError]] = {}
"""Kind -> class, of all classes that were defined so far."""


def of(kind: str, message: str, remedy: str) -> UserFacingError:
    """An error that another process told of, or that was stored, as an instance of its own class.

    A kind that this process has no class for becomes a plain `UserFacingError`.
    """
    return _CLASSES.get(kind, UserFacingError)(message, remedy)


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


class NoFaceError(ImageError):
    """A face model is to look at a picture in which no face was found."""

    kind = "no-face"


class OutOfScopeError(UserFacingError):
    """The image isn't of the kind that the model was made for: there is no verdict, unless somebody asks anyway.

    Parameters
    ----------
    reasons : tuple of str
        Why, each in a phrase; empty where the error came from another process or from storage: the message has them.
    """

    kind = "out-of-scope"

    def __init__(self, message: str, remedy: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy)
        self.reasons = reasons

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.remedy, self.reasons)


class ModelError(UserFacingError):
    """A model can't be used."""

    kind = "model"


class ModelIntegrityError(ModelError):
    """The weights or the card are not what they say they are."""

    kind = "model-integrity"


class ModelNotFoundError(ModelError):
    kind = "model-not-found"


class EngineError(UserFacingError):
    """The engine process could not do what was asked."""

    kind = "engine"


class EngineDiedError(EngineError):
    kind = "engine-died"


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
