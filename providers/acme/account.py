"""An account at a CA, as the ACME calls need it. Knows no database."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AccountRef:
    """Whom to talk to and as whom.

    `uri` is empty until the account is registered. `trust_bundle` is PEM that is trusted in
    addition to the system's roots, and only for this CA's own servers.
    """

    directory_url: str
    key_pem: str = field(repr=False)
    uri: str = ""
    trust_bundle: str = ""
