"""The API, and which teams' objects its lists show."""

from tests.matrix.people import EVERYBODY
from tests.matrix.tables import parse

PUBLIC = ("get_health", "get_readiness")
"""Those that anybody may call, and that say nothing of what there is."""

_ABOUT = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
get_me                              200  200  200  200  200  200  200  200  200  200  200  200  200
get_metrics                         200  200  200  200  200  200  200  200  403  200  200  200  200
get_schema                          200  200  200  200  200  200  200  200  200  200  200  200  200
"""
_ORDERS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
list_orders                         200  200  200  200  200  200  200  200  403  200  200  200  200
get_order                           200  200  200  200  200  404  404  200  403  200  404  200  404
cancel_order                        200  200  200  403  403  404  404  403  403  200  404  200  404
retry_order                         202  202  202  403  403  404  404  403  403  202  404  202  404
"""
_WEB = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
web_list_certificates               200  200  200  200  200  200  200  200  403  200  200  200  200
web_create_certificate              202  202  202  403  403  400  403  403  403  202  400  202  403
web_download_certificate            200  200  200  403  403  404  404  200  403  200  404  200  404
web_download_certificate.with_key   200  200  403  403  403  404  404  403  403  200  404  200  404
web_download_certificate_with_password 200 200 200 403 403 404 404 200 403 200 404 200 404
web_renew_certificate               202  202  202  403  403  404  404  403  403  202  404  202  404
download_fullchain                  200  200  200  403  403  404  404  200  403  200  404  200  404
"""
_CERTIFICATES = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_certificate                  202  202  202  403  403  400  403  403  403  202  400  202  403
list_certificates                   200  200  200  200  200  200  200  200  403  200  200  200  200
delete_certificate                  204  204  403  403  403  404  404  403  403  204  404  204  404
get_certificate                     200  200  200  200  200  404  404  200  403  200  404  200  404
update_certificate                  200  200  200  403  403  404  404  403  403  200  404  200  404
set_auto_renew                      200  200  200  403  403  404  404  403  403  200  404  200  404
download_certificate                200  200  200  403  403  404  404  200  403  200  404  200  404
download_certificate.with_key       200  200  403  403  403  404  404  403  403  200  404  200  404
download_certificate_with_password  200  200  200  403  403  404  404  200  403  200  404  200  404
download_part                       200  200  200  403  403  404  404  200  403  200  404  200  404
download_part.combined              200  200  403  403  403  404  404  403  403  200  404  200  404
download_part.privkey               200  200  403  403  403  404  404  403  403  200  404  200  404
reissue_certificate                 202  202  202  403  403  404  404  403  403  202  404  202  404
renew_certificate                   202  202  202  403  403  404  404  403  403  202  404  202  404
resume_certificate                  202  202  202  403  403  404  404  403  403  202  404  202  404
revoke_certificate                  202  202  202  403  403  404  404  403  403  202  404  202  404
list_versions                       200  200  200  200  200  404  404  200  403  200  404  200  404
activate_version                    200  200  200  403  403  404  404  403  403  200  404  200  404
"""
_CA = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_ca_account                   201  201  403  403  403  400  403  403  403  201  400  403  403
list_ca_accounts                    200  200  200  200  200  200  200  200  403  200  200  200  200
delete_ca_account                   204  204  403  403  403  404  404  403  403  204  404  403  403
get_ca_account                      200  200  200  200  200  404  404  200  403  200  404  200  200
replace_ca_account                  200  200  403  403  403  404  404  403  403  200  404  403  403
update_ca_account                   200  200  403  403  403  404  404  403  403  200  404  403  403
verify_ca_account                   200  200  403  403  403  404  404  403  403  200  404  403  403
list_ca_providers                   200  200  200  200  200  200  200  200  200  200  200  200  200
get_ca_provider                     200  200  200  200  200  200  200  200  200  200  200  200  200
"""
_DNS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_dns_account                  201  201  403  403  403  400  403  403  403  201  400  403  403
list_dns_accounts                   200  200  200  200  200  200  200  200  403  200  200  200  200
delete_dns_account                  204  204  403  403  403  404  404  403  403  204  404  403  403
get_dns_account                     200  200  200  200  200  404  404  200  403  200  404  200  200
replace_dns_account                 200  200  403  403  403  404  404  403  403  200  404  403  403
update_dns_account                  200  200  403  403  403  404  404  403  403  200  404  403  403
verify_dns_account                  200  200  403  403  403  404  404  403  403  200  404  403  403
list_dns_providers                  200  200  200  200  200  200  200  200  200  200  200  200  200
get_dns_provider                    200  200  200  200  200  200  200  200  200  200  200  200  200
"""
_STORAGE = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
list_storage_backends               200  200  200  200  200  200  200  200  200  200  200  200  200
get_storage_backend                 200  200  200  200  200  200  200  200  200  200  200  200  200
create_storage_target               201  201  403  403  403  400  403  403  403  201  400  403  403
list_storage_targets                200  200  200  200  200  200  200  200  403  200  200  200  200
delete_storage_target               204  204  403  403  403  404  404  403  403  204  404  403  403
get_storage_target                  200  200  200  200  200  404  404  200  403  200  404  200  200
replace_storage_target              200  200  403  403  403  404  404  403  403  200  404  403  403
update_storage_target               200  200  403  403  403  404  404  403  403  200  404  403  403
verify_storage_target               200  200  403  403  403  404  404  403  403  200  404  403  403
migrate_storage_target              202  202  403  403  403  404  404  403  403  202  404  403  403
list_storage_migrations             200  200  200  200  200  200  200  200  403  200  200  200  200
get_storage_migration               200  200  200  200  200  404  404  200  403  200  404  200  200
list_storage_migration_items        200  200  403  403  403  404  404  403  403  200  404  403  403
cancel_storage_migration            200  200  403  403  403  404  404  403  403  200  404  403  403
rebuild_storage_target              202  202  403  403  403  404  404  403  403  202  404  403  403
list_storage_rebuilds               200  200  200  200  200  200  200  200  403  200  200  200  200
get_storage_rebuild                 200  200  200  200  200  404  404  200  403  200  404  200  200
list_storage_rebuild_items          200  200  403  403  403  404  404  403  403  200  404  403  403
cancel_storage_rebuild              200  200  403  403  403  404  404  403  403  200  404  403  403
list_storage_mirrors                200  200  200  200  200  200  200  200  403  200  200  200  200
create_storage_mirror               201  201  403  403  403  400  403  403  403  201  400  403  403
get_storage_mirror                  200  200  403  403  403  404  404  403  403  200  404  403  403
delete_storage_mirror               202  202  403  403  403  404  404  403  403  202  404  403  403
retry_storage_mirror                200  200  403  403  403  404  404  403  403  200  404  403  403
"""
_AUTHORITIES = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_authority                    201  201  403  403  403  400  403  403  403  201  400  403  403
list_authorities                    200  200  200  200  200  200  200  200  403  200  200  200  200
delete_authority                    204  204  403  403  403  404  404  403  403  204  404  403  403
get_authority                       200  200  200  200  200  404  404  200  403  200  404  200  200
update_authority                    200  200  403  403  403  404  404  403  403  200  404  403  403
import_authority                    201  201  403  403  403  400  403  403  403  201  400  403  403
create_intermediate                 201  201  403  403  403  404  404  403  403  201  404  403  403
rotate_authority                    200  200  403  403  403  404  404  403  403  200  404  403  403
get_authority_certificate           200  200  200  200  200  404  404  200  403  200  404  200  200
install_authority_certificate       400  400  403  403  403  404  404  403  403  400  404  403  403
get_authority_chain                 200  200  200  200  200  404  404  200  403  200  404  200  200
get_authority_csr                   200  200  200  200  200  404  404  200  403  200  404  200  200
publish_crls                        200  200  403  403  403  404  404  403  403  200  404  403  403
list_ledger                         200  200  200  200  200  404  404  200  403  200  404  403  403
get_ledger_entry                    200  200  200  200  200  404  404  200  403  200  404  403  403
revoke_ledger_entry                 200  200  403  403  403  404  404  403  403  200  404  403  403
release_ledger_entry                200  200  403  403  403  404  404  403  403  200  404  403  403
"""
_PROFILES = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_profile                      201  403  403  403  403  403  403  403  403  403  403  403  403
list_profiles                       200  200  200  200  200  200  200  200  403  200  200  200  200
delete_profile                      204  404  403  403  403  404  404  403  403  403  403  403  403
get_profile                         200  404  200  200  200  404  404  200  403  200  200  200  200
replace_profile                     200  404  403  403  403  404  404  403  403  403  403  403  403
update_profile                      200  404  403  403  403  404  404  403  403  403  403  403  403
"""
_IDENTITIES = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_identity                     201  201  201  403  403  400  403  403  403  201  400  403  403
list_identities                     200  200  200  200  200  200  200  200  403  200  200  200  200
delete_identity                     204  204  403  403  403  404  404  403  403  204  404  404  404
get_identity                        200  200  200  200  200  404  404  200  403  200  404  404  404
replace_identity                    200  200  200  403  403  404  404  403  403  200  404  404  404
update_identity                     200  200  200  403  403  404  404  403  403  200  404  404  404
"""
_CLIENTS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_client_certificate           201  201  201  403  403  400  403  403  403  201  400  403  403
list_client_certificates            200  200  200  200  200  200  200  200  403  200  200  200  200
get_client_certificate_stats        200  200  200  200  200  200  200  200  403  200  200  200  200
delete_client_certificate           204  204  403  403  403  404  404  403  403  204  404  404  404
get_client_certificate              200  200  200  200  200  404  404  200  403  200  404  404  404
replace_client_certificate          200  200  403  403  403  404  404  403  403  200  404  404  404
update_client_certificate           200  200  200  403  403  404  404  403  403  200  404  404  404
download_client_certificate         200  200  200  403  403  404  404  200  403  200  404  404  404
download_client_certificate.with_key 200 200 403 403 403 404 404 403 403 200 404 404 404
download_client_certificate_with_password 200 200 200 403 403 404 404 200 403 200 404 404 404
download_client_part                200  200  200  403  403  404  404  200  403  200  404  404  404
download_client_part.combined       200  200  403  403  403  404  404  403  403  200  404  404  404
download_client_part.privkey        200  200  403  403  403  404  404  403  403  200  404  404  404
release_client_certificate          200  200  200  403  403  404  404  403  403  200  404  404  404
renew_client_certificate            200  200  200  403  403  404  404  403  403  200  404  404  404
revoke_client_certificate           200  200  200  403  403  404  404  403  403  200  404  404  404
list_client_versions                200  200  200  200  200  404  404  200  403  200  404  404  404
"""
_ENROLMENTS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_csr                          201  201  201  403  403  400  403  403  403  201  400  403  403
list_enrolments                     200  200  200  200  200  200  200  200  403  200  200  200  200
get_enrolment                       200  200  200  200  200  404  404  200  403  200  404  404  404
submit_csr                          403  201  403  403  403  404  404  403  403  403  404  404  404
approve_enrolment                   200  403  403  200  403  404  404  403  403  200  404  404  404
reject_enrolment                    200  403  403  200  403  404  404  403  403  200  404  404  404
"""
_BATCHES = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_batch                        202  202  202  403  403  400  403  403  403  202  400  403  403
list_batches                        200  200  200  200  200  200  200  200  403  200  200  200  200
get_batch                           200  200  200  200  200  404  404  200  403  200  404  404  404
list_batch_rows                     200  200  200  200  200  404  404  200  403  200  404  404  404
cancel_batch                        200  200  200  403  403  404  404  403  403  200  404  404  404
download_batch                      200  200  200  200  200  404  404  200  403  200  404  404  404
download_batch.with_key             200  200  403  403  403  404  404  403  403  200  404  404  404
"""
_ACCESS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
explain_access                      200  200  403  403  200  404  404  200  403  200  404  200  404
get_reach                           200  404  404  404  200  404  404  200  404  404  404  404  404
list_grants                         200  200  403  403  200  404  404  200  403  200  404  200  404
set_grants                          200  200  403  403  403  404  404  403  403  200  404  200  404
list_roles                          200  200  200  200  200  200  200  200  403  200  200  200  200
get_role                            200  404  404  404  200  404  404  200  403  404  404  404  404
get_user_roles                      200  404  404  404  200  404  404  200  403  404  404  404  404
set_user_roles                      200  404  404  404  403  404  404  403  403  404  404  404  404
"""
_TEAMS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_team                         201  403  403  403  403  403  403  403  403  403  403  403  403
list_teams                          200  200  200  200  200  200  200  200  403  200  200  200  200
delete_team                         204  404  403  403  403  404  404  403  403  404  404  403  403
get_team                            200  200  200  200  200  404  404  200  403  200  404  200  200
replace_team                        200  200  403  403  403  404  404  403  403  403  404  403  403
update_team                         200  200  403  403  403  404  404  403  403  403  404  403  403
"""
_TOKENS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_service_account              201  201  403  403  403  400  403  403  403  201  400  403  403
list_service_accounts               200  200  200  200  200  200  200  200  403  200  200  200  200
delete_service_account              204  204  404  404  403  404  404  403  403  204  404  403  403
get_service_account                 200  200  404  404  200  404  404  200  403  200  404  200  200
update_service_account              200  200  404  404  403  404  404  403  403  200  404  403  403
create_token                        201  201  201  403  403  400  403  403  403  403  403  403  403
list_tokens                         200  200  200  200  200  200  200  403  403  200  200  200  200
get_token                           200  404  404  404  200  404  404  403  403  404  404  404  404
revoke_token                        204  404  404  404  403  404  404  403  403  404  404  404  404
rotate_token                        201  404  404  404  403  404  404  403  403  404  404  404  404
"""
_APPROVALS = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
create_approval_rule                201  403  403  403  403  403  403  403  403  403  403  403  403
list_approval_rules                 200  200  200  200  200  200  200  200  403  200  200  200  200
delete_approval_rule                204  404  404  404  403  404  404  403  403  404  404  404  404
get_approval_rule                   200  404  404  404  200  404  404  200  403  404  404  404  404
replace_approval_rule               200  404  404  404  403  404  404  403  403  404  404  404  404
update_approval_rule                200  404  404  404  403  404  404  403  403  404  404  404  404
list_approvals                      200  200  200  200  200  200  200  200  403  200  200  200  200
explain_approval                    200  200  404  403  403  404  404  403  403  404  404  404  404
get_approval                        200  200  404  200  200  404  404  200  403  404  404  404  404
approve_approval                    403  403  404  403  403  404  404  403  403  404  404  404  404
cancel_approval                     200  200  404  403  403  404  404  403  403  404  404  404  404
reject_approval                     403  403  404  403  403  404  404  403  403  404  404  404  404
"""
_AUDIT = """
operation                          root owne oper appr audi stra outs read logr team else patt mism
list_audit_entries                  200  403  403  403  200  403  403  403  200  403  403  403  403
list_audit_checkpoints              200  403  403  403  200  403  403  403  200  403  403  403  403
get_audit_consistency               200  403  403  403  200  403  403  403  200  403  403  403  403
export_audit                        200  403  403  403  200  403  403  403  200  403  403  403  403
verify_audit                        200  403  403  403  200  403  403  403  200  403  403  403  403
get_audit_entry                     200  403  403  403  200  403  403  403  200  403  403  403  403
"""

ROWS = parse(
    *(_ABOUT, _CERTIFICATES, _WEB, _ORDERS, _CA, _DNS, _STORAGE),
    *(_AUTHORITIES, _PROFILES, _IDENTITIES, _CLIENTS, _ENROLMENTS, _BATCHES),
    *(_ACCESS, _TEAMS, _TOKENS, _APPROVALS, _AUDIT),
    columns=EVERYBODY,
)
