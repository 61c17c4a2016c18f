"""The sealed log: a leaf for each row, the tree above them, and what was signed about it."""

from typing import ClassVar

from django.db import models


class Leaf(models.Model):
    """The hash of a row at its place in the tree. It stays when the row is gone, and shows that."""

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.position}: entry {self.entry_id}"


class Node(models.Model):
    """The hash of a complete subtree of 2**level leaves; every eighth level is kept."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("level", "index", name="audit_node_place")
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement: the tree of `size` leaves had this root at this time."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        default_permissions = ()
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Anchor(models.Model):
    """A signed statement that the first `size` rows were pruned, and what the tree over them was.

    `peaks` are the hashes of the complete subtrees that they made up, one after another.
    """

    size = models.BigIntegerField(primary_key=True)
    peaks = models.BinaryField()
    at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        default_permissions = ()
        ordering = ("-size",)

    def __str__(self) -> str:
        return f"anchor {self.size}"
