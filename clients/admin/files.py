"""The files that a client certificate is handed out as; those with its key after the password."""

from typing import Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpResponse

from certmate.access.verbs import Verb
from certmate.core.errors import invalid_input
from certmate.pki import bundle as pki
from certmate.pki.bundle import Bundle
from certmate.ui.downloads import attachment
from certmate.ui.forms import PasswordAgain
from certmate.ui.tools import Tool
from clients import services
from clients.models import ClientCertificate


class _File(Tool[ClientCertificate]):
    """One file; `ending` is that of its name."""

    verb, in_toolbar = Verb.DOWNLOAD, False
    ending: ClassVar[str]
    media_type: ClassVar[str]
    has_key: ClassVar[bool] = False

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        if not isinstance(obj, ClientCertificate) or obj.current_version is None:
            return False
        return obj.current_version.has_private_key or not cls.has_key

    def content(self, bundle: Bundle) -> bytes:
        raise NotImplementedError

    def carry_out(self) -> bytes:
        bundle = services.load_client_bundle(
            actor=self.actor, certificate=self.obj, include_private=self.has_key
        )
        with invalid_input(""):
            return self.content(bundle)

    def response(self) -> HttpResponse:
        return attachment(self.result, self.media_type, f"{self.obj.identifier}{self.ending}")


class DownloadPEM(_File):
    name, label, is_direct = "download_pem", "Certificate and chain (.pem)", True
    explanation = "PEM, the certificate first. No private key."
    ending, media_type = ".pem", "application/x-pem-file"

    def content(self, bundle: Bundle) -> bytes:
        return bundle.fullchain.encode()


class DownloadDER(_File):
    name, label, is_direct = "download_der", "Certificate in DER (.cer)", True
    explanation = "The certificate alone, as Windows and Java take it. No private key."
    ending, media_type = ".cer", "application/pkix-cert"

    def content(self, bundle: Bundle) -> bytes:
        return pki.to_der(bundle)


class DownloadPKCS7(_File):
    name, label, is_direct = "download_pkcs7", "Certificate and chain, PKCS#7 (.p7b)", True
    explanation = "PKCS#7 in DER, with all certificates of the chain. No private key."
    ending, media_type = ".p7b", "application/x-pkcs7-certificates"

    def content(self, bundle: Bundle) -> bytes:
        return pki.to_pkcs7(bundle)


class DownloadZIP(_File):
    name, label, is_direct = "download_zip", "All files (.zip)", True
    explanation = "Certificate, chain, full chain and the CSR if one was brought. No private key."
    ending, media_type = ".zip", "application/zip"

    def content(self, bundle: Bundle) -> bytes:
        return pki.to_zip(bundle, include_private=False)


class _WithKey(PasswordAgain, _File):
    verb, has_key = Verb.EXPORT_KEY, True
    submit_label = "Download with private key"


class ExportZIP(_WithKey):
    name, label = "export_zip", "Export key as ZIP (.zip)"
    explanation = (
        "A ZIP file with the certificate and its private key, which is not encrypted. "
        "Whoever has the file can pose as the holder. The audit log says that you took it."
    )
    ending, media_type = "-with-key.zip", "application/zip"

    def content(self, bundle: Bundle) -> bytes:
        return pki.to_zip(bundle, include_private=True)


class ExportPKCS12(_WithKey):
    name, label = "export_pkcs12", "Export key as PKCS#12 (.p12)"
    explanation = (
        "A PKCS#12 file with the certificate, its chain and its private key, encrypted with a "
        "password of your choice. The audit log says that you took it."
    )
    ending, media_type = ".p12", "application/x-pkcs12"
    file_password = forms.CharField(
        label="Password of the file",
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Whoever imports the file is asked for it.",
    )
    file_password_again = forms.CharField(
        label="Password of the file, again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    legacy = forms.BooleanField(
        label="For old programs",
        required=False,
        help_text="Weak: 3DES and SHA-1 instead of AES and SHA-256. Only for programs that open "
        "nothing else, such as Windows before 10 and Java before 8u301; choose a long password.",
    )
    fieldsets = (
        ("File", "", ("file_password", "file_password_again", "legacy")),
        ("You", "", ("password",)),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("file_password") != data.get("file_password_again"):
            self.add_error("file_password_again", "The two passwords are not the same.")
        return data

    def content(self, bundle: Bundle) -> bytes:
        with invalid_input("file_password"):
            return pki.to_pkcs12(
                bundle,
                password=self.cleaned_data["file_password"],
                name=self.obj.identifier,
                legacy=self.cleaned_data["legacy"],
            )


FILE_TOOLS: tuple[type[_File], ...] = (
    *(DownloadPEM, DownloadDER, DownloadPKCS7, DownloadZIP),
    *(ExportZIP, ExportPKCS12),
)
