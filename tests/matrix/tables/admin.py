"""The admin."""

from tests.matrix.people import PEOPLE
from tests.matrix.tables import parse

SIGN_IN = "/admin/login/"
PUBLIC = ("login", "logout")
"""Those that answer without a sign-in."""

_SITE = """
page                                              root owne oper appr audi stra outs
index                                              200  200  200  200  200  200  200
login                                              302  302  302  302  302  302  302
logout.GET                                         405  405  405  405  405  405  405
logout.POST                                        200  200  200  200  200  200  200
password_change                                    200  200  200  200  200  200  200
password_change_done.GET                           200  200  200  200  200  200  200
password_change_done.POST                          405  405  405  405  405  405  405
autocomplete.GET                                   403  403  403  403  403  403  403
autocomplete.POST                                  405  405  405  405  405  405  405
jsi18n.GET                                         200  200  200  200  200  200  200
jsi18n.POST                                        405  405  405  405  405  405  405
view_on_site                                       404  404  404  404  404  404  404
app_list                                           200  200  200  200  200  200  404
{url}                                              404  404  404  404  404  404  404
"""
_ACCESS = """
page                                              root owne oper appr audi stra outs
access_approvalrule_access.GET                     200  404  404  404  200  404  404
access_approvalrule_access.POST                    403  404  404  404  403  404  404
access_approvalrule_changelist                     200  403  403  403  200  403  403
access_approvalrule_add                            200  403  403  403  403  403  403
access_approvalrule_history                        302  404  404  404  302  404  404
access_approvalrule_delete.GET                     200  404  404  404  403  404  404
access_approvalrule_delete.POST                    302  404  404  404  403  404  404
access_approvalrule_change.GET                     200  404  404  404  200  404  404
access_approvalrule_change.POST                    200  404  404  404  403  404  404
access/approvalrule/{object_id}/                   302  302  302  302  302  302  302
access_approval_approve.GET                        200  403  404  200  403  404  404
access_approval_approve.POST                       403  403  404  302  403  404  404
access_approval_reject                             200  403  404  200  403  404  404
access_approval_explain                            200  200  404  403  403  404  404
access_approval_cancel.GET                         200  200  404  403  403  404  404
access_approval_cancel.POST                        302  302  404  403  403  404  404
access_approval_access.GET                         200  403  404  403  200  404  404
access_approval_access.POST                        403  403  404  403  403  404  404
access_approval_changelist                         200  200  403  200  200  200  403
access_approval_add                                403  403  403  403  403  403  403
access_approval_history                            302  302  404  302  302  404  404
access_approval_delete                             403  403  403  403  403  403  403
access_approval_change.GET                         200  200  404  200  200  404  404
access_approval_change.POST                        403  403  404  403  403  404  404
access/approval/{object_id}/                       302  302  302  302  302  302  302
access_serviceaccount_deactivate.GET               200  200  404  404  403  404  404
access_serviceaccount_deactivate.POST              302  302  404  404  403  404  404
access_serviceaccount_activate.GET                 200  200  404  404  403  404  404
access_serviceaccount_activate.POST                302  302  404  404  403  404  404
access_serviceaccount_access.GET                   200  200  404  404  200  404  404
access_serviceaccount_access.POST                  403  403  404  404  403  404  404
access_serviceaccount_changelist                   200  200  403  403  200  200  403
access_serviceaccount_add                          200  200  403  403  403  200  403
access_serviceaccount_history                      302  302  404  404  302  404  404
access_serviceaccount_delete.GET                   200  200  404  404  403  404  404
access_serviceaccount_delete.POST                  302  302  404  404  403  404  404
access_serviceaccount_change.GET                   200  200  404  404  200  404  404
access_serviceaccount_change.POST                  302  302  404  404  403  404  404
access/serviceaccount/{object_id}/                 302  302  302  302  302  302  302
access_team_access.GET                             200  200  403  403  200  404  404
access_team_access.POST                            403  403  403  403  403  404  404
access_team_changelist                             200  200  200  200  200  200  403
access_team_add                                    200  403  403  403  403  403  403
access_team_history                                302  302  302  302  302  404  404
access_team_delete.GET                             200  404  403  403  403  404  404
access_team_delete.POST                            302  404  403  403  403  404  404
access_team_change.GET                             200  200  200  200  200  404  404
access_team_change.POST                            200  200  403  403  403  404  404
access/team/{object_id}/                           302  302  302  302  302  302  302
access_apitoken_rotate                             200  404  404  404  403  404  404
access_apitoken_revoke.GET                         200  404  404  404  403  404  404
access_apitoken_revoke.POST                        302  404  404  404  403  404  404
access_apitoken_access.GET                         200  404  404  404  200  404  404
access_apitoken_access.POST                        403  404  404  404  403  404  404
access_apitoken_changelist                         200  200  200  200  200  200  200
access_apitoken_add                                200  200  200  403  403  200  403
access_apitoken_history                            302  404  404  404  302  404  404
access_apitoken_delete                             403  403  403  403  403  403  403
access_apitoken_change.GET                         200  404  404  404  200  404  404
access_apitoken_change.POST                        403  404  404  404  403  404  404
access/apitoken/{object_id}/                       302  302  302  302  302  302  302
"""
_PEOPLE = """
page                                              root owne oper appr audi stra outs
auth_group_permissions.GET                         200  404  404  404  403  404  404
auth_group_permissions.POST                        302  404  404  404  403  404  404
auth_group_access.GET                              200  404  404  404  200  404  404
auth_group_access.POST                             403  404  404  404  403  404  404
auth_group_changelist                              200  403  403  403  200  403  403
auth_group_add                                     200  403  403  403  403  403  403
auth_group_history                                 302  404  404  404  302  404  404
auth_group_delete.GET                              200  404  404  404  403  404  404
auth_group_delete.POST                             200  404  404  404  403  404  404
auth_group_change.GET                              200  404  404  404  200  404  404
auth_group_change.POST                             200  404  404  404  403  404  404
auth/group/{object_id}/                            302  302  302  302  302  302  302
auth_user_reach                                    200  404  404  404  200  404  404
auth_user_roles.GET                                200  404  404  404  403  404  404
auth_user_roles.POST                               302  404  404  404  403  404  404
auth_user_password.GET                             200  404  404  404  403  404  404
auth_user_password.POST                            302  404  404  404  403  404  404
auth_user_permissions.GET                          200  404  404  404  403  404  404
auth_user_permissions.POST                         302  404  404  404  403  404  404
auth_user_access.GET                               200  404  404  404  200  404  404
auth_user_access.POST                              403  404  404  404  403  404  404
auth_user_changelist                               200  403  403  403  200  403  403
auth_user_add                                      200  403  403  403  403  403  403
auth_user_history                                  302  404  404  404  302  404  404
auth_user_delete.GET                               200  404  404  404  403  404  404
auth_user_delete.POST                              302  404  404  404  403  404  404
auth_user_change.GET                               200  404  404  404  200  404  404
auth_user_change.POST                              200  404  404  404  403  404  404
auth/user/{object_id}/                             302  302  302  302  302  302  302
"""
_SCHEDULES = """
page                                              root owne oper appr audi stra outs
django_celery_beat_periodictask_changelist         200  403  200  200  200  403  403
django_celery_beat_periodictask_add                403  403  403  403  403  403  403
django_celery_beat_periodictask_history            200  404  200  200  200  404  404
django_celery_beat_periodictask_delete             403  404  403  403  403  404  404
django_celery_beat_periodictask_change.GET         200  404  200  200  200  404  404
django_celery_beat_periodictask_change.POST        200  404  403  403  403  404  404
django_celery_beat/periodictask/{object_id}/       302  302  302  302  302  302  302
django_celery_beat_intervalschedule_changelist     200  403  200  200  200  403  403
django_celery_beat_intervalschedule_add            200  403  403  403  403  403  403
django_celery_beat_intervalschedule_history        200  404  200  200  200  404  404
django_celery_beat_intervalschedule_delete.GET     200  404  403  403  403  404  404
django_celery_beat_intervalschedule_delete.POST    403  404  403  403  403  404  404
django_celery_beat_intervalschedule_change.GET     200  404  200  200  200  404  404
django_celery_beat_intervalschedule_change.POST    200  404  403  403  403  404  404
django_celery_beat/intervalschedule/{object_id}/   302  302  302  302  302  302  302
django_celery_beat_crontabschedule_changelist      200  403  200  200  200  403  403
django_celery_beat_crontabschedule_add             200  403  403  403  403  403  403
django_celery_beat_crontabschedule_history         200  404  200  200  200  404  404
django_celery_beat_crontabschedule_delete.GET      200  404  403  403  403  404  404
django_celery_beat_crontabschedule_delete.POST     302  404  403  403  403  404  404
django_celery_beat_crontabschedule_change.GET      200  404  200  200  200  404  404
django_celery_beat_crontabschedule_change.POST     200  404  403  403  403  404  404
django_celery_beat/crontabschedule/{object_id}/    302  302  302  302  302  302  302
"""
_AUDIT = """
page                                              root owne oper appr audi stra outs
audit_event_export                                 200  403  403  403  200  403  403
audit_event_save_search.GET                        405  403  403  403  405  403  403
audit_event_save_search.POST                       302  403  403  403  302  403  403
audit_event_delete_search.GET                      405  403  403  403  405  403  403
audit_event_delete_search.POST                     302  403  403  403  302  403  403
audit_event_changelist                             200  403  403  403  200  403  403
audit_event_add                                    403  403  403  403  403  403  403
audit_event_history                                302  404  404  404  302  404  404
audit_event_delete                                 403  403  403  403  403  403  403
audit_event_change.GET                             200  404  404  404  200  404  404
audit_event_change.POST                            403  404  404  404  403  404  404
audit/event/{object_id}/                           302  302  302  302  302  302  302
"""
_STORAGE = """
page                                              root owne oper appr audi stra outs
storage_storagetarget_verify.GET                   200  200  403  403  403  404  404
storage_storagetarget_verify.POST                  302  302  403  403  403  404  404
storage_storagetarget_migrate                      200  200  403  403  403  404  404
storage_storagetarget_rebuild.GET                  200  200  403  403  403  404  404
storage_storagetarget_rebuild.POST                 302  302  403  403  403  404  404
storage_storagetarget_access.GET                   200  200  403  403  200  404  404
storage_storagetarget_access.POST                  403  403  403  403  403  404  404
storage_storagetarget_changelist                   200  200  200  200  200  200  403
storage_storagetarget_add                          200  200  403  403  403  200  403
storage_storagetarget_history                      302  302  302  302  302  404  404
storage_storagetarget_delete.GET                   200  200  403  403  403  404  404
storage_storagetarget_delete.POST                  302  302  403  403  403  404  404
storage_storagetarget_change.GET                   200  200  200  200  200  404  404
storage_storagetarget_change.POST                  200  200  403  403  403  404  404
storage/storagetarget/{object_id}/                 302  302  302  302  302  302  302
storage_storagemigration_progress                  200  200  200  200  200  404  404
storage_storagemigration_cancel.GET                200  200  403  403  403  404  404
storage_storagemigration_cancel.POST               302  302  403  403  403  404  404
storage_storagemigration_changelist                200  200  200  200  200  200  403
storage_storagemigration_add                       403  403  403  403  403  403  403
storage_storagemigration_history                   302  302  302  302  302  404  404
storage_storagemigration_delete                    403  403  403  403  403  403  403
storage_storagemigration_change.GET                200  200  200  200  200  404  404
storage_storagemigration_change.POST               403  403  403  403  403  404  404
storage/storagemigration/{object_id}/              302  302  302  302  302  302  302
storage_storagerebuild_progress                    200  200  200  200  200  404  404
storage_storagerebuild_cancel.GET                  200  200  403  403  403  404  404
storage_storagerebuild_cancel.POST                 302  302  403  403  403  404  404
storage_storagerebuild_changelist                  200  200  200  200  200  200  403
storage_storagerebuild_add                         403  403  403  403  403  403  403
storage_storagerebuild_history                     302  302  302  302  302  404  404
storage_storagerebuild_delete                      403  403  403  403  403  403  403
storage_storagerebuild_change.GET                  200  200  200  200  200  404  404
storage_storagerebuild_change.POST                 403  403  403  403  403  404  404
storage/storagerebuild/{object_id}/                302  302  302  302  302  302  302
storage_mirror_retry.GET                           200  200  404  404  404  404  404
storage_mirror_retry.POST                          302  302  404  404  404  404  404
storage_mirror_remove.GET                          200  200  404  404  404  404  404
storage_mirror_remove.POST                         302  302  404  404  404  404  404
storage_mirror_changelist                          200  200  200  200  200  200  403
storage_mirror_add                                 200  200  403  403  403  200  403
storage_mirror_history                             302  302  404  404  404  404  404
storage_mirror_delete                              403  403  403  403  403  403  403
storage_mirror_change.GET                          200  200  404  404  404  404  404
storage_mirror_change.POST                         403  403  404  404  404  404  404
storage/mirror/{object_id}/                        302  302  302  302  302  302  302
"""
_ACCOUNTS = """
page                                              root owne oper appr audi stra outs
providers_caaccount_access.GET                     200  200  403  403  200  404  404
providers_caaccount_access.POST                    403  403  403  403  403  404  404
providers_caaccount_changelist                     200  200  200  200  200  200  403
providers_caaccount_add                            200  200  403  403  403  200  403
providers_caaccount_history                        302  302  302  302  302  404  404
providers_caaccount_verify.GET                     200  200  403  403  403  404  404
providers_caaccount_verify.POST                    302  302  403  403  403  404  404
providers_caaccount_delete.GET                     200  200  403  403  403  404  404
providers_caaccount_delete.POST                    302  302  403  403  403  404  404
providers_caaccount_change.GET                     200  200  200  200  200  404  404
providers_caaccount_change.POST                    200  200  403  403  403  404  404
providers/caaccount/{object_id}/                   302  302  302  302  302  302  302
providers_dnsaccount_access.GET                    200  200  403  403  200  404  404
providers_dnsaccount_access.POST                   403  403  403  403  403  404  404
providers_dnsaccount_changelist                    200  200  200  200  200  200  403
providers_dnsaccount_add                           200  200  403  403  403  200  403
providers_dnsaccount_history                       302  302  302  302  302  404  404
providers_dnsaccount_verify.GET                    200  200  403  403  403  404  404
providers_dnsaccount_verify.POST                   302  302  403  403  403  404  404
providers_dnsaccount_delete.GET                    200  200  403  403  403  404  404
providers_dnsaccount_delete.POST                   302  302  403  403  403  404  404
providers_dnsaccount_change.GET                    200  200  200  200  200  404  404
providers_dnsaccount_change.POST                   200  200  403  403  403  404  404
providers/dnsaccount/{object_id}/                  302  302  302  302  302  302  302
"""
_PRIVATE_CA = """
page                                              root owne oper appr audi stra outs
providers_authority_import                         200  200  403  403  403  200  403
providers_authority_install                        200  200  403  403  403  404  404
providers_authority_intermediate                   200  200  403  403  403  404  404
providers_authority_rotate.GET                     200  200  403  403  403  404  404
providers_authority_rotate.POST                    302  302  403  403  403  404  404
providers_authority_publish_crls.GET               200  200  403  403  403  404  404
providers_authority_publish_crls.POST              302  302  403  403  403  404  404
providers_authority_csr.GET                        200  200  200  200  200  404  404
providers_authority_csr.POST                       302  302  302  302  302  404  404
providers_authority_certificate                    200  200  200  200  200  404  404
providers_authority_chain                          200  200  200  200  200  404  404
providers_authority_enable.GET                     200  200  403  403  403  404  404
providers_authority_enable.POST                    302  302  403  403  403  404  404
providers_authority_disable.GET                    200  200  403  403  403  404  404
providers_authority_disable.POST                   302  302  403  403  403  404  404
providers_authority_access.GET                     200  200  403  403  200  404  404
providers_authority_access.POST                    403  403  403  403  403  404  404
providers_authority_changelist                     200  200  200  200  200  200  403
providers_authority_add                            200  200  403  403  403  200  403
providers_authority_history                        302  302  302  302  302  404  404
providers_authority_delete.GET                     200  200  403  403  403  404  404
providers_authority_delete.POST                    302  302  403  403  403  404  404
providers_authority_change.GET                     200  200  200  200  200  404  404
providers_authority_change.POST                    200  200  403  403  403  404  404
providers/authority/{object_id}/                   302  302  302  302  302  302  302
providers_ledgerentry_pem                          200  200  200  200  200  404  404
providers_ledgerentry_der                          200  200  200  200  200  404  404
providers_ledgerentry_release.GET                  200  200  403  403  403  404  404
providers_ledgerentry_release.POST                 302  302  403  403  403  404  404
providers_ledgerentry_revoke.GET                   200  200  403  403  403  404  404
providers_ledgerentry_revoke.POST                  302  302  403  403  403  404  404
providers_ledgerentry_changelist                   200  200  200  200  200  200  403
providers_ledgerentry_add                          403  403  403  403  403  403  403
providers_ledgerentry_history                      302  302  302  302  302  404  404
providers_ledgerentry_delete                       403  403  403  403  403  403  403
providers_ledgerentry_change.GET                   200  200  200  200  200  404  404
providers_ledgerentry_change.POST                  403  403  403  403  403  404  404
providers/ledgerentry/{object_id}/                 302  302  302  302  302  302  302
providers_profile_access.GET                       200  404  403  403  200  404  404
providers_profile_access.POST                      403  404  403  403  403  404  404
providers_profile_changelist                       200  403  200  200  200  403  403
providers_profile_add                              200  403  403  403  403  403  403
providers_profile_history                          302  404  302  302  302  404  404
providers_profile_delete.GET                       200  404  403  403  403  404  404
providers_profile_delete.POST                      302  404  403  403  403  404  404
providers_profile_change.GET                       200  404  200  200  200  404  404
providers_profile_change.POST                      200  404  403  403  403  404  404
providers/profile/{object_id}/                     302  302  302  302  302  302  302
"""
_CERTIFICATES = """
page                                              root owne oper appr audi stra outs
certificates_certificate_resume.GET                200  200  200  403  403  404  404
certificates_certificate_resume.POST               302  302  302  403  403  404  404
certificates_certificate_renew.GET                 200  200  200  403  403  404  404
certificates_certificate_renew.POST                302  302  302  403  403  404  404
certificates_certificate_reissue                   200  200  200  403  403  404  404
certificates_certificate_download                  200  200  200  403  403  404  404
certificates_certificate_export_key                200  200  403  403  403  404  404
certificates_certificate_activate.GET              200  200  200  403  403  404  404
certificates_certificate_activate.POST             302  302  302  403  403  404  404
certificates_certificate_revoke.GET                200  200  200  403  403  404  404
certificates_certificate_revoke.POST               302  302  302  403  403  404  404
certificates_certificate_access.GET                200  200  403  403  200  404  404
certificates_certificate_access.POST               403  403  403  403  403  404  404
certificates_certificate_changelist                200  200  200  200  200  200  403
certificates_certificate_add                       200  200  200  403  403  200  403
certificates_certificate_history                   302  302  302  302  302  404  404
certificates_certificate_delete.GET                200  200  403  403  403  404  404
certificates_certificate_delete.POST               302  302  403  403  403  404  404
certificates_certificate_change.GET                200  200  200  200  200  404  404
certificates_certificate_change.POST               302  302  302  403  403  404  404
certificates/certificate/{object_id}/              302  302  302  302  302  302  302
certificates_order_progress                        200  200  200  200  200  404  404
certificates_order_retry.GET                       200  200  200  403  403  404  404
certificates_order_retry.POST                      302  302  302  403  403  404  404
certificates_order_cancel.GET                      200  200  200  403  403  404  404
certificates_order_cancel.POST                     302  302  302  403  403  404  404
certificates_order_changelist                      200  200  200  200  200  200  403
certificates_order_add                             403  403  403  403  403  403  403
certificates_order_history                         302  302  302  302  302  404  404
certificates_order_delete                          403  403  403  403  403  403  403
certificates_order_change.GET                      200  200  200  200  200  404  404
certificates_order_change.POST                     403  403  403  403  403  404  404
certificates/order/{object_id}/                    302  302  302  302  302  302  302
"""
_CLIENTS = """
page                                              root owne oper appr audi stra outs
clients_clientcertificate_upload                   200  200  200  403  403  200  403
clients_clientcertificate_renew.GET                200  200  200  403  403  404  404
clients_clientcertificate_renew.POST               302  302  302  403  403  404  404
clients_clientcertificate_renew_csr                200  200  200  403  403  404  404
clients_clientcertificate_release                  200  200  200  403  403  404  404
clients_clientcertificate_revoke.GET               200  200  200  403  403  404  404
clients_clientcertificate_revoke.POST              302  302  302  403  403  404  404
clients_clientcertificate_download_pem             200  200  200  403  403  404  404
clients_clientcertificate_download_der             200  200  200  403  403  404  404
clients_clientcertificate_download_pkcs7           200  200  200  403  403  404  404
clients_clientcertificate_download_zip             200  200  200  403  403  404  404
clients_clientcertificate_export_zip               200  200  403  403  403  404  404
clients_clientcertificate_export_pkcs12            200  200  403  403  403  404  404
clients_clientcertificate_access.GET               200  200  403  403  200  404  404
clients_clientcertificate_access.POST              403  403  403  403  403  404  404
clients_clientcertificate_changelist               200  200  200  200  200  200  403
clients_clientcertificate_add                      200  200  200  403  403  200  403
clients_clientcertificate_history                  302  302  302  302  302  404  404
clients_clientcertificate_delete.GET               200  200  403  403  403  404  404
clients_clientcertificate_delete.POST              302  302  403  403  403  404  404
clients_clientcertificate_change.GET               200  200  200  200  200  404  404
clients_clientcertificate_change.POST              302  302  302  403  403  404  404
clients/clientcertificate/{object_id}/             302  302  302  302  302  302  302
clients_identity_access.GET                        200  200  403  403  200  404  404
clients_identity_access.POST                       403  403  403  403  403  404  404
clients_identity_changelist                        200  200  200  200  200  200  403
clients_identity_add                               200  200  200  403  403  200  403
clients_identity_history                           302  302  302  302  302  404  404
clients_identity_delete.GET                        200  200  403  403  403  404  404
clients_identity_delete.POST                       302  302  403  403  403  404  404
clients_identity_change.GET                        200  200  200  200  200  404  404
clients_identity_change.POST                       302  302  302  403  403  404  404
clients/identity/{object_id}/                      302  302  302  302  302  302  302
clients_enrolment_approve.GET                      200  403  403  200  403  404  404
clients_enrolment_approve.POST                     302  403  403  302  403  404  404
clients_enrolment_reject.GET                       200  403  403  200  403  404  404
clients_enrolment_reject.POST                      302  403  403  302  403  404  404
clients_enrolment_access.GET                       200  200  403  403  200  404  404
clients_enrolment_access.POST                      403  403  403  403  403  404  404
clients_enrolment_changelist                       200  200  200  200  200  200  403
clients_enrolment_add                              403  403  403  403  403  403  403
clients_enrolment_history                          302  302  302  302  302  404  404
clients_enrolment_delete                           403  403  403  403  403  403  403
clients_enrolment_change.GET                       200  200  200  200  200  404  404
clients_enrolment_change.POST                      403  403  403  403  403  404  404
clients/enrolment/{object_id}/                     302  302  302  302  302  302  302
clients_batch_progress                             200  200  200  200  200  404  404
clients_batch_download                             200  200  200  403  403  404  404
clients_batch_export_key                           200  200  403  403  403  404  404
clients_batch_cancel.GET                           200  200  200  403  403  404  404
clients_batch_cancel.POST                          302  302  302  403  403  404  404
clients_batch_access.GET                           200  200  403  403  200  404  404
clients_batch_access.POST                          403  403  403  403  403  404  404
clients_batch_changelist                           200  200  200  200  200  200  403
clients_batch_add                                  200  200  200  403  403  200  403
clients_batch_history                              302  302  302  302  302  404  404
clients_batch_delete                               403  403  403  403  403  403  403
clients_batch_change.GET                           200  200  200  200  200  404  404
clients_batch_change.POST                          403  403  403  403  403  404  404
clients/batch/{object_id}/                         302  302  302  302  302  302  302
"""

ROWS = parse(
    *(
        _SITE,
        _CERTIFICATES,
        _CLIENTS,
        _PRIVATE_CA,
        _ACCOUNTS,
        _STORAGE,
        _ACCESS,
        _PEOPLE,
        _SCHEDULES,
        _AUDIT,
    ),
    columns=PEOPLE,
)

ACTIONS = parse(
    """
action                                    root owne oper appr audi stra outs
certificates_certificate:renew_selected    2/1  1/0  2/1    -    -  1/0  403
certificates_certificate:turn_renewal_on   3/0  1/0  3/0    -    -  1/0  403
certificates_certificate:turn_renewal_off  3/0  1/0  3/0    -    -  1/0  403
clients_clientcertificate:renew_selected   3/0  1/0  3/0    -    -  1/0  403
clients_clientcertificate:turn_renewal_on  3/0  1/0  3/0    -    -  1/0  403
clients_clientcertificate:turn_renewal_off 3/0  1/0  3/0    -    -  1/0  403
""",
    columns=PEOPLE,
)
"""Ticked are objects of the shop, of blue and a hidden one: how many are done, how many skipped."""
