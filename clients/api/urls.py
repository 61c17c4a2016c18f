from django.urls import path

from clients.api import batches, certificates, downloads, enrolments, identities, stats

_ONE = "client-certificates/<str:name>"

urlpatterns = [
    path("identities", identities.Identities.as_view()),
    path("identities/<str:name>", identities.IdentityByName.as_view()),
    path("client-certificates", certificates.ClientCertificates.as_view()),
    # Ahead of identifiers, among which these words are reserved.
    path("client-certificates/stats", stats.Stats.as_view()),
    path("client-certificates/csr", enrolments.Enrolments.as_view()),
    path("client-certificates/csr/create", enrolments.CreateCSR.as_view()),
    path("client-certificates/csr/<int:pk>", enrolments.EnrolmentById.as_view()),
    path("client-certificates/csr/<int:pk>/submit", enrolments.SubmitCSR.as_view()),
    path("client-certificates/csr/<int:pk>/approve", enrolments.ApproveEnrolment.as_view()),
    path("client-certificates/csr/<int:pk>/reject", enrolments.RejectEnrolment.as_view()),
    path("client-certificates/batch", batches.Batches.as_view()),
    path("client-certificates/batch/<int:pk>", batches.BatchById.as_view()),
    path("client-certificates/batch/<int:pk>/rows", batches.BatchRows.as_view()),
    path("client-certificates/batch/<int:pk>/cancel", batches.CancelBatch.as_view()),
    path("client-certificates/batch/<int:pk>/download", batches.DownloadBatch.as_view()),
    path(_ONE, certificates.ClientCertificateByIdentifier.as_view()),
    path(f"{_ONE}/renew", certificates.RenewClient.as_view()),
    path(f"{_ONE}/revoke", certificates.RevokeClient.as_view()),
    path(f"{_ONE}/release", certificates.ReleaseClient.as_view()),
    path(f"{_ONE}/versions", certificates.ClientVersions.as_view()),
    path(f"{_ONE}/download", downloads.ClientDownload.as_view()),
    path(f"{_ONE}/download/<str:part>", downloads.ClientDownloadPart.as_view()),
]
