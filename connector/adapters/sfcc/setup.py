"""What a shop's administrator imports and pastes for the flows: attributes, object types, OCAPI permissions, and a page
that says where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.adapter import Declared
from connector.adapters.sfcc.keyed import parts
from connector.adapters.sfcc.metadata import Unknown, check, extensions, object_types
from connector.adapters.sfcc.permissions import settings_of
from connector.adapters.sfcc.scapi.page import PAGE as SCAPI_PAGE
from connector.adapters.sfcc.scapi.page import SCOPES, scopes_text
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import CUSTOMERS, ORDERS, PRODUCTS, object_type
from connector.model import Attribute, FieldUse, Problem, Setup, StreamUse

EXTENSION, TYPES = "meta/system-objecttype-extensions.xml", "meta/custom-objecttype-definitions.xml"
SHOP, DATA = "ocapi-settings.shop.json", "ocapi-settings.data.json"

_PAGE = """\
# B2C Commerce: what an administrator does

Written by `connector setup` from the configured flows; run it again when they change. Importing a second time changes
nothing else.

1. **API client.** Account Manager, API Client, Add: made for OCAPI, token endpoint authentication by its password. Its id
   and password are `client_id` and `client_secret` of the connection.

2. **Import the definitions.** Business Manager, Administration, Site Development, Import & Export, Meta Data: upload each
   file of the folder `meta`, validate, import with mode *Merge*. In a site archive the folder has the same place.
{imported}
3. **Permissions.** Administration, Site Development, Open Commerce API Settings. Where another client is in there already,
   add our entry of `clients` to theirs. A change counts within 3 minutes.
   - type *Shop*, context *{site}*: paste `{shop}`
   - type *Data*, context *Global*: paste `{data}`

4. **Order search.** Merchant Tools, Search, Search Indexes: enable *Order Incremental Indexing* and build the order index.
   Without it the order search answers 500.

What the shop's own code does is not in these files: it fills the attributes that the flows read{fills}.
"""


def setup(settings: SfccSettings, uses: Sequence[StreamUse], declared: Declared) -> Setup:
    """The files of one instance."""
    return _Archive(declared).of(settings, uses)


class _Archive:
    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._guessed: dict[tuple[str, str], str] = {}
        self._problems: list[Problem] = []

    def of(self, settings: SfccSettings, uses: Sequence[StreamUse]) -> Setup:
        orders = next((self._attributes(use) for use in uses if use.stream == ORDERS), {})
        products = next((self._attributes(use) for use in uses if use.stream == PRODUCTS), {})
        customers = next((self._attributes(use) for use in uses if use.stream == CUSTOMERS), {})
        extended = {"Order": orders, "Product": products, "Profile": customers}
        types = {kind: self._attributes(use) for use in uses if (kind := object_type(use.stream)) is not None}
        if self._problems:
            return Setup({}, self._guessed, self._problems)
        files = {"README.md": _page(settings, extended, list(types))}
        if settings.api == "scapi":
            files[SCOPES] = scopes_text(settings, uses)
        else:
            files |= {SHOP: settings_of("shop", settings, uses), DATA: settings_of("data", settings, uses)}
        if any(extended.values()):
            files[EXTENSION] = extensions({kind: found for kind, found in extended.items() if found})
        if types:
            files[TYPES] = object_types(dict(sorted(types.items())))
        return Setup(files, self._guessed)

    def _attributes(self, use: StreamUse) -> Mapping[str, Attribute]:
        """Custom attributes that the flows use; of a custom type all that are declared, for it is written whole."""
        declared = self._declared.get(use.stream, {})
        used = list(dict.fromkeys(parts(name)[0] for name in use.fields if name.startswith("c_")))
        names = used if use.stream in (ORDERS, PRODUCTS, CUSTOMERS) else list(dict.fromkeys([*declared, *used]))
        return {name: self._attribute(use.stream, name, use.fields.get(name)) for name in sorted(names)}

    def _attribute(self, stream: str, name: str, use: FieldUse | None) -> Attribute:
        attribute = self._declared.get(stream, {}).get(name)
        if attribute is None:
            attribute = _guess(use)
            self._guessed[stream, name] = attribute.type
        try:
            check(attribute)
        except Unknown as error:
            self._problems.append(Problem(f"{attribute.type!r} cannot be its type", str(error), stream, name))
        return attribute


def _guess(use: FieldUse | None) -> Attribute:
    """The type of an attribute that nobody declared. Texts stay open: other code of the shop may write more of them."""
    kinds = use.kinds if use else frozenset()
    for kind, made in (("number", "double"), ("boolean", "boolean"), ("instant", "datetime"), ("date", "date")):
        if kinds == {kind}:
            return Attribute(made)
    longest = use.longest if use else None
    return Attribute("text" if longest is not None and longest > 4000 else "string")


def _page(settings: SfccSettings, extended: Mapping[str, Mapping[str, Attribute]], types: Sequence[str]) -> str:
    imported = []
    counted = [f"{len(found)} attributes of {kind}" for kind, found in extended.items() if found]
    if counted:
        imported.append(f"   - `{EXTENSION}`: {', '.join(counted)}")
    if types:
        imported.append(f"   - `{TYPES}`: the site-scoped types {', '.join(f'`{each}`' for each in sorted(types))}")
    fills = ", makes the objects\nthat they read and executes those that they make" if types else ""
    if settings.api == "scapi":
        listed = "\n".join([*imported, ""]) if imported else "   The flows use none.\n"
        return SCAPI_PAGE.format(scopes=SCOPES, imported=listed, fills=fills)
    return _PAGE.format(
        imported="\n".join([*imported, ""]) if imported else "   The flows use none.\n",
        shop=SHOP, data=DATA, site=settings.site, fills=fills,
    )  # fmt: skip
