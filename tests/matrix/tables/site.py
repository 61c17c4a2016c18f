"""What is neither the admin nor the API: signing in and out, one's own account, documentation.

404 where no provider of sign-ins is configured, or there is no second factor to look at; 302 is to
the sign-in page, or to where one's own password is asked for again.
"""

from tests.matrix.tables import parse

COLUMNS = ("anonymous", "outsider", "root")
ROWS = parse(
    """
address                            anon outs root
/                                   302  302  302
account_login                       200  302  302
mfa_authenticate                    302  302  302
account_logout.GET                  405  405  405
account_logout.POST                 302  200  200
account_reauthenticate              302  200  200
mfa_reauthenticate                  302  302  302
mfa_reauthenticate_webauthn         302  302  302
mfa_index.GET                       302  200  200
mfa_index.POST                      302  405  405
mfa_activate_totp                   302  302  302
mfa_deactivate_totp                 302  404  404
mfa_add_webauthn                    302  302  302
mfa_remove_webauthn                 302  302  302
mfa_view_recovery_codes.GET         302  404  404
mfa_view_recovery_codes.POST        302  405  405
mfa_generate_recovery_codes         302  302  302
own_sessions.GET                    302  200  200
own_sessions.POST                   302  302  302
oidc_login.GET                      404  404  404
oidc_login.POST                     405  405  405
oidc_callback.GET                   404  404  404
oidc_callback.POST                  405  405  405
oidc_confirm.GET                    302  404  404
oidc_confirm.POST                   302  405  405
authority_certificate.GET           404  404  404
authority_certificate.POST          405  405  405
authority_key.GET                   404  404  404
authority_key.POST                  405  405  405
authority_delta_crl.GET             404  404  404
authority_delta_crl.POST            405  405  405
authority_crl.GET                   404  404  404
authority_crl.POST                  405  405  405
authority_ocsp                      200  200  200
authority_ocsp_slash                200  200  200
authority_ocsp_get                  200  200  200
authority_nothing.GET               404  404  404
authority_nothing.POST              405  405  405
/api/docs.GET                       302  200  200
/api/docs.POST                      302  405  405
""",
    columns=COLUMNS,
)
