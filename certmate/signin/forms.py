"""The forms of sign-in: allauth's, with our words, our counts and codes that work once."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm

from certmate.core.addresses import client_address
from certmate.core.errors import CertMateError
from certmate.signin import codes, lockout, reauthentication, totp

_CODE = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}


class SignInForm(LoginForm):  # type: ignore[misc]
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attributes = {"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        self.fields["login"] = forms.CharField(
            label="User name", max_length=150, widget=forms.TextInput(attrs=attributes)
        )


class _Code(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    is_again = False
    user: Any
    code = forms.CharField(
        label="Code", max_length=20, widget=forms.TextInput(attrs={**_CODE, "autofocus": True})
    )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        request = context.request
        try:
            self.authenticator = codes.check(
                user=self.user, code=code, request=request, again=self.is_again
            )
        except CertMateError as error:
            raise forms.ValidationError(error.detail, code=error.code) from error
        if self.is_again:
            lockout.succeeded(self.user.get_username(), client_address(request))
        return code


class CodeForm(_Code, AuthenticateForm):  # type: ignore[misc]
    """At sign-in."""


class CodeAgainForm(_Code, ReauthenticateForm):  # type: ignore[misc]
    """From somebody who is signed in."""

    is_again = True


class SetUpAppForm(forms.Form):
    """Sets up an authenticator app: the first code shows that it has the secret."""

    code = forms.CharField(label="Code", max_length=20, widget=forms.TextInput(attrs=_CODE))

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.secret = totp.offer(context.request, is_new=not self.is_bound)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        step = totp.step_of(self.secret, code)
        if step is None:
            raise forms.ValidationError(
                "This is not the present code. Check the clock of the device.",
                code="signin.code_wrong",
            )
        context.request.signin_totp_step = step
        return code


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]
    name = forms.CharField(label="Name", required=False, max_length=100)


class OwnPasswordForm(AdminPasswordChangeForm):
    """A new password of one's own; guesses of the old one count like those at sign-in."""

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            reauthentication.check_password(
                user=self.user, password=password, request=context.request
            )
        except CertMateError as error:
            raise forms.ValidationError(error.detail, code=error.code) from error
        return password
