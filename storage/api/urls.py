from django.urls import path

from storage.api import migrations, mirrors, rebuilds, views

urlpatterns = [
    path("storage-backends", views.StorageBackends.as_view()),
    path("storage-backends/<str:slug>", views.StorageBackend.as_view()),
    path("storage-targets", views.StorageTargets.as_view()),
    path("storage-targets/<str:name>", views.StorageTargetByName.as_view()),
    path("storage-targets/<str:name>/verify", views.VerifyStorageTarget.as_view()),
    path("storage-targets/<str:name>/migrate", migrations.MigrateStorageTarget.as_view()),
    path("storage-targets/<str:name>/rebuild", rebuilds.RebuildStorageTarget.as_view()),
    path("storage-mirrors", mirrors.Mirrors.as_view()),
    path("storage-mirrors/<int:pk>", mirrors.MirrorById.as_view()),
    path("storage-mirrors/<int:pk>/retry", mirrors.RetryMirror.as_view()),
    path("storage-migrations", migrations.StorageMigrations.as_view()),
    path("storage-migrations/<int:pk>", migrations.StorageMigrationById.as_view()),
    path("storage-migrations/<int:pk>/items", migrations.StorageMigrationItems.as_view()),
    path("storage-migrations/<int:pk>/cancel", migrations.CancelStorageMigration.as_view()),
    path("storage-rebuilds", rebuilds.StorageRebuilds.as_view()),
    path("storage-rebuilds/<int:pk>", rebuilds.StorageRebuildById.as_view()),
    path("storage-rebuilds/<int:pk>/items", rebuilds.StorageRebuildItems.as_view()),
    path("storage-rebuilds/<int:pk>/cancel", rebuilds.CancelStorageRebuild.as_view()),
]
