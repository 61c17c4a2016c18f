"""What the pure parts say when an input is not acceptable; services translate it with its field."""


class PKIError(ValueError):
    """A name, key, CSR or certificate that is refused. `code` is stable, the text is for a
    person.
    """

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
