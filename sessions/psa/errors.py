"""What a ticketing system's answer means for a push. Three kinds, because they differ in what may be done next."""


class PsaError(Exception):
    """No success. `message` is for people and holds no secret; `retry_after` is what the system asked for.

    `no_answer`: nobody there, or too slow; others will not fare better now.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        retry_after: str | None = None,
        no_answer: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.retry_after = retry_after
        self.no_answer = no_answer


class PsaFailed(PsaError):
    """A clear no that may pass: too many requests, a connection that was never made, log-in refused."""


class PsaRejected(PsaError):
    """A clear no that stays: no such ticket, a field that the system does not take."""


class PsaUnclear(PsaError):
    """Sent, but no clear answer: it may have been written. Look before sending again."""
