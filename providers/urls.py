"""What verifiers fetch; these addresses stand in certificates and must never change."""

from django.urls import path, register_converter

from providers import ocsp, public


class NameConverter:
    """A name as `account_name` has it: nothing else reaches the database."""

    regex = "[a-z0-9][a-z0-9._-]{0,99}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class NumberConverter:
    """As many digits as a number of ours can have."""

    regex = "[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class FormConverter(NameConverter):
    """The end of a certificate's file name."""

    regex = "|".join(public.FORMS)


register_converter(NameConverter, "authority")
register_converter(FormConverter, "form")
register_converter(NumberConverter, "number")

urlpatterns = [
    path("<authority:name>/ca.<form:form>", public.current, name="authority_certificate"),
    path("<authority:name>/ca/<number:number>.<form:form>", public.of_key, name="authority_key"),
    path("<authority:name>/crl/<number:shard>.crl", public.crl, name="authority_crl"),
    path("<authority:name>/delta/<number:shard>.crl", public.delta_crl, name="authority_delta_crl"),
    path("<authority:name>/ocsp", ocsp.respond, name="authority_ocsp"),
    path("<authority:name>/ocsp/", ocsp.respond, name="authority_ocsp_slash"),
    path("<authority:name>/ocsp/<path:encoded>", ocsp.respond, name="authority_ocsp_get"),
    # `pki/tls` is the address of a certificate.
    path("<str:name>/<path:rest>", public.nothing, name="authority_nothing"),
]
