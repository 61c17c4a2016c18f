"""Writes docs/providers.md from the catalogues: `python -m tests.providers.document`."""

from pathlib import Path

from providers.acme.catalogue import CATALOGUE as CAS
from providers.acme.catalogue import CONCURRENT, CAProfile, CAProvider
from providers.dns.catalogue import CATALOGUE as DNS
from providers.dns.provider import DNSProvider

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"

PROVEN = {
    "rfc2136": "certificates through BIND and Knot",
    "powerdns": "certificates through PowerDNS 4 by its HTTP API",
    "acme-dns": "certificates through a stand-in of the server",
    "route53": "certificates through moto, a stand-in of AWS",
    "cloudflare": "certificates through a stand-in of its API",
    "script": "certificates through scripts",
}
FIRST_CALL = "up to the first call"
ROUTES = {
    "official": "certbot's own plugin",
    "plugin": "maintained plugin",
    "multi": "multi-provider plugin",
    "hook": "scripts",
    "built-in": "built in",
}

TEXT = """\
# DNS providers and CAs

Made from the catalogues by `python -m tests.providers.document`; a test holds it fresh.

## DNS providers

{count} providers. Each is reached in the way that was found to work best with certbot 5: its own
plugin, a maintained one of somebody else, or lego's code by way of
[certbot-dns-multi](https://pypi.org/project/certbot-dns-multi/). All of them can live in one
environment: `make run` installs `requirements/dns.txt`, and where a package is missing the admin,
`GET /api/dns-providers` and the order's error name the command that installs it. A run loads its
own plugin and no other.

**Which account.** A certificate that names a DNS account uses it for all of its names. One that
names none uses, for each name, the account whose zone matches it longest, of those that whoever
asks for it may use: several at once where the names lie in zones of several accounts, at one
provider or at different ones. Each account then works in a process of its own, with one plugin
and its own credentials; all publish at the same time. An order shows who proves what, and no
account can be deleted that one of them names.

- **Credentials**: those in *italics* may be left out; 🔒 is a secret. Each is validated before
  anything is called.
- **Served within** is how many seconds a record may take. The zone's name servers are asked
  meanwhile, and the CA as soon as all of them have it. `DNS account → propagation seconds` says
  otherwise. 0: the CA is asked at once.
- **Proven**: what a test does with it. "{first}" means that certbot, with the plugin loaded,
  takes what we render and calls the provider; nobody had an account there.
- **One value**: the provider keeps one value at a name, so that a name and its wildcard need
  certificates of their own.

**Delegation.** Where `_acme-challenge.NAME` is a CNAME, the answer is written where it leads to.
Name the zone of the CNAME under *zones* of the account that can write there, and the zone of NAME
under *delegated zones*; the account then needs no right to the latter, and is found by either.
Before the CA is asked, each CNAME is looked up, and what is missing is named.

**Identities instead of secrets.** AWS Route 53, Google Cloud DNS and Azure DNS accounts can use
the role, service account or managed identity of the machine that the worker runs on. That
identity is everybody's: choosing it, or changing an account that has it, needs the right to change
all DNS accounts.

**Changing credentials.** Whoever may change an account may not read its secrets. Where anything
but a secret changes, or which server is believed, all secrets of the account are given again.

**Not in the list** is what lego marks as shut down. Zones under non-public suffixes (`.internal`)
are not found by the plugins that build on lexicon (DNSimple, DNS Made Easy, Gehirn, Linode,
LuaDNS, NS1, OVHcloud, Sakura Cloud, Dynu, Njalla, Plesk).

| slug | provider | route | credentials | served within | proven |
| --- | --- | --- | --- | --- | --- |
{dns}

## CAs

EAB is external account binding (RFC 8555 §7.3.4): the pair of values is tried when the account is
verified or first used, and its key is forgotten then; to name another directory before that, give
the key again. What is issued by an account at a staging CA is badged. `acme` and `step-ca` take any
directory, with the roots that its server is trusted by. Of DigiCert, GlobalSign and Sectigo the
account may name another directory, such as that of a region. Buypass is not in the list: it issues
no TLS certificates by ACME any more.

**Profiles.** Some CAs let one choose the kind of certificate
([draft-ietf-acme-profiles](https://datatracker.ietf.org/doc/draft-ietf-acme-profiles/)). What a CA
offers is read from its directory when an account is verified or registered, and shown with the
account. `profile` of the account says what its certificates are; `profile` of a certificate says
otherwise for that one, and its renewals keep it. What the CA does not offer is refused before
anything is ordered, and so is an order that it opens under another profile. A short-lived
certificate is renewed with half of its lifetime left, or when the CA suggests; a number of days
that is meant for longer ones does not put that off or bring it forward beyond half.

**Budget.** Orders are counted for each CA account, so that its limits are never hit: new orders,
orders for the same names, failures of a name, and {concurrent} orders at a time. What expires
first goes first. `orders_per_hour` of the account is a lower limit of your own. A `Retry-After`
of the CA is obeyed by its order, and by all others for up to 10 minutes.

| slug | CA | directory | EAB | validation | keys | wildcards | IP | profiles | known limits |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{cas}
"""


def page() -> str:
    """The whole page."""

    return TEXT.format(
        count=len(DNS),
        first=FIRST_CALL,
        concurrent=CONCURRENT,
        dns="\n".join(map(_dns, DNS.values())),
        cas="\n".join(map(_ca, CAS.values())),
    )


def _dns(entry: DNSProvider) -> str:
    credentials = ", ".join(
        f"{name}{' 🔒' if parameter.secret else ''}"
        for parameter in entry.parameters
        for name in [f"`{parameter.name}`" if parameter.required else f"*`{parameter.name}`*"]
    )
    seconds = entry.propagation_seconds
    proven = PROVEN.get(entry.slug, FIRST_CALL)
    cells = (
        f"`{entry.slug}`",
        f"[{entry.label}]({entry.docs_url})" + (" (one value)" if entry.capacity == 1 else ""),
        f"{ROUTES[entry.route]}" + (f" `{entry.package}`" if entry.route == "plugin" else ""),
        credentials,
        "it waits itself" if seconds is None else str(seconds),
        proven,
    )
    return f"| {' | '.join(cells)} |"


def _ca(entry: CAProvider) -> str:
    limits = [
        f"{limit.count} {limit.kind}s / {limit.per.total_seconds() / 3600:g} h"
        for limit in entry.limits
    ]
    cells = (
        f"`{entry.slug}`",
        f"[{entry.label}]({entry.docs_url})" + (" (staging)" if entry.staging else ""),
        f"`{entry.directory_url}`" if entry.directory_url else "you name it",
        entry.eab,
        ", ".join(entry.types),
        ", ".join(entry.key_types),
        _yes(entry.wildcard),
        _yes(entry.ip_addresses),
        ", ".join(map(_profile, entry.profiles)),
        ", ".join(limits),
    )
    return f"| {' | '.join(cells)} |"


def _profile(profile: CAProfile) -> str:
    days = profile.lifetime.total_seconds() / 86400
    addresses = ", IP too" if profile.ip_addresses else ""
    return f"{profile.name} ({days:.2g} days, {profile.max_names} names{addresses})"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    PAGE.write_text(page())
