"""What the pure parts say when an input is not acceptable; services translate it with its field."""


class PKIError(ValueError):
    """A name, key, CSR or certificate that is refused. `code` is stable, the text is for a
    person, `field` names the part that is wrong ("subject.O") if the input has several.
    """

    def __init__(self, detail: str, *, code: str, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.field = field
