"""The tree and its proofs, held against the recursive definitions of RFC 9162 §2.1 and the test
vectors of Certificate Transparency.
"""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmate.audit import merkle
from certmate.audit.merkle import Edge, ProofInvalid, Tree, leaf_hash, node_hash

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
# github.com/google/certificate-transparency, merkletree/merkle_tree_test.cc
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def root_of(hashes: list[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(root_of(hashes[:k]), root_of(hashes[k:]))


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(n).encode()) for n in range(count)]


def tree_of(hashes: list[bytes], pruned: int = 0) -> Tree:
    """A tree over stored tiles, of which the part below `pruned` is known by its peaks only."""

    def read(level: int, start: int, count: int) -> list[bytes]:
        span = 1 << level
        assert start * span >= pruned
        assert level % 8 == 0
        return [root_of(hashes[i * span : (i + 1) * span]) for i in range(start, start + count)]

    kept = {
        (level, index): root_of(hashes[index << level : (index + 1) << level])
        for level, index in merkle.peaks_of(pruned)
    }
    return Tree(len(hashes), read, pruned=pruned, kept=kept)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    hashes = [leaf_hash(data) for data in INPUTS[:size]]
    edge = Edge()
    for hash_ in hashes:
        edge.append(hash_)
    assert edge.root().hex() == ROOTS[size - 1]
    assert tree_of(hashes).root().hex() == ROOTS[size - 1]


def test_the_root_of_nothing() -> None:
    assert Edge().root() == merkle.EMPTY_ROOT == tree_of([]).root()


sizes = st.one_of(st.integers(1, 40), st.sampled_from([255, 256, 257, 511, 512, 513, 700]))


@given(sizes, st.data())
def test_every_leaf_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root = root_of(hashes)
    path = tree_of(hashes).inclusion(index)
    merkle.verify_inclusion(hashes[index], index, size, path, root)
    with pytest.raises(ProofInvalid):
        merkle.verify_inclusion(leaf_hash(b"other"), index, size, path, root)
    with pytest.raises(ProofInvalid):
        merkle.verify_inclusion(hashes[index], index, size, [*path, root], root)
    for wrong in {index - 1, index + 1, size} - {index}:
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(hashes[index], wrong, size, path, root)


@given(sizes, st.data())
def test_an_earlier_tree_is_proved_to_be_the_beginning(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    first = data.draw(st.integers(1, size))
    old, new = root_of(hashes[:first]), root_of(hashes)
    path = tree_of(hashes).consistency(first)
    merkle.verify_consistency(first, size, path, old, new)
    other = root_of([*hashes[: first - 1], leaf_hash(b"other")])
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(first, size, path, other, new)
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(first, size, [*path, old], old, new)


@given(sizes, st.data())
def test_any_earlier_root_and_edge_come_out_of_the_tiles(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    earlier = data.draw(st.integers(0, size))
    tree = tree_of(hashes)
    assert tree.root(earlier) == root_of(hashes[:earlier])
    edge = tree.edge(earlier)
    for hash_ in hashes[earlier:]:
        edge.append(hash_)
    assert edge.root() == root_of(hashes)


@given(sizes, st.data())
def test_what_is_left_after_pruning_is_proved_as_before(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    pruned = data.draw(st.integers(0, size - 1))
    index = data.draw(st.integers(pruned, size - 1))
    whole, rest = tree_of(hashes), tree_of(hashes, pruned)
    assert rest.inclusion(index) == whole.inclusion(index)
    assert rest.root() == whole.root()


def test_there_is_no_proof_of_what_was_pruned() -> None:
    with pytest.raises(ValueError, match="pruned"):
        tree_of(leaves(9), 4).inclusion(1)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_of_what_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        tree_of(leaves(3)).inclusion(index)
    with pytest.raises(ValueError, match="no trees"):
        tree_of(leaves(3)).consistency(index + 1 if index < 0 else 4)
