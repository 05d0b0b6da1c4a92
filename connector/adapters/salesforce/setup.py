"""What an org's administrator deploys and assigns for the flows: custom objects and fields, queues, two permission
sets, and a page that says what no file can do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from connector.adapter import Declared
from connector.adapters.salesforce.documents import STREAM as FILES
from connector.adapters.salesforce.guide import written
from connector.adapters.salesforce.metadata import (
    FOLDER,
    Unknown,
    custom_object,
    field,
    label_of,
    master_of,
    permission_set,
    plural_of,
    queue,
)
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.streams import PLAIN
from connector.model import Attribute, FieldUse, Op, Problem, Setup, StreamUse

CONNECTOR, AGENT = "Commerce_Case_Connector", "Commerce_Case_Agent"
"""API names of the permission sets: of the user that we sign in as, and of the people who work on the cases."""

SECURED = frozenset({
    "AccountId", "ContactId", "ClosedDate", "Description", "Origin", "Priority", "Reason", "Subject", "SuppliedCompany",
    "SuppliedEmail", "SuppliedName", "SuppliedPhone", "Type",
})  # fmt: skip
"""Standard fields of Case with field-level security. Others (Status, OwnerId, CaseNumber) everybody has who has the object,
and a permission set that names one is refused."""
PICKLISTS = ("Status", "Origin", "Reason", "Type", "Priority")
"""Standard picklists of Case. Their values are not deployed: a StandardValueSet deactivates the values that it does not name."""
_CASE_SHARES = frozenset(
    {
        "CaseComment",
        "CaseHistory",
        "ContentDocument",
        "ContentDocumentLink",
        "ContentVersion",
        "EmailMessage",
        "Event",
        "FeedItem",
        "Group",
        "QueueSobject",
        "Task",
        "User",
    }
)
"""Objects that no object permission of a permission set is about: they follow their case, or everybody reads them."""
_KEYED = {FILES, *PLAIN}
"""Of those, the ones that we create under our key."""
ACTIVITY = "Activity"
"""Where custom fields of Task and Event are defined; their permissions name Task or Event all the same."""
_KEY = Attribute(
    "Text(255)", "", "Key of the commerce record behind this record, written by the connector. Never edit it."
)


def setup(settings: Settings, uses: Sequence[StreamUse], declared: Declared) -> Setup:
    """The files of one org."""
    return _Package(settings, declared).of(uses)


class _Package:
    def __init__(self, settings: Settings, declared: Declared) -> None:
        self._settings, self._declared = settings, declared
        self._files: dict[str, str] = {}
        self._guessed: dict[tuple[str, str], str] = {}
        self._problems: list[Problem] = []
        self._masters: dict[str, str] = {}
        """Custom object → the object whose detail it is."""
        self._standard: frozenset[str] = frozenset()

    def of(self, uses: Sequence[StreamUse]) -> Setup:
        ours: dict[str, bool] = {}
        agents: dict[str, bool] = {}
        self._standard = frozenset(use.stream for use in uses if not use.stream.endswith("__c"))
        for use in uses:
            for name, each in self._fields(use).items():
                writes = each.creates or each.updates
                if name.endswith("__c"):
                    if self._field(
                        use, name, each
                    ):  # always seen by whoever has the object, and refused in a permission set
                        continue
                    agents[f"{use.stream}.{name}"] = not writes
                elif use.stream != "Case" or name not in SECURED:
                    continue
                ours[f"{use.stream}.{name}"] = writes
        queues = _queues(uses)
        for name, objects in queues.items():
            self._add(f"queues/{_api_name(name)}.queue-meta.xml", queue(name, objects, self._settings.version))
        done = {use.stream: use.writes for use in uses if use.stream not in _CASE_SHARES}
        made = [stream for stream, ops in done.items() if _is_ours(stream, ops)]
        for stream in made:
            self._add(
                f"objects/{stream}/{stream}.object-meta.xml", custom_object(stream, detail=stream in self._masters)
            )
        self._sets(ours, agents, done, made)
        project = {
            "packageDirectories": [{"path": FOLDER.split("/")[0], "default": True}],
            "sourceApiVersion": self._settings.version,
        }
        self._files["sfdx-project.json"] = orjson.dumps(project, option=orjson.OPT_INDENT_2).decode() + "\n"
        self._files["README.md"] = written(
            self._settings,
            list(done),
            _values(uses),
            queues,
            [name for name, edits in agents.items() if edits],
            {stream: plural_of(label_of(stream)) for stream in made},
        )
        return Setup(self._files, self._guessed, self._problems)

    def _fields(self, use: StreamUse) -> Mapping[str, FieldUse]:
        """What the flows do with each field, the one that carries our key among them."""
        key = self._settings.key_field
        made = {name: each for name, each in use.fields.items() if "." not in name}
        if (use.stream not in _CASE_SHARES or use.stream in _KEYED) and ("create" in use.writes or use.keyed):
            made[key] = FieldUse(key, reads=True, creates="create" in use.writes, kinds=frozenset({"text"}))
        return dict(sorted(made.items()))

    def _field(self, of: StreamUse, name: str, use: FieldUse) -> bool:
        """The file of one field; whether it makes its object the detail of another one."""
        stream, key = of.stream, name == self._settings.key_field
        attribute = self._declared.get(stream, {}).get(name) or (_KEY if key else None)
        if attribute is None:
            attribute = self._parent(of, name) or _guess(use)
            self._guessed[stream, name] = attribute.type
        try:
            if key and attribute.type != _KEY.type:
                raise Unknown(f"the key field is {_KEY.type}")
            text = field(name, attribute, key=key and stream not in PLAIN, of=stream)
        except Unknown as error:
            self._problems.append(Problem(f"{attribute.type!r} cannot be its type", str(error), stream, name))
        else:
            home = ACTIVITY if stream in PLAIN else stream
            self._add(f"objects/{home}/fields/{name}.field-meta.xml", text)
            if master := master_of(attribute):
                self._masters[stream] = master
                return True
        return False

    def _parent(self, of: StreamUse, name: str) -> Attribute | None:
        """`Case__c` of an object that we make beside cases is its case: so it is deleted, merged and shared with it."""
        named = name.removesuffix("__c")
        if _is_ours(of.stream, of.writes) and named in self._standard and of.stream not in self._masters:
            return Attribute(f"MasterDetail({named})")
        return None

    def _sets(
        self,
        ours: Mapping[str, bool],
        agents: Mapping[str, bool],
        objects: Mapping[str, frozenset[Op]],
        made: Sequence[str],
    ) -> None:
        masters = {self._masters[stream] for stream in objects if stream in self._masters}
        edited = {name.partition(".")[0] for name, edits in agents.items() if edits}
        rights = {stream: frozenset[Op]({"update"} if stream in edited else ()) for stream in made}
        self._add(
            f"permissionsets/{CONNECTOR}.permissionset-meta.xml",
            permission_set(
                "Commerce Case Connector",
                "For the integration user of the commerce connector alone.",
                fields=ours,
                objects={
                    **{master: frozenset[Op]() for master in masters},
                    **objects,
                },  # who reads a detail reads its master
                system=["ApiEnabled"],
            ),
        )
        if agents:
            self._add(
                f"permissionsets/{AGENT}.permissionset-meta.xml",
                permission_set(
                    "Commerce Case Agent",
                    "For people who work on cases of the commerce connector: its fields, and what they decide.",
                    fields=agents,
                    objects={
                        **{self._masters[each]: frozenset[Op]() for each in made if each in self._masters},
                        **rights,
                    },
                    all_records=False,
                ),
            )

    def _add(self, path: str, text: str) -> None:
        self._files[f"{FOLDER}/{path}"] = text


def _is_ours(stream: str, ops: frozenset[Op]) -> bool:
    """Whether an object is there for our records: a custom one, of no package, in which the flows make some."""
    return stream.endswith("__c") and "__" not in stream.removesuffix("__c") and "create" in ops


def _guess(use: FieldUse) -> Attribute:
    """The type of a field that nobody declared, from what the mappings write."""
    kinds = use.kinds
    if kinds == {"number"}:
        return Attribute("Number(16, 2)")
    if kinds == {"instant"}:
        return Attribute("DateTime")
    if kinds == {"date"}:
        return Attribute("Date")
    if kinds == {"boolean"}:
        return Attribute("Checkbox")
    if use.closed and use.values and all(isinstance(each, str) for each in use.values):
        return Attribute("Picklist", values=tuple(str(each) for each in use.values))
    if use.longest is not None and use.longest > 255:
        return Attribute(f"LongTextArea({min(max(use.longest, 256), 131_072)})")
    return Attribute("Text(255)")


def _queues(uses: Sequence[StreamUse]) -> Mapping[str, list[str]]:
    """Queue → objects whose records the flows put into it."""
    made: dict[str, list[str]] = {}
    for use in uses:
        for each in use.fields.values():
            for ref in each.refs:
                if ref.kind == "queue" and use.stream not in made.setdefault(ref.name, []):
                    made[ref.name].append(use.stream)
    return dict(sorted(made.items()))


def _values(uses: Sequence[StreamUse]) -> Mapping[str, Sequence[str]]:
    """Standard picklist of Case → values that the flows write to it."""
    return {name: values for name, values in _written(uses) if values}


def _written(uses: Sequence[StreamUse]) -> Iterator[tuple[str, list[str]]]:
    fields = next((use.fields for use in uses if use.stream == "Case"), {})
    for name in PICKLISTS:
        yield name, [str(each) for each in fields[name].values] if name in fields else []


def _api_name(label: str) -> str:
    """`Late_Delivery` for the queue `Late Delivery`."""
    return re.sub(r"_+", "_", re.sub(r"\W", "_", label, flags=re.ASCII)).strip("_")
