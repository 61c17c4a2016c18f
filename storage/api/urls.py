from django.urls import path

from storage.api import views

urlpatterns = [
    path("storage-backends", views.StorageBackends.as_view()),
    path("storage-backends/<str:slug>", views.StorageBackend.as_view()),
    path("storage-targets", views.StorageTargets.as_view()),
    path("storage-targets/<str:name>", views.StorageTargetByName.as_view()),
    path("storage-targets/<str:name>/verify", views.VerifyStorageTarget.as_view()),
]
