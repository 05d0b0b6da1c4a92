"""The page beside an org's metadata: the commands to give, and what remains to be done by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.adapters.salesforce.settings import Jwt, Settings

_PAGE = """\
# Salesforce: what an administrator does

Written by `connector setup` from the configured flows; run it again when they change. Deploying a second time changes
nothing else. Commands run in this folder; `ORG` is your alias for the org, signed in with `sf org login web --alias ORG`.

1. **Deploy** {what}the fields, the queues and two permission sets:

   ```sh
   sf project deploy start --source-dir force-app --target-org ORG
   ```

   {deployed}
   Should the org answer `Permission … depends on permission(s): …`, add the permission that it names to the permission set
   in this folder and deploy again: which ones depend on others differs with the features of an org.

2. **Picklist values.** Setup, Object Manager, Case, Fields. Add those that are missing; a deployment of standard picklists
   would deactivate every other value, so it is not in these files.

{picklists}
   Where Case has record types or support processes, select the new values there too.

3. **Permission sets.** `Commerce_Case_Connector` is for the integration user alone. A user with the licence *Salesforce
   Integration* needs the permission set licence *Salesforce API Integration* first. `Commerce_Case_Agent` is for everybody who
   works on these cases: fields that were deployed are visible to nobody else, administrators included.

   ```sh
   sf org assign permset --name Commerce_Case_Connector --on-behalf-of INTEGRATION_USER --target-org ORG
   sf org assign permset --name Commerce_Case_Agent --on-behalf-of AGENT --target-org ORG
   ```

4. **External Client App.** Setup, External Client App Manager, New: OAuth enabled, scope *Manage user data via APIs (api)*.
   {app}

5. **People.** Add the agents to the queues. {layout}
"""
_CREDENTIALS = """\
Enable the *client credentials flow* and set the integration user as its Run-As user. Consumer key and
   secret are `client_id` and `client_secret` of the connection; the token comes from the org's own host (My Domain)."""
_ASSERTION = """\
Enable the *JWT bearer flow*, upload the certificate that belongs to `private_key`, and let administrators
   pre-authorise users: the app's policy names `Commerce_Case_Connector`. The consumer key is `client_id` of the connection."""


def written(
    settings: Settings,
    objects: Sequence[str],
    picklists: Mapping[str, Sequence[str]],
    queues: Mapping[str, Sequence[str]],
    decided: Sequence[str],
    made: Mapping[str, str],
) -> str:
    """The page. `decided`: fields that the agents fill in and the flows read. `made`: custom objects that are deployed, with
    what a list of their records is called."""
    custom = [each for each in objects if each.endswith("__c") and each not in made]
    others = [each for each in objects if each != "Case" and not each.endswith("__c")]
    deployed = ""
    if queues:
        deployed = (
            f"The queues are {_listed(list(queues))}. Delete the file of one that your org has already: a deployment\n"
            "   could take its members away."
        )
    if made:
        deployed = (
            f"These files make {_listed(list(made))}. Delete the `object-meta.xml` of one that your org has already:\n"
            f"   its label, numbering and sharing then stay as they are.\n   {deployed}"
        )
    if custom:
        deployed = f"The objects {_listed(custom)} must exist already. {deployed}"
    if others:
        deployed += (
            f"\n   Access to the standard fields of {_listed(others)} comes from the integration user's profile."
        )
    rows = [f"   - {name}: {', '.join(values)}" for name, values in picklists.items()]
    layout = "Put the new fields on the page layout of the cases"
    if decided:
        layout += f"; agents fill in\n   {_listed([each.partition('.')[2] for each in decided])}"
    if made:
        layout += f".\n   Related lists that belong there too: {_listed(list(made.values()))}"
    return _PAGE.format(
        what="the custom objects, " if made else "",
        deployed=deployed.strip() or "No queue is named by a mapping.",
        picklists="\n".join([*rows, ""]) if rows else "   The flows write none.\n",
        app=_ASSERTION if isinstance(settings.auth, Jwt) else _CREDENTIALS,
        layout=f"{layout}.",
    )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{each}`" for each in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
