"""Only what is used: no sign-up, no mail, no reset by mail."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path

from certmate.signin import views
from certmate.signin.views import framed

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/second-factor/", framed(views.SecondFactor.as_view()), name="mfa_authenticate"),
    path("logout/", views.sign_out, name="account_logout"),
    path("confirm/", framed(account.reauthenticate), name="account_reauthenticate"),
    path("confirm/code/", framed(mfa.reauthenticate), name="mfa_reauthenticate"),
    path(
        "confirm/key/", framed(webauthn.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"
    ),
    path("second-factor/", framed(mfa.index), name="mfa_index"),
    path("second-factor/app/", framed(totp.activate_totp), name="mfa_activate_totp"),
    path("second-factor/app/remove/", framed(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("second-factor/keys/add/", framed(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "second-factor/keys/<int:pk>/remove/",
        framed(views.RemoveKey.as_view(success_url="/account/second-factor/")),
        name="mfa_remove_webauthn",
    ),
    path(
        "second-factor/recovery-codes/",
        framed(recovery.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "second-factor/recovery-codes/new/",
        framed(recovery.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("sessions/", views.own_sessions, name="own_sessions"),
    path("oidc/login/", views.oidc_login, name="oidc_login"),
    path("oidc/callback/", views.oidc_callback, name="oidc_callback"),
    path("oidc/confirm/", views.oidc_confirm, name="oidc_confirm"),
]
