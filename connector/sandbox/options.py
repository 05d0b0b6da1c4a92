"""What a sandbox is started with. Every knob may be changed later through the control API (`set`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Data, credentials and habits of the two simulated systems. Times are seconds unless the name says otherwise."""

    # ports: 0 lets the machine choose
    sfcc_port: int = 0
    salesforce_port: int = 0
    control_port: int = 0
    host: str = "127.0.0.1"

    # data
    orders: int = 100
    """Orders at RefArch; RefArchGlobal gets a tenth of that on top."""
    seed: int = 7
    exceptions: float = 0.2
    """Share of orders that need a person: unpaid, address mismatch, partial or late, risky."""
    returns: int | None = None
    """ReturnRequest objects; None: one for every twenty orders."""
    complaints: int = 0
    """Complaint objects."""
    checkouts: int = 0
    """CheckoutProblem objects."""
    changes: int = 0
    """OrderChange objects."""
    claims: int = 0
    """WarrantyClaim objects."""
    disputes: int = 0
    """Dispute objects, over two orders each."""
    products: int = 0
    """Products beside the few that everybody buys: `more-1`, `more-2` …"""
    days: float = 30.0
    """last_modified of the orders is spread over that many days before the start."""
    equal_run: int = 12
    """Longest run of orders that share one last_modified."""
    longest_order: int = 50
    """Most product lines of an order."""

    bare: bool = False
    """An org and a shop before an administrator has prepared them: without our fields, queues, attributes, object types and
    OCAPI permissions. Orders are there, without custom attributes; return requests are not."""

    # credentials (both systems)
    clients: Mapping[str, str] = field(default_factory=lambda: {"bench": "secret"})
    """Client id → secret."""
    users: Mapping[str, str] = field(default_factory=lambda: {"manager": "manager-pw"})
    """Business Manager user → password, for the user grant of the shop."""
    public_keys: Mapping[str, str] = field(default_factory=dict)
    """Client id → PEM public key that signs its JWT assertions at Salesforce."""

    # both systems
    latency_ms: float = 0.0
    clock_skew: float = 0.0
    """The remote clocks run that far ahead of ours."""
    shop_skew: float = 0.0
    org_skew: float = 0.0
    """On top of it for one system alone, so that the two disagree."""

    # shop (SFCC)
    token_lifetime: float = 1799
    index_lag: float = 0.0
    """Search shows a written order that much later; GET shows it at once."""
    index_jitter: float = 0.0
    """Up to so much more per write, seeded: documents arrive in the index out of order."""
    indexing: bool = True
    paging_cap: int | None = None
    """Largest start + count of a search; None: no cap. Old pages say 1000, others 10000."""
    minute_dates: bool = False
    object_dates: bool = True
    """False: custom objects do not show creation_date and last_modified, though both are searchable."""
    show_next: bool = True
    unknown_attributes: str = "refuse"
    """An undeclared c_ attribute in a write: refuse (400) or ignore."""
    permission_style: int = 401
    """Status of a resource that the client may not use: 401 or 403."""
    permissions: Mapping[str, Any] = field(default_factory=dict)
    """Client id → list of resources as in OCAPI settings; a client without entry may do everything."""
    scapi_clients: Mapping[str, str] = field(default_factory=lambda: {"bench-scapi": "secret"})
    """Client id → secret of API clients made for SCAPI; they may not call OCAPI, and the others not SCAPI."""
    scapi_scopes: Mapping[str, Any] = field(default_factory=dict)
    """Client id → scopes that it was given beside the tenant's; a client without entry has all."""
    organization: str = "f_ecom_zzte_053"
    scapi_dates: str = "day"
    """Dates of SCAPI's filters: `day` (a time of day is refused) or `instant`."""
    scapi_day_starts: float = 0.0
    """Hours after midnight UTC at which a day of SCAPI's filters begins."""
    scapi_lists: str = "placed"
    """Which orders SCAPI's list shows where no status is asked for: `placed` (new, completed, cancelled) or `all`."""
    scapi_total: bool = True
    """False: pages of SCAPI hold nothing but their records."""
    scapi_load: int = 0
    """Load of the instance in percent: from 80 SCAPI's answers warn, from 90 they say THROTTLE, at 100 they are 503."""
    scapi_object_path: str = "sites/{site}/custom-objects/{type}/{key}"
    scapi_object_search: str = "custom-objects-search/{type}"
    """Paths of custom objects behind SCAPI's organization; no public page names them."""
    frozen_orders: frozenset[str] = frozenset()
    """Orders handed over to order management: their status can no longer be changed here."""
    shop_code: float = 0.5
    """The shop's own code looks for refund requests and notices to customers that often; 0: only when told to."""
    customers: float = 0.0
    """Customers who are asked for evidence look that often and answer; 0: nobody asks, and they answer when told to."""

    # Salesforce
    session_lifetime: float = 7200
    daily_calls: int = 5_000_000
    page_size: int = 2000
    cursor_lifetime: float = 172_800
    unknown_field: str = "call"
    """An unknown field in a collection refuses the whole call, or only its row: call or row."""
    unique_key: bool = True
    """False: Commerce_Key__c is an External ID but not unique, so two racing creates both succeed."""
    required_fields: tuple[str, ...] = ()
    duplicate_rule: bool = False
    """A new Case with the e-mail and subject of another one is refused: DUPLICATES_DETECTED."""
    hidden_fields: frozenset[str] = frozenset()
    """Fields (`Case.Site__c`) that nobody may see: no describe names them, queries and writes know no such column."""
    readonly_fields: frozenset[str] = frozenset()
    """Fields (`Case.Site__c`) that nobody may write, whatever they were made for."""
    foreign_queues: frozenset[str] = frozenset()
    """Queues without Case among their objects."""
    owner_tracking: bool = True
    """False: field history tracks no owners of Cases."""
    omni_channel: bool = False
    """Omni-Channel is on: who accepts a Case from a queue leaves an AgentWork."""
    supplied_updatable: bool = True
    """False: Supplied* fields may be set on create only."""

    traffic: float = 0.0
    """Changes a minute in the shop: new orders, changed ones, returns."""

    # people
    agents: bool = False
    agent_rate: float = 2.0
    """Cases that the agents decide in a second."""
    recalls: int = 0
    """Recalls that the agents start by themselves and lift again, one after the other, of products that may overlap."""
    agent_delay: float = 0.5
    """An agent works that long on a case after taking it."""

    # faults from the start: rules as the control API takes them
    faults: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        choices: dict[str, tuple[object, ...]] = {
            "unknown_attributes": ("refuse", "ignore"),
            "unknown_field": ("call", "row"),
            "permission_style": (401, 403),
            "scapi_dates": ("day", "instant"),
            "scapi_lists": ("placed", "all"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                known = " or ".join(str(a) for a in allowed)
                raise ValueError(f"{name} is {known}, not {getattr(self, name)!r}")
        if not 0 <= self.exceptions <= 1:
            raise ValueError(f"exceptions is a share between 0 and 1, not {self.exceptions!r}")
        if not 0 <= self.agent_rate <= 500:  # beyond, what is due comes faster than it is done
            raise ValueError(f"agent_rate is 0 to 500 cases a second, not {self.agent_rate!r}")
        for name in (
            "orders",
            "complaints",
            "checkouts",
            "changes",
            "claims",
            "disputes",
            "products",
            "latency_ms",
            "index_lag",
            "index_jitter",
            "shop_code",
            "customers",
            "traffic",
            "agent_delay",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative: {getattr(self, name)!r}")
