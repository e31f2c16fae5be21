"""How a command is refused: one exception, a stable code, a sentence."""

from __future__ import annotations


class Rejected(Exception):
    """A refusal. ``code`` is stable and part of the contract; ``sentence`` says what is wrong and what is allowed;
    ``field`` names the field of the request that is at fault, where one is.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None = None) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence
        self.field = field

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class Busy(Rejected):
    """A refusal because there is too much to do now; nothing was done. ``retry_after`` is in how many seconds to come
    again.
    """

    def __init__(self, code: str, sentence: str, retry_after: float = 1.0) -> None:
        super().__init__(code, sentence)
        self.retry_after = retry_after


def require(condition: object, code: str, sentence: str, *, field: str | None = None) -> None:
    """Refuse unless the condition holds.

    :raises Rejected: with the code and the sentence.
    """
    if not condition:
        raise Rejected(code, sentence, field=field)
