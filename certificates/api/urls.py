from django.urls import path

from certificates.api import downloads, orders, views, web

urlpatterns = [
    path("certificates", views.Certificates.as_view()),
    path("certificates/<str:name>", views.CertificateByName.as_view()),
    path("certificates/<str:name>/renew", views.Renew.as_view()),
    path("certificates/<str:name>/reissue", views.Reissue.as_view()),
    path("certificates/<str:name>/revoke", views.Revoke.as_view()),
    path("certificates/<str:name>/resume", views.Resume.as_view()),
    path("certificates/<str:name>/auto-renew", views.AutoRenew.as_view()),
    path("certificates/<str:name>/versions", views.Versions.as_view()),
    path("certificates/<str:name>/versions/<int:number>/activate", views.ActivateVersion.as_view()),
    path("certificates/<str:name>/download", downloads.Download.as_view()),
    path("certificates/<str:name>/download/<str:part>", downloads.DownloadPart.as_view()),
    path("web/certificates", web.List.as_view()),
    path("web/certificates/create", web.Create.as_view()),
    path("web/certificates/<str:name>/download", web.Download.as_view()),
    path("web/certificates/<str:name>/renew", web.Renew.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/<int:pk>", orders.OrderById.as_view()),
    path("orders/<int:pk>/retry", orders.RetryOrder.as_view()),
    path("orders/<int:pk>/cancel", orders.CancelOrder.as_view()),
]
