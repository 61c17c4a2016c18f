"""Issue a certificate from the command line."""

import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from certificates import execution
from certificates.choices import OrderState
from certificates.models import Order
from certificates.services import CertificateRequest, create_certificate
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import CertMateError

POLL_SECONDS = 0.3


class Command(BaseCommand):
    help = (
        "Take up a certificate and order it. Example: "
        "manage.py issue www.example.com --san example.com --ca letsencrypt --dns "
        "cloudflare-prod --wait"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain")
        parser.add_argument(
            "--san", action="append", default=[], help="a further name; may be repeated"
        )
        parser.add_argument(
            "--ca",
            default="",
            help="name of the CA account or private authority (default: the default CA account)",
        )
        parser.add_argument("--profile", default="", help="of the CA or authority")
        parser.add_argument("--validity-days", type=int, help="from an authority")
        parser.add_argument("--dns", default="", help="name of the DNS account (default: by zone)")
        parser.add_argument("--challenge", choices=["dns-01", "http-01"])
        parser.add_argument("--key-type", default="ec256")
        parser.add_argument("--storage", default="", help="name of the storage target")
        parser.add_argument(
            "--name", default="", help="name of the certificate (default: the domain)"
        )
        parser.add_argument(
            "--wait", action="store_true", help="carry it out here and show each step"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        request = CertificateRequest(
            domain=options["domain"],
            san_domains=options["san"],
            ca=options["ca"],
            profile=options["profile"] or None,
            validity_days=options["validity_days"],
            dns=options["dns"],
            challenge_type=options["challenge"],
            key_type=options["key_type"],
        )
        try:
            certificate, order = create_certificate(
                actor=Actor.system(),
                request=request,
                name=options["name"],
                storage_name=options["storage"],
            )
        except CertMateError as error:
            raise CommandError(f"{error.field or error.code}: {error.detail}") from error
        self.stdout.write(f"Certificate {certificate.name}, order {order.pk}.")
        if options["wait"]:
            follow(self, [order.pk])


def follow(command: BaseCommand, order_ids: list[int]) -> None:
    """Carry out the orders (or watch the worker that does) and print their logs as they grow.

    Raises CommandError if one does not succeed at this attempt.
    """
    failed = [order_id for order_id in order_ids if not _follow_one(command, order_id)]
    if failed:
        raise CommandError(f"Not issued: {len(failed)} of {len(order_ids)} orders.")


def _follow_one(command: BaseCommand, order_id: int) -> bool:
    work = threading.Thread(target=_carry_out, args=(order_id,))
    work.start()
    shown = 0
    while True:
        at_work = work.is_alive()
        order = Order.objects.get(pk=order_id)
        for line in order.log.filter(pk__gt=shown):
            command.stdout.write(f"  {line.at:%H:%M:%S} {line.message}")
            shown = line.pk
        if order.state == OrderState.SUCCEEDED:
            return True
        waits = order.state == OrderState.WAITING and order.next_attempt_at > clock.now()
        if not at_work and (waits or not order.is_open):
            return False
        work.join(POLL_SECONDS) if at_work else time.sleep(POLL_SECONDS)


def _carry_out(order_id: int) -> None:
    try:
        execution.run_order(order_id)
    finally:
        connection.close()
