"""What an administrator does for SCAPI: the page and the scopes of `connector setup`."""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapters.sfcc.scapi.limits import api_of
from connector.adapters.sfcc.scapi.scopes import tenant
from connector.adapters.sfcc.settings import SfccSettings
from connector.model import StreamUse

SCOPES = "scapi-scopes.txt"
PAGE = """\
# B2C Commerce over SCAPI: what an administrator does

Written by `connector setup` from the configured flows; run it again when they change. Importing a second time changes
nothing else.

1. **API client.** Account Manager, API Client, Add: made for SCAPI, token endpoint authentication by its password. Its id and
   password are `client_id` and `client_secret` of the connection; a client of OCAPI is refused.

2. **Scopes.** The same client, Allowed Scopes: each line of `{scopes}`. The one of the tenant is asked for by itself, the others
   stand under `scopes` of the connection; a scope that the client was not given refuses the whole sign-in.

3. **Import the definitions.** Business Manager, Administration, Site Development, Import & Export, Meta Data: upload each
   file of the folder `meta`, validate, import with mode *Merge*. In a site archive the folder has the same place.
{imported}
4. **Organization and address.** Administration, Site Development, Salesforce Commerce API Settings: the organization id is
   `organization` of the connection, and the short code begins its `url`.

What the shop's own code does is not in these files: it fills the attributes that the flows read{fills}.
"""


def scopes_text(settings: SfccSettings, uses: Sequence[StreamUse]) -> str:
    """What the client must be given for these flows, one a line."""
    needed = {
        api_of(use.stream, settings).needed(writes=writes) for use in uses for writes in {False, bool(use.writes)}
    }
    return "\n".join([tenant(settings.organization or ""), *sorted(needed)]) + "\n"
