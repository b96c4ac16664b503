"""What two tiers cost against always the large one, on labelled requests; the ledger says it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import yaml
from django.db.models import Sum

from agents.fake_engine import FakeStepEngine, fake_context
from agents.llm.administration import gateway_row_save
from agents.llm.types import ModelRequest
from agents.models import ModelOverride, TierOverride
from agents.services import Journal, model_call, session_open
from benchmarks.bench import ROOT, Bench
from benchmarks.report import Row
from orchestration.wishes import tier_by_request
from policy.models import LedgerEntry
from policy.services import tenant_seed
from policy.types import BudgetRef, BudgetScope, Principal

LABELLED = ROOT / "tests" / "routing" / "requests.yaml"
PRICES = {"small": ("0.15", "0.60"), "large": ("2.50", "10.00")}  # per million, as of a small and a large model of 2025


def tiers_rows(bench: Bench) -> list[Row]:
    """Ask each request of the set twice: by the tier that its form needs, and by the large one."""
    tenant = tenant_seed(slug="bench-tiers", name="Bench: tiers")  # its own: its rows must not serve other rows
    principal = replace(bench.principal(), tenant_id=tenant.id)
    _prices_set(principal)
    labelled = [(label, query) for label, queries in _requests(LABELLED).items() for query in queries]
    arms: dict[str, Callable[[str], str]] = {"two tiers": tier_by_request, "always large": lambda _: "large"}
    costs = {}
    for arm, tier_of in arms.items():
        payer = replace(principal, user_id=f"bench {arm}")
        before = _paid(payer)
        for _, query in labelled:
            _ask(payer, query, tier_of(query))
        costs[arm] = _paid(payer) - before
    small = {
        label: sum(tier_by_request(query) == "small" for own, query in labelled if own == label)
        for label in {label for label, _ in labelled}
    }
    of_simple = sum(label == "simple" for label, _ in labelled)
    wrongly_small = sum(count for label, count in small.items() if label != "simple")
    ratio = costs["two tiers"] / costs["always large"]
    return [
        Row(
            key="tiers",
            name=f"{len(labelled)} labelled requests, routed to two tiers: cost in the ledger",
            unit="USD",
            ours=float(costs["two tiers"]),
            ours_min=float(costs["two tiers"]),
            ours_max=float(costs["two tiers"]),
            reference_name="always the large tier",
            reference=float(costs["always large"]),
            ratio=float(ratio),
            target="less than always large",
            met=ratio < 1,
            runs=1,
            note=f"{small['simple']} of {of_simple} simple requests went to the small tier, and {wrongly_small} of "
            f"{len(labelled) - of_simple} others; prompts and answers are those of the offline model",
        )
    ]


def _requests(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load(path.read_text())
    return found


def _prices_set(principal: Principal) -> None:
    """Let each tier be served by an offline model at the price of a real one."""
    for tier, (reading, writing) in PRICES.items():
        name = f"bench-{tier}"
        row = ModelOverride(tenant_id=principal.tenant_id, name=name, litellm_name=f"offline/{tier}")
        row.provider, row.input_usd, row.output_usd = "offline", Decimal(reading), Decimal(writing)
        gateway_row_save(row=row)
        gateway_row_save(row=TierOverride(tenant_id=principal.tenant_id, tier=tier, candidates=[name]))


def _paid(payer: Principal) -> Decimal:
    entries = LedgerEntry.objects.filter(tenant_id=payer.tenant_id, user_id=payer.user_id)
    paid: Decimal = entries.aggregate(usd=Sum("usd", default=Decimal(0)))["usd"]
    return paid


def _ask(payer: Principal, query: str, tier: str) -> None:
    session = session_open(principal=payer, session_id="bench-tiers").id
    budgets = (BudgetRef(BudgetScope.TENANT, payer.tenant_id),)
    ctx = fake_context(engine=FakeStepEngine(uses_database=True), principal=payer, session_id=session, budgets=budgets)
    messages = [{"role": "user", "content": query}]
    model_call(ctx, Journal(ctx), ModelRequest(messages=messages, tier=tier, max_output_tokens=512))
