"""What beat does for certificates, unless an operator has changed it in the admin."""

from datetime import timedelta

from certmate.core.schedules import Schedule

SCHEDULES = (
    Schedule(
        "certificates.sweep_orders",
        timedelta(minutes=1),
        "Wakes orders whose message was lost, whose wait is over, or whose worker died.",
    ),
    Schedule(
        "certificates.renew_due",
        timedelta(minutes=5),
        "Places orders for the certificates whose renewal is due.",
    ),
    Schedule(
        "certificates.poll_renewal_windows",
        timedelta(minutes=5),
        "Asks CAs that offer ACME Renewal Information when to renew (RFC 9773).",
    ),
)
