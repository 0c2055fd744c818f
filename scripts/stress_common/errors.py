"""The two ways in which a script ends badly."""


class UsageError(Exception):
    """The arguments, or what they name, cannot be used; nothing has been started. Exit code 2."""


class StressError(Exception):
    """A process's work failed; the text is the reason that people read. Exit code 1."""


def reason_of(error: BaseException) -> str:
    """One line that says what went wrong, with the path where there is one."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
