"""Searching 100,000 memories of 100 tenants of very different size: what is found, and how long it takes."""

import random
import struct
import time
from statistics import mean
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from agents.memory.selection import embedder
from agents.models import Memory
from agents.services import memory_search
from agents.types import EMBEDDING_DIMENSIONS
from benchmarks.bench import Bench
from benchmarks.report import Row, spread
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7

TENANTS = 100
MEMORIES = 100_000
SUBJECTS = 500  # clusters, as the memories of real questions have
SEARCHES = 200
WARM_UP = 10
HITS = 10
TARGET_RECALL = 0.99
TARGET_MS = 3.0
ONE_SHARED_INDEX_RECALL = 0.14  # of one HNSW index filtered by tenant, measured once and not in this run

Vectors = Any  # an array of numpy's, one row a vector; its stubs want a later Python than we check for


def memory_rows(bench: Bench) -> list[Row]:
    """Compare what a search finds with a search by hand through every vector of the tenant."""
    sizes = _sizes(bench.scaled(MEMORIES))
    vectors = _tenants_fill(sizes)
    try:
        chance = random.Random(7)  # a measurement that can be repeated
        # a search comes from a tenant as often as it has memories: most come from the large ones
        asked = chance.choices(list(vectors), weights=sizes, k=bench.scaled(SEARCHES) + WARM_UP)
        found = [_search(tenant_id, vectors[tenant_id], number) for number, tenant_id in enumerate(asked)][WARM_UP:]
        largest = [_search(next(iter(vectors)), vectors[next(iter(vectors))], number)[0] for number in range(20)]
    finally:
        _tenants_remove(list(vectors))
    return _rows(found, largest, sizes)


def _rows(found: list[tuple[float, float]], largest: list[float], sizes: list[int]) -> list[Row]:
    middle, low, high = spread([milliseconds for milliseconds, _ in found])
    recall = mean(share for _, share in found)
    name = f"memory search, {sum(sizes):,} vectors of {len(sizes)} tenants"
    return [
        Row(
            key="memory-search",
            name=name,
            unit="ms",
            ours=middle,
            ours_min=low,
            ours_max=high,
            target=f"p50 ≤ {TARGET_MS:.0f} ms",
            met=bool(middle <= TARGET_MS),
            runs=len(found),
            note=f"tenants of {sizes[-1]:,} to {sizes[0]:,} memories, asked in proportion to their size; "
            f"p50 for the largest: {spread(largest)[0]:.1f} ms; the question's embedding is part of it",
        ),
        Row(
            key="memory-recall",
            name=f"{name}: recall@{HITS}",
            unit="",
            ours=recall,
            ours_min=min(share for _, share in found),
            ours_max=max(share for _, share in found),
            reference_name="one HNSW index, filtered",
            reference=ONE_SHARED_INDEX_RECALL,
            ratio=recall / ONE_SHARED_INDEX_RECALL,
            target=f"≥ {TARGET_RECALL}",
            met=bool(recall >= TARGET_RECALL),
            runs=len(found),
        ),
    ]


def _sizes(total: int) -> list[int]:
    """Return sizes by Zipf's law, the largest first: it has a fifth of everything, the smallest a hundredth of that."""
    shares = [1 / rank for rank in range(1, TENANTS + 1)]
    return [max(HITS, round(total * share / sum(shares))) for share in shares]


def _tenants_fill(sizes: list[int]) -> dict[UUID, Vectors]:
    """Make tenants and their memories, mixed as they would come; return the vectors of each."""
    numbers = np.random.default_rng(7)
    tenants = Tenant.objects.bulk_create(
        [Tenant(slug=f"bench-memory-{rank}", name=f"Memory {rank}") for rank in range(len(sizes))]
    )
    owners = numbers.permutation(np.repeat(np.arange(len(sizes)), sizes))
    subjects = numbers.normal(size=(SUBJECTS, EMBEDDING_DIMENSIONS))
    near = subjects[numbers.integers(SUBJECTS, size=len(owners))] + numbers.normal(
        scale=0.6, size=(len(owners), EMBEDDING_DIMENSIONS)
    )
    vectors: Vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    _copy([tenants[owner].id for owner in owners], vectors)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {Memory._meta.db_table}")
    return {tenant.id: vectors[owners == rank] for rank, tenant in enumerate(tenants)}


def _copy(tenant_ids: list[UUID], vectors: Vectors) -> None:
    """Copy memories with texts of a few hundred characters, as answers have, in binary: a vector is its numbers."""
    numbers = vectors.astype(">f4")
    head = struct.pack(">HH", EMBEDDING_DIMENSIONS, 0)  # as pgvector sends and receives it
    columns = "id, tenant_id, task_id, digest, content, embedding"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {Memory._meta.db_table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["uuid", "uuid", "uuid", "text", "text", "bytea"])
        for number, tenant_id in enumerate(tenant_ids):
            digest, memory_id = f"memory {number}", uuid7()
            copy.write_row(
                [memory_id, tenant_id, memory_id, digest, f"{digest} " * 20, head + numbers[number].tobytes()]
            )


def _search(tenant_id: UUID, vectors: Vectors, number: int) -> tuple[float, float]:
    """Return the milliseconds of a search, and the share of the best scores that it found."""
    query = f"What did we find out about subject {number}, and when?"
    started = time.perf_counter()
    hits = memory_search(tenant_id=tenant_id, query=query, limit=HITS)
    milliseconds = (time.perf_counter() - started) * 1000
    place = np.asarray(embedder().embed([query])[0], dtype=np.float32)
    best = np.sort(vectors @ place)[::-1][:HITS]
    good = sum(hit.score >= best[-1] - 1e-5 for hit in hits)
    return milliseconds, good / HITS


def _tenants_remove(tenant_ids: list[UUID]) -> None:
    Memory.objects.filter(tenant_id__in=tenant_ids).delete()
    Tenant.objects.filter(id__in=tenant_ids).delete()
